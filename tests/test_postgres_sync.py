"""A server takes part in a history as a file does: it pulls, pushes, forgets."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from recorded import Project, Ran
from store_samples import EPOCH, closed, contents, execute, facts, forms, names, record

from benchdb.config import Location, Server
from benchdb.errors import UserError
from benchdb.records import Artifact
from benchdb.store.check import check
from benchdb.store.locations import artifact_locations
from benchdb.store.merge import merge
from benchdb.store.opening import connected, make_writable
from benchdb.store.postgresql import ServerConnection
from benchdb.store.recorder import Recorder
from benchdb.sync.folder import Folder
from benchdb.sync.history import pull, push
from benchdb.sync.state import load_known

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_server import Cluster


class Team:
    """A folder with files and a remote, and the command run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote"

    def __call__(self, verb: str, place: Location, *more: object) -> Ran:
        db = place.url if isinstance(place, Server) else place
        ran = Project(self.folder).benchdb(verb, self.remote, "--db", db, *more)
        assert "s3cret" not in ran.out + ran.err
        return ran

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.db"

    def objects(self) -> dict[str, bytes]:
        every = (one for one in self.remote.rglob("*.zst") if one.is_file())
        return {one.name: one.read_bytes() for one in every}


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "pyproject.toml").write_text('[tool.benchdb]\npublish_every = "0"\n')
    return Team(tmp_path)


def ok(ran: Ran) -> str:
    assert (ran.code, ran.err) == (0, "")
    return ran.out


def kept(place: Location) -> list[tuple[str, str]]:
    with connected(place) as connection:
        return sorted(connection.execute("SELECT uid, digest FROM session").fetchall())


def test_servers_and_files_come_to_hold_the_same_by_one_remote(
    team: Team, cluster: Cluster, server: Server
) -> None:
    other = cluster.new()
    record(server, "one")
    record(server, "two", day=40)
    record(team.file("a"), "three", day=40)
    said = ok(team("push", server))
    assert said.startswith(f"pushed 2 sessions with 4 test runs to {team.remote} (")
    assert f"from {team.remote} into {server}" not in ok(team("sync", team.file("a")))
    assert f"pulled 1 session with 2 test runs from {team.remote} into {server}" in ok(
        team("sync", server)
    )
    assert "pulled 3 sessions with 6 test runs" in ok(team("pull", other))
    ok(team("pull", team.file("b")))
    assert len(kept(server)) == 3
    assert kept(server) == kept(other) == kept(team.file("a")) == kept(team.file("b"))
    merge(team.file("of_server"), [server])
    assert contents(team.file("of_server")) == contents(team.file("b"))
    for place in (server, other, team.file("b")):
        assert check(place).problems == ()
    before = team.objects()
    for place in (server, other, team.file("a")):
        said = ok(team("sync", place))
        assert said == f"nothing to pull from {team.remote}\nnothing to push to {team.remote}\n"
        assert ok(team("push", place, "--all")).startswith("nothing to push")
    assert team.objects() == before


def test_a_server_pulls_a_month_from_its_snapshot_and_helps_to_publish(
    team: Team, cluster: Cluster, server: Server
) -> None:
    for number in range(3):
        record(server, f"session-{number}", day=number)
        ok(team("push", server))
    (team.folder / "pyproject.toml").write_text("[tool.benchdb]\n")
    said = ok(team("compact", server, "--grace=0"))
    assert "folded 3 segments into 1 snapshot, deleted 3 objects" in said
    assert "published benchmark.db" in said
    assert sorted(forms(team.remote / "benchmark.db")) == kept(server)
    other = cluster.new()
    assert "pulled 3 sessions" in ok(team("pull", other))
    assert kept(other) == kept(server)


@pytest.mark.parametrize("broken", ["gone", "older"])
def test_compacting_needs_no_database_here(team: Team, server: Server, broken: str) -> None:
    record(team.file("a"), "one")
    ok(team("push", team.file("a")))
    (team.folder / "pyproject.toml").write_text("[tool.benchdb]\n")
    place: Location = Server("postgresql+psycopg://u:s3cret@127.0.0.1:1/d")
    if broken == "older":
        from benchdb.store.migrate import migrated_schema
        from benchdb.store.revisions import lineage

        place = team.file("older")
        migrated_schema(place, lineage()[0])
    said = ok(team("compact", place))
    assert "folded 1 segment" in said
    assert "published benchmark.db" in said


def test_what_was_pruned_from_a_server_is_pulled_only_when_asked_for(
    team: Team, server: Server
) -> None:
    record(server, "one")
    record(server, "two", day=1)
    ok(team("push", server))
    pruned = Project(team.folder).benchdb("db", "prune", "--before=2026-01-03", "--db", server.url)
    assert "removed 1 session" in ok(pruned)
    assert "nothing to pull" in ok(team("pull", server))
    assert "pulled 1 session with 2 test runs" in ok(team("pull", server, "--all"))
    assert len(kept(server)) == 2


