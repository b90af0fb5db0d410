"""The kinds of clusters that meters are tried on, by `accuracy.py` and by benchdb's own tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.clusters.local import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

#: Seconds in which a scheduler or workers that are started by command must have come.
PATIENCE: Final = 180

#: Sixteen workers that each import all of Dask are most of what a small machine has to do here.
_FORKED: Final = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver"}


@contextlib.contextmanager
def local(workers: int, *, processes: bool = True) -> Iterator[Client]:
    """Start a `LocalCluster` with workers of one thread."""
    from distributed import Client

    keywords: dict[str, Any] = {"n_workers": workers, "threads_per_worker": 1}
    with (
        running({**keywords, "memory_limit": "3GB", "processes": processes}) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextlib.contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `dask` with arguments, and end it and all that it started."""
    import psutil

    with subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_FORKED},
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                for one in psutil.Process(process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.kill()
            process.kill()


@contextlib.contextmanager
def commands(workers: int) -> Iterator[Client]:
    """Start a scheduler and workers as people do at a prompt.

    Raises
    ------
    RuntimeError
        If the scheduler ends before it has written its file, or is too slow.
    """
    from distributed import Client

    nanny = ["--no-nanny"] if workers == 1 else ["--nworkers", str(workers)]
    with tempfile.TemporaryDirectory(prefix="kinds-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "scheduler.json")
        with command(
            "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)
        ) as scheduler:
            deadline = time.monotonic() + PATIENCE
            while not file.exists():
                if scheduler.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("`dask scheduler` ended or wrote no file: run it by hand")
                time.sleep(0.02)
            given = ["--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard"]
            with (
                command("worker", *given, "--local-directory", folder, *nanny),
                Client(scheduler_file=str(file)) as client,
            ):
                client.wait_for_workers(workers, timeout=PATIENCE)
                yield client


#: By name what starts a cluster of so many workers, each of one thread.
KINDS: Final = {
    "processes": local,
    "threads": partial(local, processes=False),
    "commands": commands,
}
