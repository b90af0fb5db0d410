"""A database on a PostgreSQL server holds what a file does: the same rows, the same digests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from store_samples import EPOCH, closed, contents, execute, facts, lose, names, query, record

from benchdb.config import Location, Server
from benchdb.errors import ForeignFile, NewerSchema, UserError
from benchdb.records import Measurement
from benchdb.store.cases import cases_called, stored_cases
from benchdb.store.check import check
from benchdb.store.digest import session_digest
from benchdb.store.merge import merge
from benchdb.store.opening import connected, look_at, make_writable, reading, upgrade_database
from benchdb.store.prune import prune
from benchdb.store.queries import stored_sessions
from benchdb.store.recorder import Recorder
from benchdb.store.recording import Recording
from benchdb.store.revisions import lineage
from benchdb.store.server import SERVERS_OWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_server import Cluster

HERE = Path(__file__).parent

NUMBERS = st.none() | st.floats() | st.integers(-(2**63), 2**63 - 1) | st.booleans()
TEXTS = st.none() | st.text(st.characters() | st.sampled_from("\0\ud800'%?\\\t\n{}\u2028"))
INSTANTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(2, 1, 1))  # noqa: DTZ001 hypothesis adds it
RUN = st.fixed_dictionaries(
    {"duration": NUMBERS, "peak_memory": NUMBERS, "cluster_name": TEXTS, "platform": TEXTS}
)
SESSION = st.tuples(
    st.lists(RUN, max_size=3), st.sampled_from([None, True, False]), TEXTS, INSTANTS, NUMBERS
)


def kept(place: Location) -> set[tuple[str, str]]:
    """Return the keys of all sessions that are closed."""
    with connected(place) as connection:
        query = "SELECT uid, digest FROM session WHERE digest IS NOT NULL"
        return set(connection.execute(query).fetchall())


def rows(server: Server, sql: str, *values: object) -> list[Any]:
    with connected(server) as connection:
        return connection.execute(sql, values).fetchall()


@contextlib.contextmanager
def emptied(*servers: Server) -> Iterator[None]:
    for server in servers:
        make_writable(server)
        with connected(server, write=True) as connection:
            tables = ", ".join(connection.tables() - {"alembic_version"})
            connection.execute(f"TRUNCATE {tables}")
    yield


def store(place: Location, session: tuple[Any, ...]) -> str:
    """Record what hypothesis made up; returns the digest."""
    runs, dirty, branch, started, value = session
    told = replace(facts("made-up"), dirty=dirty, branch=branch, started=started)
    recorder = Recorder(place, told, {"python_version": branch})
    for number, columns in enumerate(runs):
        run = replace(
            closed(number, **columns),
            start=started,
            measurements=(Measurement("any", "1", None, value, (0.1, 1e300)),),
        )
        recorder.close(recorder.open(started, names(f"test_{number}")), run)
    return recorder.finish(started + timedelta(microseconds=1))


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(session=SESSION)
@example(
    session=(
        [{"duration": -0.0, "cluster_name": "a\0\ud800"}],
        True,
        "é",
        EPOCH.replace(microsecond=500),
        -0.0,
    )
)
def test_a_session_is_the_same_in_both_and_after_any_way_between_them(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, session: tuple[Any, ...]
) -> None:
    folder = tmp_path_factory.mktemp("ways")
    first, second = _pair(cluster)
    with emptied(first, second):
        digest = store(folder / "recorded.db", session)
        assert store(first, session) == digest
        merge(folder / "from_server.db", [first])
        merge(second, [folder / "recorded.db"])
        merge(folder / "and_back.db", [second])
        expected = contents(folder / "recorded.db")
        assert contents(folder / "from_server.db") == expected
        assert contents(folder / "and_back.db") == expected
        assert kept(first) == kept(second) == {("made-up", digest)}
        for place in (first, second, folder / "from_server.db", folder / "and_back.db"):
            assert check(place).problems == ()


_pairs: list[tuple[Server, Server]] = []


def _pair(cluster: Cluster) -> tuple[Server, Server]:
    if not _pairs:
        _pairs.append((cluster.new(), cluster.new()))
    return _pairs[0]


def test_merging_again_or_from_server_to_server_adds_nothing_twice(
    cluster: Cluster, server: Server, tmp_path: Path
) -> None:
    other = cluster.new()
    record(server, "a")
    record(tmp_path / "b.db", "b", day=1)
    record(tmp_path / "b.db", "c", day=1)
    done = merge(server, [tmp_path / "b.db", tmp_path / "b.db", server])
    assert [(one.added, one.held, one.runs) for one in done] == [(2, 0, 4), (0, 2, 0), (0, 3, 0)]
    merge(other, [server])
    merge(tmp_path / "c.db", [other])
    merge(tmp_path / "d.db", [server])
    assert contents(tmp_path / "c.db") == contents(tmp_path / "d.db")
    assert len(kept(other)) == 3
    assert rows(server, "SELECT count(*) FROM package") == [(3,)]  # those of both days share one


def test_sessions_come_and_go_in_several_transactions(
    cluster: Cluster, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchdb.store.batches.BATCH_ROWS", 5)  # of one or two sessions each
    for number in range(5):
        record(tmp_path / "a.db", f"session-{number}", range(number), day=number % 2)
    other = cluster.new()
    merge(server, [tmp_path / "a.db"])
    merge(other, [server])
    merge(tmp_path / "b.db", [other])
    assert contents(tmp_path / "b.db") == contents(tmp_path / "a.db")
    for place in (server, other, tmp_path / "b.db"):
        assert check(place).problems == ()


IDLE_TRIGGER = """
CREATE FUNCTION nothing() RETURNS trigger AS $$ BEGIN RETURN NEW; END $$ LANGUAGE plpgsql
"""


@pytest.mark.parametrize("checked", ["by the server", "at once"])
@pytest.mark.parametrize(
    "orphan",
    [
        "INSERT INTO measurement (session_id, ordinal, metric, unit) VALUES (1, 77, 'm', '1')",
        "UPDATE test_run SET cluster = 77 WHERE ordinal = 2",
        "UPDATE session SET environment = 'gone'",
        "UPDATE session SET revision = 77",
    ],
)
def test_rows_without_what_they_refer_to_are_not_merged(
    cluster: Cluster, server: Server, tmp_path: Path, orphan: str, checked: str
) -> None:
    make_writable(server)
    if checked == "by the server":
        trigger = "CREATE TRIGGER idle BEFORE INSERT ON artifact FOR EACH ROW EXECUTE FUNCTION "
        cluster.execute(server, IDLE_TRIGGER, f"{trigger} nothing()")
    record(tmp_path / "a.db")
    execute(tmp_path / "a.db", orphan)
    with pytest.raises(UserError, match=r"a\.db has rows that don't fit together .*db check"):
        merge(server, [tmp_path / "a.db"])
    assert kept(server) == set()
    assert rows(server, "SELECT count(*) FROM package") == [(0,)]


def test_sessions_that_a_server_can_not_hold_are_left_out(server: Server, tmp_path: Path) -> None:
    for number, change in enumerate(
        (
            "UPDATE test_run SET duration = 'long'",
            "UPDATE test_run SET start = 'soon'",
            "UPDATE test_run SET start = '2026-01-02T03:04:05'",
            "UPDATE session SET dirty = 2",
            "UPDATE test_run SET attempt = 1.5",
            "UPDATE test_run SET platform = CAST(x'ff' AS BLOB)",
            "UPDATE test_run SET platform = CAST(x'610062' AS TEXT)",
        )
    ):
        path = tmp_path / f"{number}.db"
        record(path)
        execute(path, change)
        record(path, f"sound-{number}", day=1)
        (merged,) = merge(server, [path])
        assert [one.startswith("session session-1 has a value") for one in merged.unfit] == [True]
        assert {uid for uid, _ in kept(server)} == {f"sound-{one}" for one in range(number + 1)}


def test_lost_forms_are_superseded_across_databases(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    lose(path, "s", (0, 1))
    merge(server, [path])
    assert len(kept(server)) == 1
    whole = tmp_path / "whole.db"
    record(whole, "s", (0, 1, 2))
    (merged,) = merge(server, [whole])
    assert (merged.added, merged.conflicts) == (1, ())
    assert kept(server) == kept(whole)
    (merged,) = merge(path, [server])
    assert (merged.added, merged.conflicts) == (1, ())
    assert kept(path) == kept(whole)


def test_two_forms_of_a_session_stay_both_and_are_told(server: Server, tmp_path: Path) -> None:
    record(server, "s", (0,))
    record(tmp_path / "a.db", "s", (1,))
    (merged,) = merge(server, [tmp_path / "a.db"])
    assert merged.conflicts == ("s",)
    assert len(kept(server)) == 2
    with reading(server) as connection:
        assert all(one.conflict for one in stored_sessions(connection))


def test_what_was_pruned_is_not_brought_back_and_leaves_nothing(
    server: Server, tmp_path: Path
) -> None:
    record(server, "a", day=0)
    record(server, "b", day=1)
    merge(tmp_path / "copy.db", [server])
    done = prune(server, [key for key in kept(server) if key[0] == "b"])
    assert (done.sessions, done.test_runs) == (1, 2)
    assert rows(server, "SELECT key FROM revision") == [("revision-0",)]
    assert rows(server, "SELECT count(*) FROM package") == [(2,)]
    assert rows(server, "SELECT count(*) FROM measurement") == [(4,)]
    (merged,) = merge(server, [tmp_path / "copy.db"])
    assert (merged.added, merged.pruned) == (0, 1)
    (merged,) = merge(server, [tmp_path / "copy.db"], bring_back=True)
    assert merged.added == 1
    assert kept(server) == kept(tmp_path / "copy.db")


def test_a_row_changed_behind_its_back_is_found(server: Server, cluster: Cluster) -> None:
    record(server)
    assert check(server).problems == ()
    cluster.execute(server, "UPDATE test_run SET duration = 1 WHERE ordinal = 1")
    (problem,) = check(server).problems
    assert "session-1 was changed after it was closed" in problem


# -- many at once, and killed

WRITER = """
import sys
sys.path.insert(0, {here!r})
from benchdb.config import Server
from benchdb.store.recording import Recording
from store_samples import EPOCH, closed, facts, names