def test_what_was_said_of_a_session_travels(team: Team, cluster: Cluster, server: Server) -> None:
    record(server, "session-one")
    ok(team("push", server))
    said = Project(team.folder).benchdb(
        "annotate", "session", "session-one", "--withdraw", "--db", server.url
    )
    assert "is withdrawn" in ok(said)
    assert "pushed 1 annotation" in ok(team("push", server))
    other = cluster.new()
    assert "pulled 1 session with 2 test runs and 1 annotation" in ok(team("pull", other))
    shown = Project(team.folder).benchdb("show", "--format=json", "--db", other.url)
    assert shown.json["sessions"] == []


def test_files_of_test_runs_lie_in_the_rootdir(
    team: Team, cluster: Cluster, server: Server
) -> None:
    (team.folder / "benchmark-artifacts").mkdir()
    (team.folder / "benchmark-artifacts/note.txt").write_text("a")
    sha256 = hashlib.sha256(b"a").hexdigest()
    recorder = Recorder(server, facts("one"))
    run = replace(
        closed(),
        artifacts=(Artifact("note", "note.txt", "benchmark-artifacts/note.txt", 1, sha256),),
    )
    recorder.close(recorder.open(EPOCH, names()), run)
    recorder.finish(EPOCH)
    assert "1 file" in ok(team("push", server))
    (team.folder / "benchmark-artifacts/note.txt").unlink()
    assert "fetched 1 file" in ok(team("pull", cluster.new(), "--artifacts"))
    assert (team.folder / "benchmark-artifacts/note.txt").read_text() == "a"


def test_where_artifacts_are_travels_from_server_to_server(
    team: Team, cluster: Cluster, server: Server
) -> None:
    record(server, "session-one")
    for place in ("s3://b/c", "s3://b/d"):
        said = Project(team.folder).benchdb(
            "annotate", "artifact", "dump.zst", "--at", place, "--db", server.url
        )
        assert ok(said) == f"noted: dump.zst is at {place}\n"
    ok(team("push", server))
    other = cluster.new()
    ok(team("pull", other))
    ok(team("pull", team.file("a")))
    for at in (server, other, team.file("a")):
        with connected(at) as connection:
            assert artifact_locations(connection) == {"ab": "s3://b/d"}


def test_locations_on_a_server_that_no_file_could_look_into_stay_there(
    team: Team, cluster: Cluster, server: Server
) -> None:
    record(server, "session-one")
    values = "'said', '2026-01-03', 'location', 'no JSON'"
    cluster.execute(
        server, f"INSERT INTO annotation (key, made, kind, locations) VALUES ({values})"
    )
    ran = team("push", server)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "'no JSON' can't stand in annotation.locations" in ran.err
    assert "pulled 1 session with 2 test runs from" in ok(team("pull", team.file("a")))


# -- many at once, cut off, and not allowed


