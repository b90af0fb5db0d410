"""`benchdb dashboard`: the site's files, and what they tell."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from made_sessions import FAIL, LOSE
from made_sessions import History as Recorded
from made_up import History, project, step
from recorded import Project, environ
from sites import Site
from test_show import fields

from benchdb.dashboard.shards import fnv1a, pair_name
from benchdb.report import fields as documented_fields
from benchdb.report import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(autouse=True)
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's two files, whatever they hold."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "app.js").write_text("window.benchdb = () => {}; // </script>\n")
    (folder / "app.css").write_text("main { margin: auto }\n")
    monkeypatch.setattr("benchdb.dashboard.build._STATIC", folder)


@pytest.fixture(scope="module")
def recorded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("once") / "p", slow()).folder


@pytest.fixture
def of(recorded_once: Path, tmp_path: Path) -> Project:
    """A project in which test_03 got slower by a tenth at the 26th of 40 sessions."""
    return Project(shutil.copytree(recorded_once, tmp_path / "p"))


def slow(at: int = 25, factor: float = 1.1) -> History:
    return History(effects={"t.py::test_03": step(at, factor)})


# -- what it tells


def drifting() -> History:
    return History(60, 8, effects={"t.py::test_03": lambda session: 1 + 0.004 * session})


@pytest.mark.portable
def test_every_change_is_that_of_benchdb_changes(tmp_path: Path) -> None:
    made = History(60, 20, effects={"t.py::test_03": step(20, 1.1), "t.py::test_07": step(45, 0.8)})
    of = project(tmp_path / "p", made)
    site = Site(of)
    index = site.index
    said = of.benchdb("changes", "--closed", "--format", "json").json
    assert [one["id"] for one in index["events"]] == [one["id"] for one in said["events"]]
    for shown, one in zip(index["events"], said["events"], strict=True):
        assert index["sessions"]["uid"][shown["first_after"]] == one["first_after"]["session"]
        assert index["sessions"]["uid"][shown["last_before"]] == one["last_before"]["session"]
        assert (shown["series"], shown["cases"]) == (one["series"], one["tests"])
        (moved,), (other,) = shown["moved"], one["moved"]
        case = index["cases"]["id"][index["series"]["case"][moved["series"]]]
        assert case == other["case"]
        for name in ("effect", "low", "high"):
            assert moved[name] == pytest.approx(other[name], rel=1e-4)
        (change,) = site.case(case)["series"][0]["changes"]
        assert change["event"] == index["events"].index(shown)
        assert change["p"] == pytest.approx(other["p"], rel=1e-2)


def test_the_headline_states_what_got_worse_and_better_lately(tmp_path: Path) -> None:
    made = History(60, 20, effects={"t.py::test_03": step(45, 1.1), "t.py::test_07": step(45, 0.8)})
    of = project(tmp_path / "p", made)
    site = Site(of)
    headline = "1 series got slower in the last 30 sessions, 1 got faster."
    assert site.said.startswith(f"{headline}\n")
    assert site.summary["headline"] == headline
    assert f"<h1>{headline}</h1>" in site.text("index.html")
    assert headline in site.text("summary.md")
    found = site.series("t.py::test_03")
    assert (found["verdict"], found["since"]) == (1, 45)
    assert found["low"] - 0.02 < 0.1 < found["high"] + 0.02
    assert site.series("t.py::test_07")["verdict"] == -1
    quiet = site.series("t.py::test_01")
    assert (quiet["verdict"], quiet["effect"], quiet["since"]) == (0, None, -1)


def test_a_metric_of_which_no_way_is_better_is_said_to_have_changed(tmp_path: Path) -> None:
    made = History(cases=3)
    made.more["rows"] = lambda session: "0" if session < 30 else "7"
    site = Site(project(tmp_path / "p", made))
    assert site.said.startswith("3 series changed in the last 30 sessions.\n")
    found = site.series("t.py::test_00", "rows")
    assert (found["effect"], found["verdict"], found["now"]) == (None, 0, 7)


@pytest.mark.portable
def test_numbers_of_any_size_make_valid_data(tmp_path: Path) -> None:
    sizes = ["0", "-1.5", "1e308", "-1e308", "5e-324", "inf", "nan", "3", ""]
    made = History(cases=2)
    made.more["odd"] = lambda session: sizes[session * 5 % len(sizes)]
    made.more["huge"] = lambda session: repr(1e307 * (1 + session % 3))
    made.more["tiny"] = lambda session: repr(1e-310 * (1 + session % 3))
    made.more["none"] = lambda session: "0"
    site = Site(project(tmp_path / "p", made))
    for path in (site.folder / "data").rglob("*.js"):
        site.data(str(path.relative_to(site.folder / "data").with_suffix("").as_posix()))
    assert site.series("t.py::test_00", "none")["now"] == 0


def test_a_slow_change_is_told_as_such_wherever_the_finding_is(tmp_path: Path) -> None:
    of = project(tmp_path / "p", drifting())
    site = Site(of)
    headline = (
        "No change of 8 series was found in the last 30 sessions, "
        "but 1 drifts slowly for the worse."
    )
    assert site.summary["headline"] == headline
    assert site.series("t.py::test_03")["drift"] > 0.1
    (drift,) = json.loads(of.benchdb("changes", "--format", "json").out)["drifts"]
    assert site.summary["drifts"] == [drift]
    (row,) = csv.DictReader(site.text("summary.csv").splitlines())
    assert [row[name] for name in ("case", "verdict", "kind", "since", "event")] == [
        "t.py::test_03",
        "REGRESSED",
        "drift",
        "",
        "",
    ]
    assert float(row["effect"]) == pytest.approx(drift["effect"], rel=1e-4)
    for name in ("summary.md", "index.html"):
        assert "1 drift: slow changes without a moment" in site.text(name)
        assert "t.py::test_03" in site.text(name)


def test_a_change_before_the_last_sessions_is_told_as_no_recent_one(tmp_path: Path) -> None:
    site = Site(project(tmp_path / "p", slow(at=25)), "--last", "10")
    assert "No change of 12 series was found in the last 10 sessions." in site.said
    assert site.series("t.py::test_03")["verdict"] == 0
    assert len(site.index["events"]) == 1
    assert len(site.case("t.py::test_03")["series"][0]["segments"]) == 2


def test_what_people_settled_is_no_finding_any_more(of: Project) -> None:
    (event,) = Site(of).index["events"]
    assert of.benchdb("ack", event["id"], "--expected", "-m", "so be it").code == 0
    site = Site(of)
    assert "No change of 12 series" in site.said
    (event,) = site.index["events"]
    assert event["state"] == "expected"
    assert "so be it" in event["said"]
    assert "REGRESSED" not in site.text("index.html")
    assert site.summary["changes"][0]["state"] == "expected"
    assert site.index["summaries"][0]["regressed"] == 0


def test_a_change_is_marked_where_its_level_begins(tmp_path: Path) -> None:
    effects = {f"t.py::test_0{number}": step(20 + number, 1.05) for number in range(10)}
    of = project(tmp_path / "p", History(60, 12, noise=0.025, effects=effects))
    site = Site(of)
    said = of.benchdb("changes", "--closed", "--format", "json").json["events"]
    told = {(moved["case"], moved["first_after"]) for one in said for moved in one["moved"]}
    uids = site.index["sessions"]["uid"]
    shown = set()
    for case in effects:
        (series,) = site.case(case)["series"]
        starts = [one["start"] for one in series["segments"]]
        for change in series["changes"]:
            assert change["point"] in starts
            shown.add((case, uids[change["point"]]))  # it ran in every session
    assert shown == told


def test_a_case_has_all_its_points_with_the_sessions_that_measured_them(of: Project) -> None:
    site = Site(of)
    rows = of.query(
        "SELECT t.duration FROM test_run t JOIN session s ON s.id = t.session_id "
        "WHERE t.name = 'test_03' ORDER BY s.started"
    )
    (series,) = site.case("t.py::test_03")["series"]
    assert series["values"] == pytest.approx([value for (value,) in rows], rel=1e-4)
    at = site.data(f"cases/{fnv1a('t.py::test_03') % site.index['shards']['cases']:02x}")
    first = at["cases"][0]["series"][0]["at"]
    assert (first, len(series["values"])) == ([0] + [1] * 39, 40)


def test_a_session_page_names_what_its_past_does_not_lead_one_to_expect(tmp_path: Path) -> None:
    history = Recorded(tmp_path)
    history.settings()
    for _ in range(20):
        history.add({"test_a": history.near(1.0), "test_b": history.near(2.0)})
    odd = history.add({"test_a": 1.5, "test_b": FAIL})
    site = Site(history.project)
    found = site.session(odd)
    (unusual,) = found["unusual"]
    assert unusual["series"] == site.series("test_it.py::test_a")["number"]
    assert unusual["effect"] == pytest.approx(0.5, abs=0.1)
    assert unusual["low"] < 0 < unusual["high"] < unusual["effect"]
    assert unusual["verdict"] == 1
    assert found["judged"] == 1
    assert found["failed"] == ["test_it.py::test_b"]
    assert found["rerun"] == "pytest --benchmark test_it.py::test_b test_it.py::test_a"
    assert site.series("test_it.py::test_b")["failing"] == 1
    assert site.summary["failing"] == ["test_it.py::test_b"]


def test_a_contender_is_judged_by_the_trunk_and_in_none_of_its_series(tmp_path: Path) -> None:
    history = Recorded(tmp_path)
    history.settings()
    for _ in range(15):
        history.add({"test_a": history.near(1.0)})
    tried = history.add({"test_a": 1.4}, branch="try")
    history.add({"test_a": history.near(1.0)})
    site = Site(history.project)
    index = site.index
    at = index["sessions"]["uid"].index(tried)
    assert index["sessions"]["trunk"][at] is False
    assert index["sessions"]["runs"][at] == 1
    (unusual,) = site.session(tried)["unusual"]
    assert unusual["effect"] == pytest.approx(0.4, abs=0.1)
    assert site.series("test_it.py::test_a")["points"] == 16
    side = next(one for one in index["sides"] if one["key"] == f"session:{tried}")
    pair = next(one for one in index["pairs"] if index["sides"].index(side) in one)
    keys = [index["sides"][one]["key"] for one in pair]
    compared = site.data(f"compare/{pair_name(*keys)}")
    assert compared["series"] == [0]


def test_failed_and_lost_runs_are_with_their_case(tmp_path: Path) -> None:
    history = Recorded(tmp_path)
    history.settings()
    for outcome in (1.0, FAIL, 1.0, LOSE):
        history.add({"test_a": outcome})
    site = Site(history.project)
    found = site.case("test_it.py::test_a")
    assert ([at for _, at in found["failed"]], [at for _, at in found["lost"]]) == ([1], [3])
    assert (site.index["sessions"]["failed"], site.index["sessions"]["lost"]) == (
        [0, 1, 0, 0],
        [0, 0, 0, 1],
    )
    (flaky,) = site.data("health")["flaky"]
    assert (flaky["sessions"], flaky["failed"], flaky["lost"]) == (4, 1, 1)


def test_releases_are_first_sessions_of_versions_and_compared_with_the_one_before(
    tmp_path: Path,
) -> None:
    versions = ["0+unknown", "1.0", "1.0+3.gabc", "1.1.dev2", "1.1"]
    made = slow(at=24)
    made.more["version:suite"] = lambda session: versions[session // 8]
    site = Site(project(tmp_path / "p", made))
    assert site.index["releases"] == [
        {"name": "1.0", "session": 8},
        {"name": "1.1", "session": 32},
    ]
    heat = site.data("releases")
    assert heat["columns"] == [["release:1.0", "release:1.1"], ["release:1.1", "last:10"]]
    first = [site.index["sides"][one]["key"] for one in site.index["pairs"][0]]
    assert first == ["release:1.1", "last:10"]
    assert heat["modules"] == ["", "t.py"]
    assert heat["metrics"][0]["worse"][0][0] == 1


def test_imported_environments_are_called_as_their_file_calls_them(tmp_path: Path) -> None:
    made = History(cases=1)
    made.more["environment"] = lambda session: ("fast", "slow")[session % 2]
    index = Site(project(tmp_path / "p", made)).index
    assert {one["label"] for one in index["conditions"]} == {"fast", "slow"}
    assert set(index["sessions"]["conditions"]) == {"fast", "slow"}


def test_only_some_tests_may_be_shown_and_are_judged_as_one_family_with_all(
    of: Project,
) -> None:
    every = Site(of).index
    site = Site(of, "--only", "*_03")
    assert site.index["cases"]["id"] == ["t.py::test_03"]
    assert len(site.index["series"]["case"]) == 1
    assert [one["id"] for one in site.index["events"]] == [one["id"] for one in every["events"]]


# -- histories of all kinds


def test_an_empty_history_makes_a_site_that_says_so(tmp_path: Path) -> None:
    of = project(tmp_path / "p", History(sessions=1, cases=1))
    (uid,) = Site(of).index["sessions"]["uid"]
    assert of.benchdb("annotate", "session", uid, "--withdraw").code == 0
    site = Site(of)
    assert site.said.startswith("Nothing is recorded yet.\n")
    assert site.index["newest"] is None
    assert site.index["sessions"]["uid"] == []


def test_a_single_session_makes_a_site_that_says_so(tmp_path: Path) -> None:
    site = Site(project(tmp_path / "p", History(sessions=1, cases=2)))
    assert site.said.startswith("One session is recorded: ")
    assert len(site.index["series"]["case"]) == 2
    assert site.index["pairs"] == []


def test_sessions_in_several_forms_are_left_out_and_noted(of: Project) -> None:
    of.query("DROP TRIGGER IF EXISTS x")
    uid, row = of.query("SELECT uid, id FROM session ORDER BY started DESC LIMIT 1")[0]
    columns = [name for _, name, *_ in of.query("PRAGMA table_info(session)")]
    kept = [name for name in columns if name not in ("id", "digest")]
    names = ", ".join(kept)
    of.query(
        f"INSERT INTO session ({names}, digest) SELECT {names}, 'another' FROM session "
        "WHERE id = ?",
        row,
    )
    site = Site(of)
    assert uid not in site.index["sessions"]["uid"]
    assert "1 session in more than one form" in site.index["notes"][0]
    assert site.summary["conflicts"] == [uid]


HOSTILE = "t.py::test_<b>&\"'</script><!--\u2028\u202e\U0001f600[=1+1|`x`]"


@pytest.mark.portable
def test_hostile_names_are_text_everywhere(tmp_path: Path) -> None:
    made = History(
        cases=3,
        effects={HOSTILE: step(25, 1.2)},
        more={"metric:<i>": lambda session: str(1 + session % 3)},
    )
    of = project(tmp_path / "p", made)
    site = Site(of)
    assert HOSTILE in site.index["cases"]["id"]
    assert site.case(HOSTILE)["id"] == HOSTILE
    html = site.text("index.html")
    assert "test_&lt;b&gt;&amp;" in html
    assert "<b>" not in html
    assert "\u202e" not in html
    assert html.count("<script") == 2
    ET.fromstring(site.text("feed.xml"))
    assert [one["case"] for one in site.summary["changes"]] == [HOSTILE]


def test_a_file_that_is_not_what_was_recorded_stays_where_it_is(tmp_path: Path) -> None:
    of = Project(tmp_path / "p")
    of.folder.mkdir()
    (of.folder / "pyproject.toml").write_text(
        '[project]\nname = "suite"\nversion = "1.0"\n[tool.pytest.ini_options]\n'
        'addopts = "-p benchdb -p no:cacheprovider"\n'
    )
    (of.folder / "test_it.py").write_text(
        "def test_one(test_run_benchmark, tmp_path):\n"
        "    file = tmp_path / 'report.html'\n"
        "    file.write_text('as it was')\n"
        "    test_run_benchmark.attach('performance_report', file)\n"
    )
    of.record()
    ((url,),) = of.query("SELECT url FROM artifact")
    (of.folder / "secret.txt").write_text("password1")
    of.query("UPDATE artifact SET url = 'secret.txt'")
    site = Site(of)
    assert site.case("test_it.py::test_one")["artifacts"] == []
    assert not (site.folder / "artifacts").exists()
    of.query("UPDATE artifact SET url = ?", url)
    (one,) = Site(of).case("test_it.py::test_one")["artifacts"]
    assert site.text(one["href"]) == "as it was"


@pytest.mark.portable
def test_a_suite_that_pytest_recorded_has_its_sources_and_files(tmp_path: Path) -> None:
    of = Project(tmp_path / "p")
    of.folder.mkdir()
    (of.folder / "pyproject.toml").write_text(
        '[project]\nname = "suite"\nversion = "1.0"\n[tool.pytest.ini_options]\n'
        'addopts = "-p benchdb -p no:cacheprovider"\n'
    )
    source = (
        "class TestIt:\n"
        "    def test_one(self, test_run_benchmark, tmp_path):\n"
        "        file = tmp_path / 'report.html'\n"
        "        file.write_text('<p>all of it</p>')\n"
        "        test_run_benchmark.attach('performance_report', file)\n"
        "        test_run_benchmark.attach('log', 'https://ci.example/1?a=b')\n"
        "        test_run_benchmark.attach('bad', 's3://bucket/key')\n"
        "        test_run_benchmark.cluster_details_url = 'https://cloud.example/7'\n"
        "        test_run_benchmark.py_spy_profiles_url = 'javascript://x'\n"
    )
    (of.folder / "test_it.py").write_text(source)
    of.record()
    site = Site(of)
    index = site.index
    assert index["cases"]["source"] == [True]
    part = fnv1a("test_it.py") % index["shards"]["sources"]
    (found,) = site.data(f"sources/{part:02x}")["sources"]
    assert (found["test"], found["line"]) == ("test_it.py::TestIt::test_one", 2)
    assert found["text"] == source.split("\n", 1)[1].rstrip("\n")
    links = {one["kind"]: one["href"] for one in site.case(index["cases"]["id"][0])["artifacts"]}
    assert set(links) == {"performance_report", "log", "cluster_details"}
    assert links["cluster_details"] == "https://cloud.example/7"
    assert links["log"] == "https://ci.example/1?a=b"
    assert site.text(links["performance_report"]) == "<p>all of it</p>"


@pytest.mark.portable
def test_commits_come_from_the_repository_and_links_from_its_remote(tmp_path: Path) -> None:
    made = slow()
    of = project(tmp_path / "p", made)
    code = tmp_path / "code"
    hashes = commits(code, 40)
    for number, commit in enumerate(hashes):
        of.query(
            "UPDATE revision_package SET commit_hash = ? WHERE commit_hash LIKE ?",
            commit,
            f"{number:012d}%",
        )
    site = Site(of, "--source", code)
    index = site.index
    assert index["sessions"]["subject"][3] == "Change <3>"
    assert index["sessions"]["author"][3] == "A. Uthor"
    page = "https://github.com/who/what"
    assert index["links"] == {
        "commit": f"{page}/commit/{{commit}}",
        "compare": f"{page}/compare/{{good}}...{{bad}}",
    }
    (event,) = index["events"]
    ((commits_,),) = ([one["commits"] for one in event["ranges"]],)
    assert [one["subject"] for one in commits_] == ["Change <25>"]


def commits(folder: Path, count: int) -> list[str]:
    def git(*arguments: str, **more: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=A. Uthor", "-c", "user.email=a@example.org", *arguments],
            cwd=folder,
            env=environ(**more),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    folder.mkdir()
    git("init", "-q", "-b", "main")
    git("remote", "add", "origin", "https://user:secret@github.com/who/what.git")
    found = []
    for number in range(count):
        git("commit", "-q", "--allow-empty", "-m", f"Change <{number}>")
        found.append(git("rev-parse", "HEAD"))
    return found


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)/{commit}", "https://x/{other}", 'https://x/{commit}"onx', "https://x/"],
)
def test_a_template_of_addresses_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    settings = f"[tool.benchdb]\ncommit_url = '{url}'\n"
    of = project(tmp_path / "p", settings=settings)
    ran = of.benchdb("dashboard", "-o", "site")
    assert ran.code == 2
    assert "commit_url must be an https:// URL with {commit} in it" in ran.err


# -- the files


def test_a_build_that_changes_nothing_writes_nothing(of: Project) -> None:
    before = Site(of)
    files = before.files()
    after = Site(of)
    assert ", 0 written" in after.said
    assert after.files() == files


@pytest.mark.portable
def test_a_site_is_the_same_bytes_wherever_it_is_built(of: Project) -> None:
    one, two = Site(of).files(), Site(of, folder="other").files()
    assert {name: content for name, (content, _) in one.items()} == {
        name: content for name, (content, _) in two.items()
    }


def test_files_that_are_no_longer_wanted_go_and_nobody_elses(of: Project) -> None:
    site = Site(of)
    pairs = list((site.folder / "data/compare").iterdir())
    assert pairs
    other = site.folder / "data" / "mine.js"
    other.write_text("mine")
    (site.folder / "CNAME").write_text("benchmarks.example.org")
    for (uid,) in of.query("SELECT uid FROM session ORDER BY started DESC LIMIT 39"):
        assert of.benchdb("annotate", "session", uid, "--withdraw").code == 0
    site = Site(of)
    assert ", 0 removed" not in site.said
    assert not any(path.exists() for path in pairs)
    assert not (site.folder / "data/compare").exists()
    assert (other.read_text(), site.text("CNAME")) == ("mine", "benchmarks.example.org")


def test_a_manifest_that_names_others_files_removes_none(of: Project) -> None:
    site = Site(of)
    victim = of.folder / "victim.js"
    victim.write_text("precious")
    manifest = site.folder / ".benchdb-dashboard.json"
    manifest.write_text(json.dumps({"files": ["data/../../victim.js", str(victim), "CNAME"]}))
    Site(of)
    assert victim.read_text() == "precious"


def test_a_folder_with_files_of_others_is_refused(of: Project) -> None:
    (of.folder / "site").mkdir()
    (of.folder / "site" / "index.html").write_text("my own page")
    ran = of.benchdb("dashboard", "-o", "site")
    assert ran.code == 2
    assert "holds index.html, which no dashboard wrote" in ran.err
    assert (of.folder / "site" / "index.html").read_text() == "my own page"
    assert os.listdir(of.folder / "site") == ["index.html"]


def test_a_file_is_no_folder_to_build_into(of: Project) -> None:
    (of.folder / "site").write_text("a file")
    ran = of.benchdb("dashboard", "-o", "site")
    assert (ran.code, ran.err) == (2, "benchdb: site is a file: name a folder with -o\n")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_a_folder_that_cannot_be_written_is_named(of: Project) -> None:
    (of.folder / "site").write_text("")
    ran = of.benchdb("dashboard", "-o", "site/below")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert "site" in ran.err
    assert "name another folder with -o" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dashboard"], "say where the site goes with -o DIR, or --serve it"),
        (["dashboard", "-o", ""], "say where the site goes with -o DIR, or --serve it"),
        (["dashboard", "-o", "site", "--only", "nothing"], "no test is called 'nothing'"),
        (["dashboard", "-o", "site", "--source", "nowhere"], "nowhere is no folder"),
        (["dashboard", "-o", "site", "--last", "0"], "--last"),
        (["dashboard", "-o", "site", "--db", "nowhere.db"], "there is no database"),
    ],
)
def test_a_wrong_call_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    of = project(tmp_path / "p", History(cases=2))
    ran = of.benchdb(*arguments)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert said in ran.err
    assert not list(of.folder.glob("site/*"))


def test_a_page_that_is_missing_is_one_line(
    of: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchdb.dashboard.build._STATIC", tmp_path / "nowhere")
    ran = of.benchdb("dashboard", "-o", "site")
    assert ran.code == 2
    assert "installed without its page (app.js is missing)" in ran.err
    assert not (tmp_path / "p" / "site").exists()


def test_the_page_runs_no_script_but_its_own(of: Project) -> None:
    html = Site(of).text("index.html")
    assert (
        'http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "script-src 'self'; style-src 'self'; img-src 'self' data:\"" in html
    )
    assert re.findall("<script[^>]*>(.*?)</script>", html) == ["", ""]
    assert "<style" not in html
    assert "style=" not in html
    assert '<link rel="alternate" type="application/atom+xml" href="feed.xml">' in html
    main = html[html.index('<main id="app">') : html.index("</main>")]
    assert "t.py::test_03" in main
    assert "REGRESSED" in main


@pytest.mark.portable
def test_one_file_holds_everything_and_names_its_scripts_by_hash(of: Project) -> None:
    site = Site(of, "--single-file")
    html = site.text("index.html")
    assert not (site.folder / "data").exists()
    assert not (site.folder / "app.js").exists()
    scripts = re.findall("<script>(.*?)</script>", html, re.DOTALL)
    policy = re.search('content="([^"]*script-src[^"]*)"', html)
    assert policy
    assert "unsafe" not in policy.group(1)
    assert policy.group(1).count("sha256-") == len(scripts) + 1
    assert any(one.startswith('benchdb("index", ') for one in scripts)


def test_json_of_the_summary_is_documented_and_versioned(of: Project) -> None:
    summary = Site(of).summary
    assert summary["schema"] == schemas.DASHBOARD
    summary["drifts"] = Site(project(of.folder.parent / "q", drifting())).summary["drifts"]
    documented = set(documented_fields.FIELDS[schemas.DASHBOARD])
    assert fields(summary, "", ()) ^ documented == {"changes[].tags.*", "drifts[].tags.*"}


def test_summaries_for_mail_sheets_and_readers_tell_the_same(of: Project) -> None:
    site = Site(of)
    (event,) = site.index["events"]
    (cells,) = csv.DictReader(site.text("summary.csv").splitlines())
    assert [cells[name] for name in ("case", "verdict", "event", "kind")] == [
        "t.py::test_03",
        "REGRESSED",
        event["id"],
        "step",
    ]
    assert "| `t.py::test_03` | `duration` | REGRESSED |" in site.text("summary.md")
    (entry,) = ET.fromstring(site.text("feed.xml")).iter(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == f"urn:benchdb:suite:event:{event['id']}"
    assert "t.py::test_03" in (entry.findtext(f"{ATOM}title") or "")
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == "index.html#/test?id=t.py%3A%3Atest_03"


@pytest.mark.parametrize(
    ("text", "found"),
    [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968), ("\u00e9", 0x1E9DE8C1)],
)
def test_parts_are_found_by_a_known_hash(text: str, found: int) -> None:
    assert fnv1a(text) == found


# -- serving


@pytest.mark.portable
def test_a_served_site_is_built_again_when_something_is_recorded(tmp_path: Path) -> None:
    made = History(40, 2)
    of = project(tmp_path / "p", made)
    with serving(of) as (address, lines):
        assert b"benchmarks" in get(address)
        assert b'benchdb("index"' in get(f"{address}data/index.js")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{address}data/")
        with pytest.raises(urllib.error.HTTPError, match="421"):
            get(address, host="evil.example")
        of.query("UPDATE session SET branch = 'try' WHERE id = 1")
        uid = of.query("SELECT uid FROM session WHERE id = 40")[0][0]
        assert of.benchdb("annotate", "session", uid, "--withdraw").code == 0
        assert "built again" in next(lines)


@contextlib.contextmanager
def serving(of: Project) -> Iterator[tuple[str, Iterator[str]]]:
    """Serve a project's site; give its address, and the lines on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchdb", "dashboard", "--serve"],
        cwd=of.folder,
        env=environ(PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        address = ""
        while not address:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            address = "".join(re.findall(r"http://127\.0\.0\.1:\d+/", line))
        yield address, iter(process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def get(address: str, host: str | None = None) -> bytes:
    request = urllib.request.Request(address, headers={"Host": host} if host else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()
