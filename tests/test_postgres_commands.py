"""What users see who keep their benchmarks on a PostgreSQL server."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from recorded import Project, environ, new_project

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_server import Cluster
    from suites import Suite

    from benchdb.config import Server

SUITE = """
import pytest
from sqlalchemy import text

@pytest.mark.parametrize("n", range(4))
def test_time(benchmark_time, n):
    with benchmark_time:
        pass

def test_attach(test_run_benchmark, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    test_run_benchmark.attach("note", tmp_path / "a.txt")

def test_read(benchmark_db_engine, benchmark_time):
    with benchmark_db_engine.connect() as connection:
        assert connection.execute(text("select count(*) from session")).scalar() == 1
        with pytest.raises(Exception, match="read-only in tests"):
            connection.execute(text("delete from session"))
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "suite")


def rows(cluster: Cluster, server: Server, sql: str) -> list[tuple]:
    return cluster.execute(server, sql)


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["alone", "xdist"])
def test_pytest_records_into_a_server(
    suite: Suite, cluster: Cluster, server: Server, arguments: tuple[str, ...]
) -> None:
    suite.write(SUITE)
    plugins = "xdist" if arguments else ""
    done = suite.run("--benchmark", f"--benchmark-db={server.url}", *arguments, plugins=plugins)
    done.assert_outcomes(passed=6)
    said = done.stdout.str() + done.stderr.str()
    assert f"recorded 6 test runs in {server}, session " in said
    assert f"look at it with: benchdb show --db '{server}'" in said
    assert "s3cret" not in said
    states = "SELECT state, count(*) FROM test_run GROUP BY state"
    assert rows(cluster, server, states) == [("closed", 6)]
    ((command,),) = rows(cluster, server, "SELECT command_line FROM session")
    assert "--benchmark-db" in command
    assert "s3cret" not in command
    ((url,),) = rows(cluster, server, "SELECT url FROM artifact")
    assert (suite.folder / url).read_text() == "a"
    assert suite.helpers() == []


def test_every_command_takes_a_server(project: Project, server: Server) -> None:
    at = {"BENCHDB_URL": server.url}
    project.record("-k", "sum or fail", **at)
    shown = project.benchdb("show", **at)
    assert (shown.code, shown.err) == (0, "")
    (series, *_) = project.benchdb("show", "test_sum", "--format=json", **at).json["series"]
    assert len(series["points"]) == 1
    info = project.benchdb("db", "info", "--format=json", **at).json
    assert info["database"] == str(server)
    assert (info["sessions"], info["test_runs"], info["newest"]) == (1, 3, True)
    assert info["size"] > 0
    table = project.benchdb("db", "info", "--db", server.url)
    assert str(server) in "".join(table.out.split())
    checked = project.benchdb("db", "check", **at)
    assert (checked.code, checked.err) == (0, "")
    assert f"{server} is sound: 1 session with 3 test runs" in checked.out
    upgraded = project.benchdb("db", "upgrade", **at)
    assert f"{server} is at the newest schema" in upgraded.out
    for way in (
        project.benchdb("merge", "--db", "copy.db", server.url),
        project.benchdb("merge", "--db", "again.db", "copy.db"),
    ):
        assert (way.code, way.err) == (0, "")
        assert "1 session with 3 test runs added" in way.out
    pruned = project.benchdb("db", "prune", "--keep-last=1", "--before=0d", **at)
    assert "nothing to remove" in pruned.out
    pruned = project.benchdb("db", "prune", "--before=2100-01-01", **at)
    assert f"removed 1 session with 3 test runs from {server}" in pruned.out
    back = project.benchdb("merge", "--all", "copy.db", **at)
    assert "1 session with 3 test runs added" in back.out
    assert project.benchdb("db", "check", **at).code == 0
    for one in (shown, table, checked, upgraded, pruned, back):
        assert "s3cret" not in one.out + one.err


def test_an_empty_server_and_one_that_is_not_there_are_told_in_one_line(
    project: Project, server: Server
) -> None:
    for verb in (("show",), ("db", "info"), ("db", "check"), ("db", "upgrade"), ("merge",)):
        given = ("merge", "--db", "a.db", server.url) if verb == ("merge",) else verb
        empty = project.benchdb(*given, BENCHDB_URL=server.url)
        assert empty.code == 2
        assert f"{server} is empty: record into it" in empty.err
        gone = "postgresql+psycopg://u:s3cret@127.0.0.1:1/d"
        given = ("merge", "--db", "a.db", gone) if verb == ("merge",) else verb
        missing = project.benchdb(*given, BENCHDB_URL=gone)
        assert missing.code == 2
        assert "u:***@127.0.0.1:1/d can't be used" in missing.err
        assert "check that the server runs" in missing.err
        assert "s3cret" not in missing.err
        assert missing.err.count("\n") == 1
    assert not (project.folder / "a.db").exists()


def test_a_missing_driver_is_named_with_what_installs_it(project: Project, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none/psycopg.py").write_text("raise ImportError('no pq wrapper available')")
    at = {"PYTHONPATH": str(tmp_path / "none"), "BENCHDB_URL": "postgresql://u:s3cret@h/d"}
    shown = project.command("show", **at)
    assert shown.code == 2
    assert "pip install 'benchdb[postgresql]'" in shown.err
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--benchmark", "-k", "sum"],
        cwd=project.folder,
        env=environ(**at),
        capture_output=True,
        text=True,
    )
    assert "2 passed" in done.stdout
    assert "pip install 'benchdb[postgresql]'" in done.stdout
    (aside,) = project.folder.glob("benchmark-*.db")
    assert f"recorded 2 test runs in {aside.name}" in done.stdout
    assert f"benchdb merge --db 'postgresql://u:***@h/d' {aside}" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert b"s3cret" not in aside.read_bytes()


def test_urls_of_other_databases_are_refused(project: Project) -> None:
    shown = project.benchdb("show", "--db", "mysql://u:s3cret@h/d")
    assert shown.code == 2
    assert "mysql:// is no database that benchdb knows: give a path" in shown.err
    assert "s3cret" not in shown.err


def test_csv_files_are_imported_into_a_server_and_what_it_has_is_left_out(
    project: Project, server: Server
) -> None:
    lines = [
        f"t.py::t[{n}],2026-01-0{day},c{day},{'' if n else 'failed'},{n},{n * 2.5},{day}"
        for day in (1, 2)
        for n in (0, 1)
    ]
    file = project.folder / "runs.csv"
    header = "test,start,commit,outcome,duration,rate [1/s],dask_version"
    file.write_text("\n".join([header, *lines[:3]]))
    first = project.benchdb("import", "csv", "--db", server.url, file)
    assert first.out.splitlines() == [
        f"{server}: 2 sessions with 3 test runs added",
        f"look at them: benchdb show --db '{server}'",
    ]
    file.write_text("\n".join([header, *lines]))
    grown = project.benchdb("import", "csv", "--db", server.url, file)
    assert "1 session with 1 test run added, 3 test runs there already" in grown.out
    again = project.benchdb("import", "csv", "--db", server.url, file)
    assert "nothing to add, 4 test runs there already" in again.out
    assert "is sound" in project.benchdb("db", "check", "--db", server.url).out
    project.benchdb("import", "csv", file)
    merged = project.benchdb("merge", "--db", server.url, project.database)
    assert "1 session with 2 test runs added, 1 held already" in merged.out