def at_once(*actions: Any) -> list[Any]:
    """Do several things at once; returns what each gave."""
    begin = threading.Barrier(len(actions))
    given: list[Any] = [None] * len(actions)

    def do(number: int, action: Any) -> None:
        begin.wait()
        try:
            given[number] = action()
        except BaseException as error:
            given[number] = error

    threads = [threading.Thread(target=do, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [one for one in given if isinstance(one, BaseException)]
    assert not errors, errors
    return given


def test_many_that_pull_into_one_server_at_once_take_each_session_once(
    team: Team, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchdb.store.batches.BATCH_ROWS", 1)  # a transaction for each session
    for number in range(12):
        record(team.file("a"), f"session-{number}", day=number % 3)
    objects = Folder(team.remote)
    push(team.file("a"), objects)
    make_writable(server)

    def taking() -> tuple[int, int]:
        done = pull(server, objects)
        return done.sessions, done.runs

    def recording() -> tuple[int, int]:
        record(server, "beside", range(8), day=1)
        return 0, 0

    done = at_once(taking, taking, taking, recording)
    assert (sum(one for one, _ in done), sum(one for _, one in done)) == (12, 24)
    assert {key for key in kept(server) if key[0] != "beside"} == forms(team.file("a"))
    assert len(kept(server)) == 13
    assert check(server).problems == ()
    assert load_known(server, objects.address).entries == forms(team.file("a"))
    assert pull(server, objects).sessions == 0


def test_many_that_push_from_one_server_at_once_double_nothing_for_who_pulls(
    team: Team, server: Server
) -> None:
    for number in range(4):
        record(server, f"session-{number}", day=number)
    objects = Folder(team.remote)
    at_once(*[lambda: push(server, objects)] * 3)
    assert push(server, objects).sessions == 0
    assert len(team.objects()) == 1
    make_writable(team.file("b"))
    assert pull(team.file("b"), objects).sessions == 4
    assert kept(team.file("b")) == kept(server)


CUT = """
CREATE FUNCTION cut() RETURNS trigger AS $$
BEGIN
    IF NEW.uid = 'session-2' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql
"""


def test_a_pull_that_is_cut_off_leaves_whole_sessions_and_goes_on(
    team: Team, cluster: Cluster, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchdb.store.batches.BATCH_ROWS", 1)
    for number in range(4):
        record(team.file("a"), f"session-{number}", day=number)
    ok(team("push", team.file("a")))
    make_writable(server)
    cluster.execute(
        server,
        CUT,
        "CREATE TRIGGER cut BEFORE INSERT ON session FOR EACH ROW EXECUTE FUNCTION cut()",
    )
    broken = team("pull", server)
    assert broken.code == 2
    assert f"{server} can't be used (terminating connection" in broken.err
    assert broken.err.count("\n") == 1
    assert [uid for uid, _ in kept(server)] == ["session-0", "session-1"]
    assert check(server).problems == ()
    cluster.execute(server, "DROP TRIGGER cut ON session")
    assert "pulled 2 sessions with 4 test runs" in ok(team("pull", server))
    assert kept(server) == kept(team.file("a"))


@pytest.mark.parametrize("into", ["file", "server"])
def test_a_merge_whose_server_is_cut_off_names_it_and_leaves_whole_sessions(
    team: Team, cluster: Cluster, server: Server, monkeypatch: pytest.MonkeyPatch, into: str
) -> None:
    monkeypatch.setattr("benchdb.store.batches.BATCH_ROWS", 1)
    for number in range(4):
        record(server, f"session-{number}", day=number)
    target: Location = team.file("a") if into == "file" else cluster.new()
    make_writable(target)
    asked = []
    stream = ServerConnection.stream

    def cut(self: ServerConnection, sql: str, *more: Any) -> Any:
        asked.append(sql)
        if sum("FROM test_run " in one for one in asked) == 3:
            name = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
            cluster.execute("postgres", f"{name} '{server.url.split('/')[3].partition('?')[0]}'")
        return stream(self, sql, *more)

    monkeypatch.setattr(ServerConnection, "stream", cut)
    db = target.url if isinstance(target, Server) else target
    broken = Project(team.folder).benchdb("merge", server.url, "--db", db)
    monkeypatch.undo()
    assert broken.code == 2
    assert "can't be used (terminating connection" in broken.err
    if into == "file":
        assert broken.err.startswith(f"benchdb: {server} can't be used")
    assert broken.err.count("\n") == 1
    assert [uid for uid, _ in kept(target)] == ["session-0", "session-1"]
    merge(target, [server])
    assert kept(target) == kept(server)


def test_who_may_only_read_pushes_and_is_told_that_he_may_not_pull(
    team: Team, cluster: Cluster, server: Server
) -> None:
    record(server, "one")
    record(team.file("a"), "two", day=1)
    ok(team("push", team.file("a")))
    cluster.execute(
        server,
        "DROP ROLE IF EXISTS looker",
        "CREATE ROLE looker LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker",
    )
    looker = Server(server.url.replace("benchdb:", "looker:"))
    try:
        assert "pushed 1 session with 2 test runs" in ok(team("push", looker))
        assert "nothing to push" in ok(team("push", looker))
        refused = team("pull", looker)
        assert refused.code == 2
        assert "permission denied for" in refused.err
        assert "what its user may do" in refused.err
        assert refused.err.count("\n") == 1
    finally:
        cluster.execute(server, "DROP OWNED BY looker", "DROP ROLE looker")
    assert [uid for uid, _ in kept(server)] == ["one"]


def test_who_was_granted_what_the_docs_say_does_everything(
    team: Team, cluster: Cluster, server: Server
) -> None:
    make_writable(server)
    record(team.file("a"), "pulled")
    record(team.file("b"), "merged", day=1)
    ok(team("push", team.file("a")))
    cluster.execute(
        server,
        "DROP ROLE IF EXISTS member",
        "CREATE ROLE member LOGIN",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO member",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO member",
    )
    member = Server(server.url.replace("benchdb:", "member:"))
    try:
        record(member, "recorded", day=2)
        assert "pulled 1 session" in ok(team("sync", member))
        merge(member, [team.file("b")])
        assert check(member).problems == ()
        assert [uid for uid, _ in kept(member)] == ["merged", "pulled", "recorded"]
        at = ("--db", member.url)
        ok(Project(team.folder).benchdb("annotate", "session", "pulled", "--withdraw", *at))
        ok(Project(team.folder).benchdb("db", "prune", "--before=2100-01-01", *at))
        assert kept(member) == []
        execute(team.file("b"), "UPDATE test_run SET cluster = 77 WHERE ordinal = 2")
        with pytest.raises(UserError, match="rows that don't fit together"):
            merge(member, [team.file("b")], bring_back=True)
    finally:
        cluster.execute(server, "DROP OWNED BY member", "DROP ROLE member")
