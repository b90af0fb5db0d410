"""`benchdb annotate artifact`: where files of test runs are said to be, and who is told."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing as closing_it
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import Project, Ran
from store_samples import EPOCH, closed, contents, execute, facts, names, query
from test_docs import examples
from test_sync_command import Files, ok
from test_sync_failures import DATA

from benchdb.records import Artifact
from benchdb.store.database import connect
from benchdb.store.locations import artifact_locations
from benchdb.store.recorder import Recorder

REPORT = "benchmark-artifacts/s/report.html"
REMOTE_DUMP = "s3://old-bucket/a/dump.bin?x=*"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "pyproject.toml").write_text('[tool.benchdb]\npublish_every = "0"\n')
    return Files(tmp_path)


def sha(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def record(files: Files, name: str, uid: str = "one", day: int = 0, **bodies: str) -> None:
    """Record a session that has a file for each word, and one that was given as a URL."""
    recorder = Recorder(files.file(name), facts(uid, day))
    for word, body in bodies.items():
        path = Path("benchmark-artifacts", "s", f"{word}.html")
        (files.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (files.folder / path).write_text(body)
        kept = Artifact("page", path.name, path.as_posix(), len(body), sha(body))
        run = replace(closed(), artifacts=(kept, Artifact("dump", REMOTE_DUMP, REMOTE_DUMP)))
        recorder.close(recorder.open(EPOCH, names(f"test_{word}")), run)
    recorder.finish(EPOCH)


def annotate(files: Files, name: str, *arguments: object) -> Ran:
    return files("annotate", "artifact", *arguments, "--db", files.file(name))


def locations(path: Path) -> dict[str, str]:
    with closing_it(connect(path)) as connection:
        return artifact_locations(connection)


def test_a_job_says_where_it_put_all_that_pytest_recorded(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "suite"\nversion = "1"\n'
        '[tool.pytest.ini_options]\naddopts = "-p benchdb -p no:cacheprovider"\n'
    )
    (tmp_path / "test_suite.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_it(benchmark_time, test_run_benchmark, tmp_path, n):\n"
        "    with benchmark_time: pass\n"
        "    (tmp_path / 'note.txt').write_text('text' * n)\n"
        "    test_run_benchmark.attach('note', tmp_path / 'note.txt')\n"
    )
    project = Project(tmp_path)
    project.record()
    shutil.move(tmp_path / "benchmark-artifacts", tmp_path / "elsewhere")
    ran = project.command(
        "annotate", "artifact", "elsewhere", "--at", "https://ci.example.org/42/{path}"
    )
    assert (ran.code, ran.err) == (0, "")
    recorded = project.query("select url, sha256 from artifact order by url")
    first, last = (url for url, _ in recorded)
    assert {f"noted: {one} is at https://ci.example.org/42/{one}, and 1 other likewise\n"
            for one in (first, last)} >= {ran.out}  # fmt: skip
    assert locations(project.database) == {
        digest: f"https://ci.example.org/42/{url}" for url, digest in recorded
    }
    assert project.query("select count(*) from annotation") == [(1,)]  # however many files
    assert "is sound" in project.command("db", "check").out


@pytest.mark.parametrize(
    "given",
    [
        REPORT,
        "report.html",
        "*/report.*",
        sha("text")[:8],
        sha("text").upper(),
        "benchmark-artifacts/../benchmark-artifacts/s/report.html",
    ],
)
def test_an_artifact_is_told_by_file_path_name_or_checksum(files: Files, given: str) -> None:
    record(files, "a", report="text", other="other text")
    said = ok(annotate(files, "a", given, "--at", "gs://b/c", "--by", "me", "-m", "moved"))
    assert said == f"noted: {REPORT} is at gs://b/c\n"
    assert locations(files.file("a")) == {sha("text"): "gs://b/c"}
    stored = query(files.file("a"), "select kind, author, text, locations from annotation")
    assert stored == [("location", "me", "moved", f'{{"{sha("text")}":"gs://b/c"}}')]


def test_what_was_recorded_as_a_url_is_told_by_that(files: Files) -> None:
    record(files, "a", report="text")
    ok(annotate(files, "a", REMOTE_DUMP, "--at", "s3://new/{path}"))
    assert locations(files.file("a")) == {REMOTE_DUMP: "s3://new/a/dump.bin"}
    ok(annotate(files, "a", "s3://old-bucket/*", "--at", "https://host/{name}"))
    assert locations(files.file("a")) == {REMOTE_DUMP: "https://host/dump.bin"}


def test_a_file_of_bytes_that_were_recorded_twice_is_the_one_at_its_place(files: Files) -> None:
    record(files, "a", a="same", b="same")
    ok(annotate(files, "a", "benchmark-artifacts/s/b.html", "--at", "s3://new/{path}"))
    assert locations(files.file("a")) == {sha("same"): "s3://new/benchmark-artifacts/s/b.html"}
    record(files, "a", "later", day=3, c="same")
    ok(annotate(files, "a", sha("same"), "--at", "s3://new/{path}"))  # else the newest
    assert locations(files.file("a")) == {sha("same"): "s3://new/benchmark-artifacts/s/c.html"}


@pytest.mark.parametrize(
    ("location", "filled"),
    [
        ("https://h/{kind}/{name}?{sha256}", f"https://h/a%20%2F%3F/r%20%3Cb%3E.html?{sha('t')}"),
        ("HTTPS://h/{path}#{path}", "HTTPS://h/d/%25%20%3Cb%3E.html#d/%25%20%3Cb%3E.html"),
        ("file:///mnt/{sha256}", f"file:///mnt/{sha('t')}"),
        ("s3://b/{sha256}%20", f"s3://b/{sha('t')}%20"),
    ],
)
def test_what_is_filled_in_is_quoted_as_in_a_url(files: Files, location: str, filled: str) -> None:
    kept = Artifact("a /?", "r <b>.html", "d/% <b>.html", 1, sha("t"))
    kept_by(files, kept)
    if "{name}" in location:
        execute(files.file("a"), "update artifact set url = NULL")
    ok(annotate(files, "a", sha("t"), "--at", location))
    assert locations(files.file("a")) == {sha("t"): filled}


def kept_by(files: Files, *artifacts: Artifact) -> None:
    recorder = Recorder(files.file("a"), facts("one"))
    recorder.close(recorder.open(EPOCH, names()), replace(closed(), artifacts=artifacts))
    recorder.finish(EPOCH)


WRONG = [
    (["nothing.html", "--at", "s3://b/c"], "no artifact of a test run here is 'nothing.html': "),
    (["*.zip", "--at", "s3://b/c"], "no artifact of a test run here is '*.zip': give a file"),
    (["0" * 12, "--at", "s3://b/c"], "no artifact of a test run here is '000000000000': "),
    (["abcdef01", "--at", "s3://b/c"], "abcdef01 begins the SHA-256 of 2 artifacts: give more"),
    (["pyproject.toml", "--at", "s3://b/c"], "pyproject.toml is no artifact of a test run here"),
    (["empty", "--at", "s3://b/c"], "empty is no artifact of a test run here, nor are files in"),
    (["*.html", "--at", "s3://b/c"], "s3://b/c would be the place of ../x.html and of b"),
    (["*.html", "--at", "s3://b/{kind}"], "s3://b/page would be the place of ../x.html and of"),
    (["s3://*", "--at", "s3://b/{sha256}"], "has nothing for {sha256}: put another of {path}"),
    (["../x.html", "--at", "s3://b/{path}"], "../x.html has nothing for {path}: put another of"),
    (["spaces", "--at", "s3://b/{path}"], "has ' ' in it, which no URL has: write %20 instead"),
    (["report.html", "--at", "s3://b/{user}"], "{user} can't be filled in: use {path}, {name}"),
    (["report.html", "--at", "s3://b/{path"], "has '{' in it, which no URL has: write %7B"),
    (["report.html", "--at", "s3://u:password@b/c"], "a password or a token in LOCATION"),
    (["report.html", "--at", "https://h/?X-Amz-Signature=ab12"], "a password or a token in LO"),
    (["report.html"], "missing option '--at'"),
    (["--at", "s3://b/c"], "missing argument 'ARTIFACT...'"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_call_is_one_line_and_stores_nothing(
    files: Files, arguments: list[str], message: str
) -> None:
    (files.folder / "empty").mkdir()
    kept_by(
        files,
        Artifact("page", "report.html", REPORT, 4, sha("text")),
        Artifact("page", "other.html", "other.html", 5, "abcdef01" + "0" * 56),
        Artifact("page", "x.html", "../x.html", 6, "abcdef01" + "1" * 56),
        Artifact("page", "spaces", "a b", 7, "2" * 64),
        Artifact("dump", REMOTE_DUMP, REMOTE_DUMP),
    )  # fmt: skip
    ran = annotate(files, "a", *arguments)
    assert (ran.code, ran.err.count("\n"), ran.out) == (2, 1, "")
    assert message in ran.err
    assert query(files.file("a"), "select * from annotation") == []


HOSTILE = [
    "javascript:alert(1)",
    "JavaScript://h/%0aalert(1)",
    "vbscript://x/y",
    "data:text/html,<script>",
    "data://text/html",
    "benchmark-artifacts/s/report.html",
    "//host/path",
    "s3:///key",
    "https://[bad/x",
    "https://host/a b",
    "https://host/a\nb",
    "https://host/\x1b[31m",
    "https://host/\u202egpj.exe",
    "https://host/\u00a0",
    'https://host/"><script>',
    "https://host/" + "a" * 5000,
    "",
]


@pytest.mark.parametrize("location", HOSTILE)
def test_what_a_page_must_not_link_is_refused_and_passed_over(files: Files, location: str) -> None:
    """Also where it came from others: what was said before holds."""
    record(files, "a", report="text")
    ran = annotate(files, "a", "report.html", "--at", location)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert query(files.file("a"), "select * from annotation") == []
    ok(annotate(files, "a", "report.html", "--at", "s3://b/c"))
    later = json.dumps({sha("text"): location, "other": 5})
    with closing_it(sqlite3.connect(files.file("a"))) as connection, connection:
        connection.execute(
            "insert into annotation (key, made, kind, locations) values "
            "('later', '2999-01-01 00:00:00.000000', 'location', ?)",
            (later,),
        )
    ok(files("merge", files.file("a"), "--db", files.file("b")))
    assert locations(files.file("b")) == {sha("text"): "s3://b/c"}


@pytest.mark.parametrize("said", ["no JSON", "[]", "5", "", '{"a": NaN}', "[" * 2000 + "]" * 2000])
def test_locations_that_sql_could_not_look_into_stay_where_they_are(
    files: Files, said: str
) -> None:
    record(files, "a", report="text")
    ok(annotate(files, "a", "report.html", "--at", "s3://b/c"))
    with closing_it(sqlite3.connect(files.file("a"))) as connection, connection:
        connection.execute("update annotation set locations = ?", (said,))
    assert locations(files.file("a")) == {}
    for ran in (
        files("merge", files.file("a"), "--db", files.file("b")),
        files.push("a"),
        files("db", "check", "--db", files.file("a")),
    ):
        assert ran.code == 2
        assert "can't stand in annotation.locations" in ran.out + ran.err
    assert query(files.file("b"), "select count(*) from annotation") == [(0,)]
    ok(annotate(files, "a", "report.html", "--at", "s3://b/d"))
    assert locations(files.file("a")) == {sha("text"): "s3://b/d"}


def test_of_several_the_latest_holds_whichever_way_files_are_merged(files: Files) -> None:
    record(files, "a", report="text", other="other")
    ok(files("merge", files.file("a"), "--db", files.file("b")))
    ok(annotate(files, "a", "*.html", "--at", "s3://first/{name}"))
    ok(annotate(files, "b", "report.html", "--at", "s3://second/{name}"))
    expected = {sha("text"): "s3://second/report.html", sha("other"): "s3://first/other.html"}
    for one, other in ("ab", "ba"):
        target = files.folder / f"{one}{other}.db"
        ok(files("merge", files.file(one), files.file(other), "--db", target))
        assert locations(target) == expected
    for one, other in ("ab", "ba"):
        said = ok(files("merge", files.file(other), "--db", files.file(one)))
        assert "1 annotation" in said
        assert locations(files.file(one)) == expected
        assert "1 annotation" not in ok(files("merge", files.file(other), "--db", files.file(one)))
    assert contents(files.file("a"))["annotation"] == contents(files.file("b"))["annotation"]


def test_what_follows_holds_over_what_was_said_by_a_fast_clock(files: Files) -> None:
    record(files, "a", report="text")
    ok(annotate(files, "a", "report.html", "--at", "s3://first"))
    execute(files.file("a"), "update annotation set made = '2999-01-01 00:00:00.000000'")
    ok(annotate(files, "a", "report.html", "--at", "s3://second"))
    assert locations(files.file("a")) == {sha("text"): "s3://second"}
    (first, _), (_, follows) = query(
        files.file("a"), "select key, follows from annotation order by made"
    )
    assert follows == first


def test_by_a_slow_clock_it_is_said_when_the_session_began(files: Files) -> None:
    """Else a horizon might forget it before what it is about."""
    record(files, "a", "far", day=20_000, report="text")
    ok(annotate(files, "a", "report.html", "--at", "s3://b/c"))
    assert query(files.file("a"), "select made = started from annotation, session") == [(1,)]


def test_it_travels_through_a_history_and_its_compaction(files: Files) -> None:
    record(files, "a", report="text")
    ok(files.push("a"))
    ok(annotate(files, "a", "report.html", "--at", "s3://b/c"))
    assert "pushed 1 annotation" in ok(files.push("a"))
    assert "1 annotation" in ok(files.sync("b"))
    ok(annotate(files, "b", "report.html", "--at", "s3://b/d"))
    ok(files.sync("b"))
    ok(files.sync("a"))
    ok(files.compact("--grace", "0"))
    ok(files.pull("c"))
    for name in "abc":
        assert locations(files.file(name)) == {sha("text"): "s3://b/d"}


def test_a_file_of_an_older_schema_takes_it(files: Files) -> None:
    older = files.file("older")
    with closing_it(sqlite3.connect(older)) as connection:
        connection.executescript((DATA / "schema_04d1372e726c.sql").read_text("utf-8"))
    ran = annotate(files, "older", "dump.zst", "--at", "s3://b/{name}")
    assert (ran.code, ran.out) == (0, "noted: dump.zst is at s3://b/dump.zst\n")
    assert "upgraded" in ran.err
    assert locations(older) == {"ab": "s3://b/dump.zst"}
    before = next(files.folder.glob("older.db.before-*"))
    said = files("merge", older, "--db", before)
    assert said.code == 0
    assert locations(before) == {"ab": "s3://b/dump.zst"}


def test_a_pull_says_where_the_files_are_that_it_does_not_fetch(files: Files) -> None:
    files.settings('publish_every = "0"\nlargest_artifact = 4')
    words = {word: word * 2 for word in ("large", "larger", "largest", "x")}
    record(files, "a", gone="gone", **words)
    ok(annotate(files, "a", "*.html", "--at", "https://h/{name}"))
    ok(files.push("a"))
    shutil.rmtree(files.folder / "benchmark-artifacts")
    (files.remote / "artifacts" / sha("gone")).unlink()
    ran = files.pull("b", "--artifacts")
    assert ran.code == 0
    assert "fetched 1 file, 1 not in the history" in ran.out
    assert "3 files larger than largest_artifact" in ran.err
    assert ran.err.count("\n") == 2
    told = (
        "benchdb: 4 files not fetched that are said to be elsewhere: https://h/gone.html, "
        "https://h/large"
    )
    assert told in ran.err
    assert ran.err.endswith(" and 1 other place\n")
    assert not (files.folder / "benchmark-artifacts/s/gone.html").exists()


def test_a_pull_of_all_files_speaks_of_no_place(files: Files) -> None:
    record(files, "a", report="text", other="other")
    ok(annotate(files, "a", "*.html", "--at", "https://h/{name}"))
    ok(files.push("a"))
    (files.folder / REPORT).unlink()
    assert "fetched 1 file" in ok(files.pull("b", "--artifacts"))


def test_the_query_of_the_docs_gives_each_artifact_with_its_place(files: Files) -> None:
    (sql,) = [
        one.source
        for one in examples("sql")
        if one.page.name == "history.md" and "locations" in one.source
    ]
    record(files, "a", report="text", other="other")
    assert {place for *_, place in query(files.file("a"), sql)} == {
        REPORT, "benchmark-artifacts/s/other.html", REMOTE_DUMP,
    }  # fmt: skip
    ok(annotate(files, "a", "*.html", "--at", "s3://first/{name}"))
    ok(annotate(files, "a", "report.html", "--at", "s3://second/{name}"))
    ok(annotate(files, "a", REMOTE_DUMP, "--at", "s3://third/{name}"))
    found = query(files.file("a"), sql)
    assert len(found) == 4
    assert {place for *_, place in found} == {
        "s3://second/report.html", "s3://first/other.html", "s3://third/dump.bin",
    }  # fmt: skip
