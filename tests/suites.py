"""Suites of a user's that our tests run in pytests of their own, and what these recorded."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import forks
import numpy as np  # noqa: F401 - pytester unloads what a test loads, and numpy can't be loaded twice
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path
    from typing import IO


class Suite:
    """A folder with tests of a user's.

    Other plugins than ours are loaded by name alone, so that each test says what it is about and
    none depends on what is installed by chance.
    """

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        for name in ("BENCHDB_URL", "DB_NAME", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
            monkeypatch.delenv(name, raising=False)
        self._start = pytester.popen
        monkeypatch.setattr(pytester, "popen", self._fork)
        self.pytester = pytester
        self.folder: Path = pytester.path
        self.database = self.folder / "benchmark.db"

    def write(self, source: str = "", **files: str) -> None:
        """Write test_suite.py, and other modules by name."""
        if source:
            files["test_suite"] = source
        self.pytester.makepyfile(**files)

    @staticmethod
    def arguments(*given: str, plugins: str = "") -> list[str]:
        """Return the arguments of a pytest that has benchdb and some plugins, by entry point."""
        return [part for name in ("benchdb", *plugins.split()) for part in ("-p", name)] + [*given]

    def run(self, *given: str, plugins: str = "") -> pytest.RunResult:
        """Run pytest and return its result; it must not have met an error inside a plugin."""
        done = self.pytester.runpytest_subprocess(*self.arguments(*given, plugins=plugins))
        said = done.stdout.str() + done.stderr.str()
        assert "INTERNALERROR" not in said
        return done

    def _fork(
        self, command: Sequence[Any], stdout: IO[str], stderr: IO[str], **options: Any
    ) -> forks.Fork | subprocess.Popen[Any]:
        """Do what `Pytester.popen` does, by a fork where that may be."""
        if not forks.can_fork(os.environ):
            return self._start(command, stdout=stdout, stderr=stderr, **options)
        python, *arguments = command
        assert python == sys.executable
        path = os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH", "")]))
        return forks.Fork(
            *(arguments, forks.PYTEST),
            stdout=stdout.name,
            stderr=stderr.name,
            cwd=os.getcwd(),
            env={**os.environ, "PYTHONPATH": path},
        )

    def query(self, sql: str, *values: Any, database: Path | None = None) -> list[Any]:
        """Return the rows of a query; a row of one column as its value."""
        path = database or self.database
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            rows = connection.execute(sql, values).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def runs(self, columns: str, where: str = "1", database: Path | None = None) -> list[Any]:
        """Return columns of all test runs, in the order they started."""
        sql = f"select {columns} from test_run where {where} order by session_id, ordinal"
        return self.query(sql, database=database)

    def outcomes(self, where: str = "1") -> dict[str, tuple[Any, ...]]:
        """Return by name the outcomes of setup, call and teardown, and the state."""
        rows = self.runs("name, setup_outcome, call_outcome, teardown_outcome, state", where)
        assert len({row[0] for row in rows}) == len(rows)
        return {name: tuple(said) for name, *said in rows}

    def is_sound(self) -> bool:
        """Tell whether SQLite finds the file intact, and no row hangs in the air."""
        return (
            self.query("PRAGMA integrity_check") == ["ok"]
            and self.query("PRAGMA foreign_key_check") == []
        )

    def helpers(self) -> list[str]:
        """Return the names of files beside the database that a finished session leaves none of."""
        return sorted(path.name for path in self.folder.glob("benchmark*.db?*"))


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    return Suite(pytester, monkeypatch)
