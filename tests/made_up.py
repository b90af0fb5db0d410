"""Histories with known causes, imported from CSV files as a user's are."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from recorded import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST = datetime(2026, 1, 1, tzinfo=UTC)

SETTINGS = """
[project]
name = "suite"
version = "1"
[tool.benchdb]
controls = ["*control*"]
"""


def commit(number: int) -> str:
    """Return the commit of a session."""
    return f"{number:012d}{'f' * 28}"


@dataclass
class History:
    """What each case measures in each session; noise is added.

    Parameters
    ----------
    effects
        By case: what its times are multiplied by in a session.
    more
        Further columns by name: what they hold in a session.
    """

    sessions: int = 40
    cases: int = 12
    seed: int = 1
    noise: float = 0.02
    commits: bool = True
    effects: dict[str, Callable[[int], float]] = field(default_factory=dict)
    more: dict[str, Callable[[int], str]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Return all cases."""
        return [f"t.py::test_{number:02}" for number in range(self.cases)] + [
            name for name in self.effects if not name.startswith("t.py::test_0")
        ]

    def rows(self, first: int = 0) -> list[dict[str, str]]:
        """Return the lines of the file, the same for the same arguments."""
        made = []
        for session in range(self.sessions):
            dice = random.Random(f"{self.seed} {session}")
            for number, name in enumerate(self.names()):
                value = (1 + number) * dice.lognormvariate(0, self.noise)
                value *= self.effects.get(name, lambda _: 1.0)(session)
                row = {
                    "test": name,
                    "start": (FIRST + timedelta(days=session)).isoformat(),
                    "branch": "main",
                    "duration": repr(value),
                }
                if self.commits:
                    row["commit"] = commit(session)
                row.update({key: of(session) for key, of in self.more.items()})
                if session >= first:
                    made.append(row)
        return made


def step(at: int, factor: float) -> Callable[[int], float]:
    """Return what a change at one session does."""
    return lambda session: factor if session >= at else 1.0


def project(folder: Path, history: History | None = None, settings: str = SETTINGS) -> Project:
    """Make a project, and import a history into its database."""
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(settings, "utf-8")
    made = Project(folder)
    if history is not None:
        add(made, history.rows())
    return made


def add(to: Project, rows: list[dict[str, str]]) -> None:
    """Import lines."""
    path = to.folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    ran = to.benchdb("import", "csv", path, "--subject", "suite")
    assert ran.code == 0, ran.err
    path.unlink()