sys.stdin.readline()
for session in range(3):
    recording = Recording(Server({url!r}), facts(f"{{sys.argv[1]}}-{{session}}", day=session), {{}})
    for number in range(10):
        recording.close(recording.open(EPOCH, names(f"test_{{number}}")), closed(number))
    recording.finish(EPOCH)
    assert not recording.incomplete and not recording.aside, recording.notes
    assert not recording.notes, recording.notes
"""


def python(script: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.long
def test_eight_processes_that_record_at_once_lose_no_row(server: Server) -> None:
    script = WRITER.format(here=str(HERE), url=server.url)  # and all find it empty
    writers = [python(script, str(number)) for number in range(8)]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, said = writer.communicate()
        assert writer.returncode == 0, said
    assert len(kept(server)) == 24
    counts = "SELECT (SELECT count(*) FROM test_run), (SELECT count(*) FROM measurement)"
    assert rows(server, counts) == [(240, 480)]
    shared = "SELECT (SELECT count(*) FROM environment), (SELECT count(*) FROM package_set)"
    assert rows(server, shared) == [(1, 3)]
    assert check(server).problems == ()


VICTIM = """
import os, sys, time
sys.path.insert(0, {here!r})
from benchdb.config import Server
from benchdb.store.recorder import Recorder
from store_samples import EPOCH, closed, facts, names

