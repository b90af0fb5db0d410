"""What all tests share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import forks
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["postgres_server", "pytester", "servers", "suites"]

#: Seconds that what tests started may take to end with them: workers of a client that was killed.
_LAST = 30


def pytest_configure(config: pytest.Config) -> None:
    # Here, not in pyproject.toml: a warning of Dask's must fail no benchmark.
    config.addinivalue_line("filterwarnings", "error")
    # Said by what looks for contention on the GIL, where a cluster starts on a busy machine: as an
    # error it would fail the start.
    config.addinivalue_line("filterwarnings", "ignore:timed out waiting on channel:UserWarning")


@pytest.fixture(scope="session", autouse=True)
def temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The temporary folder of this process and of all that its tests start; nothing outlives it.

    Sessions that are killed leave files there. It is not below pytest's own folder: the names of
    sockets have a limit, and PostgreSQL runs as a user who must get to its own.
    """
    tmp_path_factory.getbasetemp()  # stays where pytest looks for earlier ones
    with (
        tempfile.TemporaryDirectory(prefix="tests-", ignore_cleanup_errors=True) as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        folder.chmod(0o711)
        patch.setenv("TMPDIR", name)
        patch.setattr(tempfile, "tempdir", name)
        # A pytest that a test starts is no worker, whatever this one is.
        for variable in [each for each in os.environ if each.startswith("PYTEST_XDIST_")]:
            patch.delenv(variable)
        yield folder
        forks.end()
        _, left = psutil.wait_procs(list(_with_temporary_folder(name)), timeout=_LAST)
        assert not left, "still running after the last test"


def _with_temporary_folder(name: str) -> Iterator[psutil.Process]:
    """Yield the processes that were started with it, whoever their parents are by now."""
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            is_tracker = "multiprocessing.resource_tracker" in " ".join(process.cmdline())
            is_ours = process.ppid() == os.getpid()
        except (psutil.Error, OSError):  # another user's, or gone
            continue
        if variables.get("TMPDIR") == name and not (is_tracker and is_ours):  # which ends with us
            yield process
