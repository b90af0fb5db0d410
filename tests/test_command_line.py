"""The command as such: help, wrong calls, which database, pipes, interrupts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from recorded import Project, environ, new_project

from benchdb import __version__

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = new_project(tmp_path_factory.mktemp("suite") / "suite")
    project.record("-k", "sum")
    return project


@pytest.fixture
def nowhere(tmp_path: Path) -> Project:
    """A folder with nothing in it."""
    return Project(tmp_path)


HEAVY = ("rich", "sqlalchemy", "alembic", "numpy", "pandas", "dask", "pytest", "psutil")
VERBS = (["show"], ["merge"], ["db", "info"], ["db", "upgrade"], ["db", "check"], ["db", "prune"])


def test_help_imports_nothing_heavy(nowhere: Project) -> None:
    script = (
        "import sys; from benchdb.cli import main; code = main(['--help']); "
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] 0"
    for verb in ("show", "merge", "db"):
        assert re.search(rf"^  {verb} ", done.stdout, re.MULTILINE)


def test_looking_at_a_database_needs_no_sqlalchemy(tmp_path: Path) -> None:
    project = new_project(tmp_path / "suite")
    project.record("-k", "sum")
    for verb in (["show"], ["show", "test_sum"], ["db", "info"]):
        script = (
            f"import sys; from benchdb.cli import main; code = main({verb!r}); "
            "print('sqlalchemy' in sys.modules, code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=project.folder,
            env=environ(),
            capture_output=True,
            text=True,
        )
        assert done.stdout.splitlines()[-1] == "False 0", done.stderr


def test_every_verb_has_help(nowhere: Project) -> None:
    for verb in VERBS:
        ran = nowhere.benchdb(*verb, "--help")
        assert ran.code == 0
        assert f"Usage: benchdb {' '.join(verb)}" in ran.out
        assert "--db PATH_OR_URL" in ran.out


def test_the_bare_command_shows_its_help_and_its_version(nowhere: Project) -> None:
    bare = nowhere.command()
    assert (bare.code, bare.err) == (0, "")
    assert bare.out.startswith("Usage: benchdb")
    assert nowhere.command("--version").out == f"benchdb {__version__}\n"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["shwo"], "no such command 'shwo'"),
        (["show", "--lats", "3"], "no such option"),
        (["show", "--last", "x"], "--last"),
        (["show", "--format", "xml"], "--format"),
        (["show", "--metric", "duration"], "--metric needs a CASE"),
        (["merge"], "missing argument"),
    ],
)
def test_a_wrong_call_is_one_line_that_says_where_to_read(
    nowhere: Project, call: list[str], said: str
) -> None:
    ran = nowhere.command(*call)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("benchdb: ")
    assert said in line
    assert "--help" in line


READERS = [["show"], ["db", "info"], ["db", "check"], ["db", "upgrade"]]
READERS += [["db", "prune", "--keep-last", "1"]]


@pytest.mark.parametrize("call", READERS, ids=" ".join)
def test_where_there_is_no_database_the_file_looked_for_is_named(
    nowhere: Project, call: list[str]
) -> None:
    ran = nowhere.benchdb(*call)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert f"there is no database at {nowhere.folder / 'benchmark.db'}: " in line
    assert list(nowhere.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "call"),
    [(kind, ["show"]) for kind in ("text", "empty", "truncated", "newer", "folder")]
    + [("foreign", call) for call in READERS],
)
def test_what_is_no_usable_database_is_one_line_and_stays_as_it_is(
    suite: Project, nowhere: Project, kind: str, call: list[str]
) -> None:
    if kind == "folder":
        nowhere.database.mkdir()
    elif kind == "text":
        nowhere.database.write_text("this is a text of a user and no database " * 30)
    elif kind == "empty":
        nowhere.database.touch()
    elif kind == "foreign":
        nowhere.query("create table photo (name text)")
    elif kind == "truncated":
        nowhere.database.write_bytes(suite.database.read_bytes()[:9000])
    else:
        nowhere.database.write_bytes(suite.database.read_bytes())
        nowhere.query("update alembic_version set version_num = 'f' || version_num")
    before = None if kind == "folder" else nowhere.database.read_bytes()
    ran = nowhere.benchdb(*call)
    assert ran.code == 2, ran.out
    assert len(ran.err.splitlines()) == 1, ran.err
    assert str(nowhere.database) in ran.err
    if before is not None:
        assert nowhere.database.read_bytes() == before


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="needs permissions")
def test_a_file_that_may_not_be_read_or_written(suite: Project, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    project = suite.copy(tmp_path / "locked")
    project.database.chmod(0o400)
    assert project.benchdb("show").code == 0
    project.database.chmod(0)
    assert "can't be read" in project.benchdb("show").err


def test_the_database_is_found_upward_as_pytest_finds_it(suite: Project) -> None:
    below = suite.folder / "a" / "b"
    below.mkdir(parents=True, exist_ok=True)
    shown = suite.command("show").out
    assert suite.benchdb("show", cwd=below).out == shown
    assert suite.benchdb("show", "--db", "../../benchmark.db", cwd=below).out == shown
    assert suite.benchdb("show", "--db", f"sqlite:///{suite.database}", cwd=below).out == shown


def test_variables_and_settings_name_the_database(suite: Project, nowhere: Project) -> None:
    for variable in ("BENCHDB_URL", "DB_NAME"):
        assert nowhere.benchdb("show", **{variable: str(suite.database)}).code == 0
    (nowhere.folder / "pyproject.toml").write_text('[tool.benchdb]\ndb = "data/runs.db"\n')
    assert str(nowhere.folder / "data/runs.db") in nowhere.benchdb("show").err
    (nowhere.folder / "pyproject.toml").write_text("[tool.benchdb]\ncolour = 1\n")
    ran = nowhere.benchdb("show")
    assert ran.code == 2
    assert "no setting 'colour'" in ran.err
    ran = nowhere.benchdb("show", BENCHDB_URL="mysql://user:secret@host/db", cwd=suite.folder)
    assert ran.code == 2
    assert "mysql:// is no database that benchdb knows" in ran.err
    assert "secret" not in ran.err


def test_a_reader_that_stops_early_is_no_failure(suite: Project) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "benchdb", "show", "*", "--format", "json"],
        cwd=suite.folder,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def run_script(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environ(), capture_output=True, text=True
    )


@pytest.mark.skipif(os.name == "nt", reason="interrupts by signal")
def test_an_interrupt_ends_with_130_and_no_traceback(suite: Project) -> None:
    script = (
        "import os, signal, sys; from benchdb import cli; from benchdb.store import opening\n"
        "def interrupt(*_): os.kill(os.getpid(), signal.SIGINT)\n"
        "opening.look_at = interrupt\n"
        "sys.exit(cli.main(['show']))"
    )
    done = run_script(script, suite.folder)
    assert done.returncode == 128 + signal.SIGINT
    assert "Traceback" not in done.stderr


def test_a_bug_shows_its_traceback_and_is_a_failure_of_our_own(suite: Project) -> None:
    script = (
        "import sys; from benchdb import cli; from benchdb.store import opening\n"
        "opening.look_at = None\n"
        "sys.exit(cli.main(['show']))"
    )
    done = run_script(script, suite.folder)
    assert done.returncode == 2
    *traceback, said = done.stderr.splitlines()
    assert traceback[0].startswith("Traceback")
    assert traceback[-1].startswith("TypeError")
    assert said.startswith("benchdb: that is a bug of benchdb ")


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", [60, 30])
def test_lines_fit_the_terminal(suite: Project, columns: int) -> None:
    import fcntl
    import pty
    import struct
    import termios

    for call in (["show", "*"], ["show", "test_sum[1]"], ["db", "info"]):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        with subprocess.Popen(
            [sys.executable, "-m", "benchdb", *call],
            cwd=suite.folder,
            env=environ(TERM="xterm-256color", NO_COLOR="1"),
            stdin=theirs,
            stdout=theirs,
        ) as process:
            os.close(theirs)
            out = b""
            try:
                while chunk := os.read(ours, 4096):
                    out += chunk
            except OSError:  # Linux says so when the other end has closed
                pass
        os.close(ours)
        assert process.returncode == 0
        plain = re.sub(r"\x1b\[[0-9;]*m", "", out.decode())
        assert max(len(line) for line in plain.splitlines()) <= columns
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", out.decode())  # NO_COLOR
