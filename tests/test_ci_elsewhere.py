"""What can be seen from one system of the others: there, too, every module must import and record.

The workflow of CI records on macOS and Windows themselves.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

#: Takes from a process what a system lacks, once all libraries are loaded, then goes on in benchdb.
ELSEWHERE = """
import importlib, importlib.abc, io, os, pkgutil, platform, signal, sqlite3, subprocess, sys, types
import alembic.autogenerate, click, psutil, pytest, rich, sqlalchemy.orm
import _pytest.capture, _pytest.faulthandler, _pytest.tmpdir, logging.config, mako.template
import rich.console, rich.table, tempfile, urllib.request, uuid

SYSTEM = sys.argv[1]
UNIX = {"fcntl", "grp", "pwd", "resource", "termios"}
LINUX = {"pidfd_open", "sched_getaffinity", "memfd_create", "eventfd"}
FORKING = {"fork", "forkpty", "register_at_fork", "geteuid", "getuid", "getpgid", "getrusage",
    "killpg", "kill_process_group", "mkfifo", "pread", "setsid", "statvfs", "sysconf", "uname",
    "O_CLOEXEC", "O_DIRECTORY", "O_NONBLOCK", "fchmod", "getloadavg"}
SIGNALS = {"SIGALRM", "SIGCHLD", "SIGHUP", "SIGSTOP", "SIGUSR1", "pthread_sigmask"}

class Lacking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in gone:
            raise ModuleNotFoundError(f"there is no {name} on {SYSTEM}", name=name)

gone = UNIX if SYSTEM == "win32" else set()
for name in gone:
    sys.modules.pop(name, None)
for module, names in ((os, LINUX), *(((os, FORKING), (signal, SIGNALS)) if gone else ())):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.meta_path.insert(0, Lacking())
sys.platform = SYSTEM
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=0, locking=lambda *_: None)
platform.system = lambda: {"win32": "Windows", "darwin": "Darwin"}[SYSTEM]
def no_key(*_):
    raise OSError
io._WindowsConsoleIO = type("_WindowsConsoleIO", (), {})  # pytest asks for it
sys.modules["winreg"] = types.SimpleNamespace(HKEY_LOCAL_MACHINE=0, OpenKey=no_key)

import builtins
real_open = open
PROC = {"/proc/self/status", "/proc/self/clear_refs", "/proc/self/mounts", "/proc/cpuinfo"}
def open_without_proc(path, *args, **kwargs):  # psutil has its own ways on each system
    if str(path) in PROC:
        raise FileNotFoundError(path)
    return real_open(path, *args, **kwargs)
builtins.open = open_without_proc
"""

IMPORT = """
import benchdb
# What loads a client of a server loads much that is not fooled.
CLIENTS = ("benchdb.sync.s3", "benchdb.store.postgresql", "benchdb.migrations")
names = [one.name for one in pkgutil.walk_packages(benchdb.__path__, "benchdb.")]
for name in names:
    if not name.startswith(CLIENTS) and not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""

RECORD = """
code = pytest.main(["-q", "-p", "benchdb", "-p", "no:cacheprovider", "--benchmark-auto",
    "--benchmark-strict", "test_suite.py"])
sys.exit(code)
"""


@pytest.fixture(params=["win32", "darwin"])
def system(request: pytest.FixtureRequest) -> str:
    return request.param


def run(system: str, script: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE + script, system],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_module_imports(system: str, tmp_path: Path) -> None:
    assert int(run(system, IMPORT, tmp_path)) > 80


def test_a_test_is_recorded(system: str, tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(
        """
def test_sum(benchmark_time, benchmark_memory):
    with benchmark_time, benchmark_memory():
        assert sum(range(9)) == 36
"""
    )
    assert "recorded 1 test run" in run(system, RECORD, tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "benchmark.db")) as connection:
        columns = "state, call_outcome, duration >= 0, peak_memory > 0"
        rows = connection.execute(f"select {columns} from test_run").fetchall()
        (named,) = connection.execute("select os from environment").fetchone()
    assert rows == [("closed", "passed", 1, 1)]
    assert named == {"win32": "Windows", "darwin": "Darwin"}[system]
