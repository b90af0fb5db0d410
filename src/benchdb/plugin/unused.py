"""Saying that options have no effect, as nothing is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def say_unused_options(config: pytest.Config) -> None:
    """Have the run say at its start which options need ``--benchmark`` beside them."""
    option = config.option
    given = {
        "--benchmark-db": option.benchdb_db,
        "--benchmark-tag": option.benchdb_tags,
        "--benchmark-repeat": option.benchdb_repeat != 1,
        "--benchmark-strict": option.benchdb_strict,
        "--benchmark-artifacts": option.benchdb_artifacts,
    }
    names = ", ".join(name for name, value in given.items() if value)
    line = f"benchdb: nothing is recorded, as {names} came without --benchmark"
    config.pluginmanager.register(_Unused(line))


class _Unused:
    """Says a line when the session starts; no warning, as ``-W error`` would make of it."""

    def __init__(self, line: str) -> None:
        self._line = line

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Write it where pytest writes; a worker of pytest-xdist has nowhere."""
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and not hasattr(session.config, "workerinput"):
            reporter.write_line(self._line)
