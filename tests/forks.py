"""Processes of Python that are forked from one that has paid for the imports they begin with.

To start Python and import pytest takes longer than most suites that tests run in a pytest of their
own. A fork is a process like any other: it has its own ids, files and end, and may be killed.
Nothing of benchdb's is imported before the fork.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What pytest imports at each start, and of the standard library what benchdb does.
PYTEST: Final = """
import importlib, logging, pytest, _pytest.config
for name in _pytest.config.default_plugins:
    importlib.import_module(f"_pytest.{name}")
import statistics, tomllib, uuid
"""

#: What Alembic's command imports.
ALEMBIC: Final = """
import alembic.autogenerate, alembic.config, alembic.ddl, alembic.op, alembic.script
import sqlalchemy.dialects.postgresql, sqlalchemy.dialects.sqlite, sqlalchemy.orm, mako.template
"""

_SERVE: Final = """
import gc, json, os, runpy, sys

def become(arguments, cwd, environ):
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        given = getattr(sys, name)
        stream = open(number, "w" if number else "r", 1 if number == 2 else -1,
                      given.encoding, given.errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    first, *sys.argv[:] = arguments
    if first.startswith("-m"):
        name = first[2:] or sys.argv.pop(0)
        sys.path[:1] = [os.getcwd(), *paths]
        sys.argv.insert(0, "")  # run_module puts the module's file there
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.path[:1] = [os.path.dirname(os.path.abspath(first)), *paths]
        sys.argv.insert(0, first)
        runpy.run_path(first, run_name="__main__")

gc.collect()
gc.freeze()
requests, answers = os.dup(0), os.dup(1)
for number in (0, 1):
    os.dup2(2, number)
with open(requests) as lines, open(answers, "w") as back:
    while line := lines.readline():  # iterated over, it would read ahead
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            for number, path in enumerate(asked.pop("files")):
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
                opened = os.open(path, flags)
                os.dup2(opened, number)
                os.close(opened)
            break
        print(pid, file=back, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=back, flush=True)
    else:
        sys.exit()
become(**asked)
"""

#: What Python and the C library read when they start: each has a server of its own for it.
_AT_START: Final = ("PYTHON", "LANG", "LC_", "TZ")

_servers: dict[tuple[object, ...], subprocess.Popen[str]] = {}


class Fork:
    """A process that runs a program as ``python ARGUMENTS`` would, as Popen gives one.

    Parameters
    ----------
    arguments
        ``-m``, a module and its arguments, or a script and its own.
    imports
        What to import before the fork: `PYTEST` or `ALEMBIC`.
    stdout, stderr
        Files that are appended to.
    """

    stdin = None

    def __init__(
        self,
        arguments: Sequence[str | os.PathLike[str]],
        imports: str,
        *,
        stdout: str | Path,
        stderr: str | Path,
        cwd: str | Path,
        env: Mapping[str, str],
    ) -> None:
        at_start = {key: env[key] for key in env if key.startswith(_AT_START)}
        at_start.pop("PYTHONPATH", None)
        key = (imports, *sorted(at_start.items()))
        self._server = _servers.get(key) or _started(imports, env)
        _servers[key] = self._server
        files = [os.devnull, str(stdout), str(stderr)]
        given = [os.fspath(argument) for argument in arguments]
        asked = {"arguments": given, "cwd": str(cwd), "environ": dict(env), "files": files}
        assert self._server.stdin is not None
        print(json.dumps(asked), file=self._server.stdin, flush=True)
        self.pid = self._heard()

    def _heard(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())

    def wait(self) -> int:
        """Return the exit code, or the signal's number below 0."""
        return self._heard()


def _started(imports: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", imports + _SERVE],
        cwd=Path(sys.executable).parent,
        env={key: value for key, value in env.items() if key != "PYTHONPATH"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def can_fork(env: Mapping[str, str]) -> bool:
    """Tell whether a process may be a fork; elsewhere, or with a `sitecustomize`, it is started."""
    paths = env.get("PYTHONPATH", "").split(os.pathsep)
    return sys.platform == "linux" and not any(
        Path(path, "sitecustomize.py").exists() for path in paths if path
    )


def run(
    arguments: Sequence[str | os.PathLike[str]],
    imports: str,
    cwd: str | Path,
    env: Mapping[str, str],
) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS`` and return what it said, in UTF-8."""
    if not can_fork(env):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )
    with tempfile.TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        code = Fork(arguments, imports, stdout=stdout, stderr=stderr, cwd=cwd, env=env).wait()
        said = (path.read_text("utf-8") for path in (stdout, stderr))
        return subprocess.CompletedProcess(list(arguments), code, *said)


def end() -> None:
    """End what was started to fork."""
    while _servers:
        _, server = _servers.popitem()
        with server:
            assert server.stdin is not None
            server.stdin.close()
