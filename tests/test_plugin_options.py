"""Options and settings: which file is recorded into, what is said of it, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from suites import Suite

TEST = "def test_one(benchmark_time): pass"


def test_the_summary_names_file_session_rows_and_the_command_to_look(suite: Suite) -> None:
    suite.write(TEST)
    done = suite.run("--benchmark")
    (uid,) = suite.query("select uid from session")
    done.stdout.fnmatch_lines(
        [
            "*= benchdb =*",
            f"recorded 1 test run in benchmark.db, session {uid}",
            "look at it with: benchdb show",
            "*1 passed*",
        ]
    )
    (suite.folder / "inner").mkdir()
    named = suite.run("--benchmark", "--benchmark-db", "inner/own file.db", "-qq")
    named.stdout.fnmatch_lines(["look at it with: benchdb show --db 'inner/own file.db'"])
    silent = suite.run("--benchmark", "-p", "no:terminal")
    assert silent.ret == 0
    assert suite.runs("count(*)") == [2]


def test_the_database_is_named_by_option_variable_or_setting_in_this_order(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.write(TEST)
    recorded = []

    def run(*options: str) -> None:
        suite.run("--benchmark", *options).assert_outcomes(passed=1)
        found = {path for path in suite.folder.rglob("*.db") if path not in recorded}
        recorded.extend(found)
        assert len(found) == 1

    run()
    (suite.folder / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\n[tool.benchdb]\ndb = "data/setting.db"\n'
    )
    run()
    monkeypatch.setenv("DB_NAME", "older.db")
    run()
    monkeypatch.setenv("BENCHDB_URL", f"sqlite:///{suite.folder}/url.db")
    run()
    run("--benchmark-db", "option.db")
    run("--benchmark-db", "sqlite:///relative.db")
    assert [str(path.relative_to(suite.folder)) for path in recorded] == [
        *("benchmark.db", "data/setting.db", "older.db", "url.db", "option.db", "relative.db")
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--benchmark-db", "mysql://user:hunter2@host/db"],
            "benchdb: mysql:// is no database that benchdb knows: give a path, *URL",
        ),
        (
            ["--benchmark-tag", "big"],
            "benchdb: --benchmark-tag 'big' is no KEY=VALUE: write it as machine=big",
        ),
        (["--benchmark-tag", "=x"], "benchdb: --benchmark-tag '=x' is no KEY=VALUE*"),
        (["--benchmark-repeat", "none"], "*--benchmark-repeat*invalid int value: 'none'*"),
        (["-c", "wrong.toml"], "benchdb: *[[]tool.benchdb[]] has no setting 'dbb'*"),
    ],
)
def test_a_wrong_option_is_one_line_and_no_test_runs(
    suite: Suite, options: list[str], message: str
) -> None:
    suite.write(TEST)
    if "-c" in options:
        options = []
        (suite.folder / "pyproject.toml").write_text(
            "[tool.pytest.ini_options]\n[tool.benchdb]\ndbb='x'"
        )
    done = suite.run("--benchmark", *options)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{message}"])
    said = done.stdout.str() + done.stderr.str()
    assert "Traceback" not in said
    assert "hunter2" not in said
    assert not suite.database.exists()


def test_tags_and_the_command_line_are_of_the_session(suite: Suite) -> None:
    suite.write(TEST)
    suite.run(
        *("--benchmark-auto", "--benchmark-tag", "machine=big", "--benchmark-tag", "odd=a=b"),
        *("--benchmark-tag", "api_token=abcdef123456", "-k", "one"),
    )
    ((tags, command_line),) = suite.query("select tags, command_line from session")
    tags = json.loads(tags)
    assert (tags["machine"], tags["odd"]) == ("big", "a=b")
    assert command_line.startswith("pytest ")
    assert "--benchmark-tag machine=big" in command_line
    assert "abcdef123456" not in command_line + tags["api_token"]


def foreign_text(path: Path) -> None:
    path.write_text("this is no database, but a text of some length\n" * 100)


def foreign_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table mine (x)")
    connection.close()


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("update alembic_version set version_num='ffffffffffff'")
    connection.execute("PRAGMA user_version=990102")
    connection.commit()
    connection.close()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def random_bytes_in_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (foreign_text, "is no SQLite database: name another file with --benchmark-db"),
        (
            foreign_sqlite,
            "is a SQLite file that benchdb did not make: name another one with --benchmark-db",
        ),
        (truncated, "is damaged (*"),
        (newer, "was made by benchdb 99.1.2 and this is *: install benchdb 99.1.2 or newer*"),
        (folder, "is a folder: name a file in it"),
        (random_bytes_in_the_middle, "is damaged (*"),
    ],
)
def test_what_can_not_be_recorded_into_stays_untouched_and_the_tests_run(
    suite: Suite, spoil, reason: str
) -> None:
    suite.write(TEST)
    if spoil is not foreign_sqlite:
        suite.run("--benchmark")
    spoil(suite.database)
    before = suite.database.read_bytes() if suite.database.is_file() else b""
    done = suite.run("--benchmark")
    done.assert_outcomes(passed=1)
    assert done.ret == 0
    assert (suite.database.read_bytes() if suite.database.is_file() else b"") == before
    assert not suite.database.is_dir() or list(suite.database.iterdir()) == []
    (aside,) = suite.folder.glob("benchmark-*.db")
    assert suite.runs("name, state", database=aside) == [("test_one", "closed")]
    (uid,) = suite.query("select uid from session", database=aside)
    assert aside.name == f"benchmark-{uid}.db"
    done.stdout.fnmatch_lines(
        [
            f"recorded 1 test run in {aside.name}, session {uid}",
            f"could not record into {suite.database} (it {reason}*): recorded into {aside}",
            f"once that can be recorded into again: benchdb merge --db {suite.database} {aside}",
            f"look at it with: benchdb show --db {aside.name}",
        ]
    )


def test_a_strict_session_passes_only_where_its_rows_are_in_the_right_file(suite: Suite) -> None:
    suite.write(TEST)
    assert suite.run("--benchmark", "--benchmark-strict").ret == 0
    newer(suite.database)
    assert suite.run("--benchmark", "--benchmark-strict").ret == pytest.ExitCode.TESTS_FAILED


def test_nothing_of_ours_warns_and_plain_asserts_may_be_off(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    suite.write(
        """
        import pytest

        def test_all(benchmark_time, auto_benchmark_time, test_run_benchmark, benchmark_memory,
                     benchmark_db_session, benchmark_db_engine):
            with benchmark_time, benchmark_memory():
                test_run_benchmark.record("n", 1)

        @pytest.mark.benchmark_version("2")
        @pytest.mark.benchmark_exclusive
        def test_marked(benchmark_time): pass
        """
    )
    done = suite.run("-W", "error", "--strict-markers", "--benchmark-auto", "--benchmark-repeat=2")
    done.assert_outcomes(passed=4)
    assert done.ret == 0
    assert "Warning" not in done.stdout.str() + done.stderr.str()
    assert "Exception ignored" not in done.stderr.str()


@pytest.mark.parametrize("quiet", [(), ("-q",), ("-W", "error")])
def test_options_that_need_benchmark_say_so_at_the_start(
    suite: Suite, quiet: tuple[str, ...]
) -> None:
    suite.write(TEST)
    done = suite.run("--benchmark-db=x.db", "--benchmark-tag=a=b", "--benchmark-strict", *quiet)
    done.assert_outcomes(passed=1)
    assert done.ret == 0
    line = (
        "benchdb: nothing is recorded, as --benchmark-db, --benchmark-tag, --benchmark-strict "
        "came without --benchmark"
    )
    assert done.outlines.count(line) == 1
    assert done.outlines.index(line) < 4
    assert list(suite.folder.glob("*.db*")) == []
    assert "benchdb:" not in suite.run(*quiet).stdout.str()
    for recording in ("--benchmark", "--benchmark-auto"):
        assert "benchdb:" not in suite.run(recording, "--benchmark-tag=a=b").stdout.str()


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[tool]\nbenchdb = 'x'", "benchdb must be a table: write its keys under [[]tool.benchdb]"),
        ("[tool]\nbenchdb = ['x']", "benchdb must be a table: *"),
        ("[[tool.benchdb]]\ndb = 'x'", "benchdb must be a table: *"),
        ("[tool.benchdb]\ndb = 5", "[[]tool.benchdb] db must be a string that names a path"),
        ("[tool.benchdb]\ndb = ''", "[[]tool.benchdb] db must be a string that names a path"),
        ("[tool.benchdb]\ndb = 'a\\u0000b'".replace("'", '"'), "[[]tool.benchdb] db must be *"),
        ("[tool.benchdb]\ntrunk = 'main'", "[[]tool.benchdb] trunk must be a list of strings"),
        ("[tool.benchdb]\nfingerprint = ['size']", "*fingerprint does not know 'size': use *"),
    ],
)
def test_a_setting_of_the_wrong_type_is_one_line(suite: Suite, toml: str, message: str) -> None:
    suite.write(TEST)
    (suite.folder / "pyproject.toml").write_text(f"{toml}\n[tool.pytest.ini_options]\n")
    done = suite.run("--benchmark")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert len([line for line in done.errlines if line]) == 1
    done.stderr.fnmatch_lines([f"ERROR: benchdb: *{message}"])


def test_an_early_end_leaves_no_file(suite: Suite) -> None:
    suite.write(TEST)
    assert suite.run("--benchmark", "absent.py").ret == pytest.ExitCode.USAGE_ERROR
    assert suite.run("--benchmark", "-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    suite.write(
        conftest="""
        import os, sqlite3
        import benchdb.store.live

        def interrupted(connection):
            assert os.path.getsize("benchmark.db") == 0
            raise KeyboardInterrupt

        benchdb.store.live.create_schema = interrupted
        """
    )
    assert suite.run("--benchmark").ret == pytest.ExitCode.INTERRUPTED
    assert list(suite.folder.glob("*.db*")) == []
