"""Sites that `benchdb dashboard` built, as a program reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchdb.dashboard.shards import fnv1a

if TYPE_CHECKING:
    from recorded import Project


class Site:
    """A site that was built."""

    def __init__(self, of: Project, *arguments: object, folder: str = "site") -> None:
        ran = of.benchdb("dashboard", "-o", folder, *arguments)
        assert (ran.code, ran.err) == (0, "")
        self.said = ran.out
        self.folder = of.folder / folder

    def data(self, name: str) -> Any:
        text = (self.folder / "data" / f"{name}.js").read_text("ascii")
        head, tail = f'benchdb("{name}", ', ")\n"
        assert text.startswith(head)
        assert text.endswith(tail)
        assert "<" not in text
        return json.loads(text[len(head) : -len(tail)], parse_constant=pytest.fail)

    @property
    def index(self) -> Any:
        return self.data("index")

    @property
    def summary(self) -> Any:
        return json.loads((self.folder / "summary.json").read_text("ascii"))

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def files(self) -> dict[str, tuple[bytes, int]]:
        return {
            str(path.relative_to(self.folder)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def case(self, case: str) -> Any:
        part = fnv1a(case) % self.index["shards"]["cases"]
        (found,) = (one for one in self.data(f"cases/{part:02x}")["cases"] if one["id"] == case)
        return found

    def session(self, uid: str) -> Any:
        part = fnv1a(uid) % self.index["shards"]["sessions"]
        (found,) = (
            one for one in self.data(f"sessions/{part:02x}")["sessions"] if one["uid"] == uid
        )
        return found

    def series(self, case: str, metric: str = "duration") -> dict[str, Any]:
        index = self.index
        table = index["series"]
        for at, (number, of) in enumerate(zip(table["case"], table["metric"], strict=True)):
            if (index["cases"]["id"][number], index["metrics"][of]["name"]) == (case, metric):
                return {"number": at, **{name: column[at] for name, column in table.items()}}
        pytest.fail(f"{case} {metric} is in no series")