recorder = Recorder(Server({url!r}), facts("victim"))
recorder.close(recorder.open(EPOCH, names("test_done")), closed(1))
recorder.advance(recorder.open(EPOCH, names("test_killed")), "setup", "passed", EPOCH)
child = os.fork()
if child:
    print(child, flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_session_whose_process_was_killed_is_found_lost_though_its_child_lives(
    server: Server,
) -> None:
    victim = python(VICTIM.format(here=str(HERE), url=server.url))
    child = int(victim.stdout.readline())
    try:
        recorder = Recorder(server, facts("beside"))
        assert recorder.session.found_lost == []  # it lives
        recorder.finish(EPOCH)
        victim.kill()
        victim.wait()
        _until_gone(server)
        recorder = Recorder(server, facts("next"))
        (line,) = recorder.session.found_lost
        assert "victim, was lost: test_it.py::test_killed[1] was in its call phase" in line
        recorder.finish(EPOCH)
    finally:
        os.kill(child, signal.SIGKILL)
        for stream in (victim.stdin, victim.stdout, victim.stderr):
            stream.close()
    assert rows(server, "SELECT state FROM session WHERE uid='victim'") == [("lost",)]
    assert check(server).problems == ()


def _until_gone(server: Server) -> None:
    """Wait for the server to see that a client's socket is closed."""
    left = "SELECT count(*) FROM pg_locks WHERE locktype='advisory' AND objsubid=1"
    deadline = time.monotonic() + 30
    while rows(server, left) != [(0,)]:
        assert time.monotonic() < deadline, "the child holds the socket"


def test_what_the_server_undid_for_others_is_done_again(server: Server) -> None:
    record(server)
    meet = threading.Barrier(2)
    attempts = []

    def cross(first: int, second: int) -> None:
        with connected(server, write=True) as connection:

            def both() -> None:
                attempts.append(first)
                with connection.transaction(alone=False):
                    for ordinal in (first, second):
                        connection.execute(
                            "UPDATE test_run SET round = round + 1 WHERE ordinal=?", (ordinal,)
                        )
                        with contextlib.suppress(threading.BrokenBarrierError):
                            meet.wait()
                        meet.abort()  # only once

            connection.again(both)

    threads = [threading.Thread(target=cross, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(attempts) >= 3  # a busy machine may have them meet once more
    assert rows(server, "SELECT round FROM test_run") == [(3,), (3,)]


# -- a server that goes away


@pytest.mark.parametrize("end", ["stopped", "cut off"])
def test_a_session_goes_aside_whole_when_its_server_goes_away(
    cluster: Cluster, server: Server, tmp_path: Path, end: str
) -> None:
    recording = Recording(server, facts("s"), {}, tmp_path)
    recording.close(recording.open(EPOCH, names("test_before")), closed(1))
    running = recording.open(EPOCH, names("test_running"))
    if end == "stopped":
        cluster.stop()
    else:
        ours = "pid <> pg_backend_pid() AND datname = current_database()"
        cluster.execute(
            server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"
        )
    try:
        recording.close(running, closed(2))
        recording.close(recording.open(EPOCH, names("test_after")), closed(3))
        recording.finish(EPOCH)
    finally:
        if end == "stopped":
            cluster.start()
    aside = tmp_path / "benchmark-s.db"
    assert recording.location == aside
    assert not recording.incomplete
    said = "\n".join(recording.notes)
    assert f"recorded into {aside}" in said
    assert f"benchdb merge --db '{server}' {aside}" in said
    assert "s3cret" not in said
    assert query(aside, "select count(*) from test_run") == [(3,)]
    (merged,) = merge(server, [aside])
    assert (merged.added, merged.conflicts) == (1, ())
    assert kept(server) == kept(aside)  # what the server had found lost is superseded


def test_a_server_that_is_not_there_keeps_nobody_from_recording(
    server: Server, tmp_path: Path
) -> None:
    for wrong in (
        server.url.replace("/db_", "/no_such_db_"),
        "postgresql://nobody:s3cret@127.0.0.1:1/x",
        "postgresql+psycopg://a:s3cret%zz@h/d",
        "postgresql://u:s3cret@h:port/d",
    ):
        recording = Recording(Server(wrong), facts("s"), {}, tmp_path)
        recording.open(EPOCH, names())
        recording.finish(EPOCH)
        assert recording.location == tmp_path / "benchmark-s.db"
        assert not recording.incomplete
        assert "s3cret" not in "".join(recording.notes)
        recording.location.unlink()


def test_a_value_that_a_column_does_not_take_costs_its_row_alone(
    cluster: Cluster, server: Server, tmp_path: Path
) -> None:
    record(server, "first")
    cluster.execute(server, "ALTER TABLE measurement ADD CHECK (value < 100)")
    recording = Recording(server, facts("s"), {}, tmp_path)
    problems = recording.close(recording.open(EPOCH, names()), closed(1000))
    assert "was not stored" in problems[0]
    recording.close(recording.open(EPOCH, names("test_two")), closed(1))
    recording.finish(EPOCH)
    assert recording.location == server
    states = (
        "SELECT test_run.state, duration FROM test_run JOIN session ON id=session_id "
        "WHERE uid='s' ORDER BY ordinal"
    )
    assert rows(server, states) == [("closed", None), ("closed", closed(1).columns["duration"])]
    assert check(server).problems == ()


# -- the schema


def test_models_and_migrations_agree_on_a_server(server: Server) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from benchdb.store.models import Base
    from benchdb.store.server import engine

    make_writable(server)
    with engine(server, write=True).connect() as connection:
        migration = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [
            one
            for one in compare_metadata(migration, Base.metadata)
            # A comment is worded anew without a migration, which a file has no use for.
            if not isinstance(one, list) or {what for what, *_ in one} != {"modify_comment"}
        ]
    own = [what for what, index in differences if index.name.startswith(SERVERS_OWN)]
    assert own == ["remove_index"] * len(differences)


def test_text_has_the_order_of_a_file_and_tests_are_found_by_an_index(server: Server) -> None:
    at_first_schema(server)
    upgrade_database(server)
    query = (
        "SELECT DISTINCT collation_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND data_type = 'text'"
    )
    assert rows(server, query) == [("C",)]
    for number in range(3):
        record(server, f"session-{number}", range(40))
    with connected(server) as connection:
        connection.execute("SET enable_seqscan = off")
        asked = []
        seen = Seen(connection, asked)
        cases_called(seen, "test_1")
        stored_cases(seen)
        assert len(asked) == 3
        for sql, values in asked:
            plan = connection.execute(f"EXPLAIN {sql}", values).fetchall()
            said = "\n".join(line for (line,) in plan)
            assert "ix_test_run_name_path" in said
            assert "Seq Scan on test_run" not in said
            assert "Index Cond" in said


class Seen:
    """A connection that keeps what it is asked."""

    def __init__(self, connection: Any, asked: list[tuple[str, Any]]) -> None:
        self._connection = connection
        self._asked = asked
        self.bytewise = connection.bytewise

    def execute(self, sql: str, values: Any = ()) -> Any:
        self._asked.append((sql, values))
        return self._connection.execute(sql, values)


def test_what_a_column_holds_is_told_alike(server: Server, tmp_path: Path) -> None:
    make_writable(server)
    make_writable(tmp_path / "a.db")
    with connected(server) as theirs, connected(tmp_path / "a.db") as ours:
        assert theirs.tables() == ours.tables()
        for table in ours.tables() - {"alembic_version"}:
            assert theirs.column_kinds(table) == ours.column_kinds(table)


def at_first_schema(server: Server) -> None:
    from benchdb.store.migrate import run_migrations
    from benchdb.store.server import engine

    with engine(server, write=True).connect() as connection, connection.begin():
        run_migrations(connection, lineage()[0])


def test_an_older_schema_is_upgraded_when_that_is_asked_for_only(
    server: Server, tmp_path: Path
) -> None:
    at_first_schema(server)
    for action in (
        lambda: make_writable(server),
        lambda: merge(tmp_path / "a.db", [server]),
        lambda: reading(server).__enter__(),
    ):
        with pytest.raises(UserError, match=r"older schema: .*pg_dump.*benchdb db upgrade --db"):
            action()
    recording = Recording(server, facts(), {}, tmp_path)
    assert recording.aside
    assert "benchdb db upgrade --db" in "".join(recording.notes)
    recording.finish(EPOCH)
    assert upgrade_database(server) == (lineage()[0], None)
    assert upgrade_database(server) is None
    record(server)
    assert len(kept(server)) == 1


def test_databases_that_benchdb_can_not_use_are_left_alone(
    cluster: Cluster, server: Server
) -> None:
    cluster.execute(server, "CREATE TABLE session (id int)")
    with pytest.raises(ForeignFile, match=r"tables that benchdb did not make: .*search_path"):
        make_writable(server)
    cluster.execute(server, "CREATE SCHEMA bench")
    inside = Server(f"{server.url}&options=-csearch_path%3Dbench")
    record(inside)
    assert len(kept(inside)) == 1
    cluster.execute(
        server,
        "UPDATE bench.alembic_version SET version_num = 'fedcba987654'",
        "COMMENT ON TABLE bench.alembic_version IS 'made by benchdb 99.1.0'",
    )
    with pytest.raises(NewerSchema, match=r"install benchdb 99\.1\.0 or newer"):
        look_at(inside)
    latin = cluster.new()
    name = latin.url.partition("@/")[2].partition("?")[0]
    cluster.execute(
        "postgres",
        f"DROP DATABASE {name}",
        f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    )
    with pytest.raises(UserError, match="LATIN1: name a database with the encoding UTF8"):
        make_writable(latin)


def test_who_may_only_read_can_look_at_a_lost_session(
    cluster: Cluster, server: Server, tmp_path: Path
) -> None:
    lose(server, "lost")
    cluster.execute(
        server,
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    )
    reader = Server(server.url.replace("benchdb:s3cret", "reader"))
    with reading(reader) as connection:
        (session,) = stored_sessions(connection)
        assert session.state == "open"
    (merged,) = merge(tmp_path / "a.db", [reader])
    assert (merged.added, merged.live) == (0, 1)
    recording = Recording(reader, facts(), {}, tmp_path)
    assert recording.aside
    assert "permission denied" in recording.notes[0]
    recording.finish(EPOCH)


@pytest.mark.parametrize("column", ["dirty_text", "attempt", "duration", "phase_start", "flag"])
def test_values_of_a_dropped_column_keep_digests_there_too(
    cluster: Cluster, server: Server, column: str
) -> None:
    from alembic.operations import ops
    from sqlalchemy import BigInteger, Boolean, Column, DateTime, Float, Text

    from benchdb.store.autogenerate import keep_values_sql

    record(server)
    kinds = {"attempt": BigInteger, "duration": Float, "phase_start": DateTime, "flag": Boolean}
    kind = kinds.get(column, Text)
    spelled = Column(column, kind()).type.compile()
    if column not in ("duration", "attempt"):
        cluster.execute(
            server,
            f"ALTER TABLE test_run DROP COLUMN IF EXISTS {column}",
            f"ALTER TABLE test_run ADD COLUMN {column} {spelled.replace('DATETIME', 'TIMESTAMP')}",
            f"UPDATE test_run SET {column} = {_VALUES[column]} WHERE ordinal = 1",
        )
    before = digest_of(server)
    dropped = ops.DropColumnOp(
        "test_run", column, _reverse=ops.AddColumnOp("test_run", Column(column, kind()))
    )
    cluster.execute(
        server,
        keep_values_sql(dropped, "postgresql"),
        f"ALTER TABLE test_run DROP COLUMN {column}",
    )
    assert digest_of(server) == before


_VALUES = {
    "dirty_text": """E'a "b" \\\\ \\n é'""",
    "phase_start": "'2026-01-02 03:04:05.5'",
    "flag": "true",
}


def digest_of(server: Server) -> str:
    with connected(server) as connection:
        return session_digest(connection, 1)


# -- passwords


def test_a_password_is_in_no_text_of_a_server() -> None:
    for url, shown in (
        ("postgresql+psycopg://u:s3cret@h:5/d", "postgresql+psycopg://u:***@h:5/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        (
            "postgresql://h/d?host=/x&password=s3cret&a=b",
            "postgresql://h/d?host=/x&password=***&a=b",
        ),
        ("postgresql://h/d?password=s3cret&user=a@b", "postgresql://h/d?password=***&user=a@b"),
        ("postgresql://u:s3cret/@s3cret@h/d", "postgresql://u:***@h/d"),
        (
            "postgresql://u:s3@cret?@h/d?sslpassword=s3cret",
            "postgresql://u:***@h/d?sslpassword=***",
        ),
    ):
        server = Server(url)
        assert str(server) == shown
        assert repr(server) == f"Server({shown!r})"
        assert "s3cret" not in f"{server} {server!r} {(server,)}"
