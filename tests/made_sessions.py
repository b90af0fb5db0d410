"""Sessions of made-up numbers, recorded one a day, for the tests of what judges a history."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from recorded import Project
from store_samples import EPOCH, facts

from benchdb.records import ClosedTestRun, Revision, SubjectRevision
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from recorded import Ran

FAIL, LOSE, HANG, SKIP = "fail", "lose", "hang", "skip"

#: What a test measured that passed and measured nothing.
NOTHING = None


def commit(number: int) -> str:
    return f"{number:02d}" + "c0ffee" * 6 + "ab"


class History:
    """Sessions of made-up numbers, one a day, each at a commit of its own."""

    def __init__(self, folder: Path, name: str = "benchmark.db") -> None:
        self.project = Project(folder)
        self.path = folder / name
        self.day = 0
        self._noise = random.Random(7)

    def settings(self, *lines: str) -> None:
        (self.project.folder / "pyproject.toml").write_text("\n".join(["[tool.benchdb]", *lines]))

    def add(
        self,
        runs: Mapping[str, Any],
        *,
        branch: str = "main",
        version: str | None = None,
        at: str | None = None,
        beside: tuple[SubjectRevision, ...] = (),
        runtime: str | None = None,
        uid: str | None = None,
        **said: Any,
    ) -> str:
        """Record a session: of each test a value, several, or what became of it."""
        self.day += 1
        if uid is None:
            uid = f"session-{self.day:03d}-{re.sub('[^a-z0-9]', '-', branch)}"
        committed = EPOCH + timedelta(days=self.day)
        subject = SubjectRevision("common", "1", at or commit(self.day), committed, branch, False)
        recorder = Recorder(
            self.path,
            facts(
                uid,
                self.day,
                branch=branch,
                revision=Revision(f"{at or commit(self.day)}-{branch}", (subject, *beside)),
                **{"command_line": "pytest --benchmark", **said},
            ),
        )
        for name, values in runs.items():
            for value in values if isinstance(values, list) else [values]:
                self._run(recorder, name, value, version, runtime)
        recorder.finish(committed + timedelta(hours=1))
        return uid

    def _run(
        self, recorder: Recorder, name: str, value: Any, version: str | None, runtime: str | None
    ) -> None:
        ordinal = recorder.open(EPOCH, (name, name.partition("[")[0], "test_it.py"))
        if value == LOSE:
            recorder.abandon(ordinal, "lost", EPOCH)
            return
        columns = (
            {} if value in (FAIL, SKIP, NOTHING) else {"duration": 1.0 if value == HANG else value}
        )
        recorder.close(
            ordinal,
            ClosedTestRun(
                setup_outcome="passed",
                call_outcome={FAIL: "failed", SKIP: "skipped"}.get(value, "passed"),
                teardown_outcome="passed",
                start=EPOCH,
                end=EPOCH,
                version=version,
                columns={
                    "coiled_runtime_version": runtime,
                    **columns,
                    **({"hang_class": "deadlock"} if value == HANG else {}),
                },
            ),
        )

    def near(self, level: float = 1.0) -> float:
        """Return a value with 2 % of noise."""
        return level * self._noise.lognormvariate(0, 0.02)

    def usual(self, sessions: int = 40, tests: int = 1, level: float = 1.0, **said: Any) -> None:
        for _ in range(sessions):
            self.add({f"test_{number}": self.near(level) for number in range(tests)}, **said)

    def gate(self, *arguments: object, **variables: str) -> Ran:
        return self.project.benchdb("gate", *arguments, **variables)

    def verdicts(self, *arguments: object) -> dict[tuple[str, str], Any]:
        document = self.gate(*arguments, "--format", "json").json
        return {
            (one["case"].removeprefix("test_it.py::"), one["metric"]): one
            for one in document["verdicts"]
        }
