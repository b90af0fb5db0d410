"""`benchdb compare`: what names a side, and what is found between two."""

from __future__ import annotations

import random
import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from recorded import Project, Ran
from store_samples import CLUSTER, ENVIRONMENT, EPOCH, facts
from test_show import fields

from benchdb.records import (
    ClosedTestRun,
    Package,
    PackageSet,
    Revision,
    SubjectRevision,
)
from benchdb.report import schemas
from benchdb.report.fields import FIELDS
from benchdb.store.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

SLOWED = ("test_read[3]", "test_read[7]")
COMMIT = "{:02}abcdef" + "0" * 32


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Twenty days: from the eleventh on a newer dask, with which two of twelve tests are slower.

    One test was renamed that day; one has no noise at all and did not change.
    """
    project = Project(tmp_path_factory.mktemp("compare"))
    (project.folder / "pyproject.toml").write_text("[project]\nname = 'suite'\n")
    dice = random.Random(5)
    header = "test,start,commit,branch,environment,version:dask,tag:suite,outcome,duration,"
    lines = [f"{header}rate [1/s higher]"]
    for day in range(1, 21):
        late = day > 10
        start = f"2026-10-{day:02}T03:00:00"
        told = f"{COMMIT.format(day)},main,runner,2026.{9 + late},{'late' if late else 'early'}"
        slow_day = dice.gauss(0, 0.005)
        for number in range(12):
            name = f"test_read[{number}]"
            longer = 1.1 if late and name in SLOWED else 1.0
            took = (number + 1) * longer * (1 + dice.gauss(0, 0.008) + slow_day)
            lines.append(f"t.py::{name},{start},{told},passed,{took},{1 / took}")
        lines.append(f"t.py::{'test_new' if late else 'test_old'},{start},{told},passed,1.5,")
        lines.append(f"t.py::test_still,{start},{told},passed,2.0,")
        failed = late and day != 15
        lines.append(f"t.py::test_broken,{start},{told},{'failed' if failed else 'passed'},1.0,")
    (project.folder / "runs.csv").write_text("\n".join(lines) + "\n")
    assert project.benchdb("import", "csv", "runs.csv").code == 0
    return project


def compared(project: Project, *arguments: object) -> dict[str, Any]:
    ran = project.benchdb("compare", *arguments, "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    return ran.json


def line(ran: Ran) -> str:
    """Return the one line that a command refused its call with."""
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    return ran.err.removeprefix("benchdb: ").removesuffix("\n")


def verdicts(found: dict[str, Any], metric: str = "duration") -> dict[str, str]:
    return {
        one["case"].removeprefix("t.py::"): one["verdict"]
        for one in found["cases"]
        if one["metric"] == metric
    }


def days(found: dict[str, Any], side: str, project: Project) -> list[int]:
    """Return the days in October on which the sessions of a side started."""
    started = dict(project.query("select uid, started from session"))
    return [int(started[uid][8:10]) for uid in found[side]["sessions"]]


# -- what is found


@pytest.mark.portable
def test_what_changed_is_found_and_nothing_else(project: Project) -> None:
    found = compared(project, "dask==2026.9", "dask==2026.10")
    assert {name for name, said in verdicts(found).items() if said == "REGRESSED"} == set(SLOWED)
    slower = verdicts(found, "rate").items()
    assert {name for name, said in slower if said == "REGRESSED"} == set(SLOWED)
    assert "IMPROVED" not in {one["verdict"] for one in found["cases"]}
    (slowed,) = (
        one for one in found["cases"] if one["case"].endswith("[3]") and one["metric"] == "duration"
    )
    assert slowed["low"] < 0.1 < slowed["high"]
    assert slowed["effect"] == pytest.approx(0.1, abs=0.02)
    assert (slowed["baseline_values"], slowed["contender_values"], slowed["values"]) == (
        10,
        10,
        "sessions",
    )
    assert verdicts(found)["test_still"] == "UNCHANGED"


@pytest.mark.portable
def test_the_whole_is_the_geometric_mean_of_the_ratios(project: Project) -> None:
    found = compared(project, "dask==2026.9", "dask==2026.10", "test_read")
    overall = {one["metric"]: one for one in found["overall"]}
    product = 1.0
    for one in found["cases"]:
        if one["metric"] == "duration":
            product *= 1 + one["effect"]
    assert overall["duration"]["cases"] == 12
    assert overall["duration"]["effect"] == pytest.approx(product ** (1 / 12) - 1)
    assert overall["duration"]["low"] < 1.1 ** (2 / 12) - 1 < overall["duration"]["high"]
    assert overall["duration"]["basis"] == "sessions"
    assert overall["duration"]["verdicts"]["REGRESSED"] == 2


def test_what_else_differs_is_listed_before_any_number(project: Project) -> None:
    out = project.benchdb("compare", "dask==2026.9", "dask==2026.10").out
    assert re.search(r"^package +dask +2026.9 +2026.10$", out, re.MULTILINE)
    assert re.search(r"^tag +suite +early +late$", out, re.MULTILINE)
    places = [out.index(part) for part in ("against", "what differs", "over all", "by case")]
    assert places == sorted(places)


def test_cases_of_one_side_and_outcomes_are_listed(project: Project) -> None:
    found = compared(project, "suite=early", "suite=late")
    alone = {(one["case"], one["side"], one["reason"]) for one in found["not_compared"]}
    assert ("t.py::test_old", "baseline", "not run in the contender") in alone
    assert ("t.py::test_new", "contender", "not run in the baseline") in alone
    (broken,) = found["outcomes"]
    assert broken["case"] == "t.py::test_broken"
    assert (broken["baseline"], broken["contender"], broken["verdict"]) == (0, 9, "REGRESSED")
    assert (broken["baseline_sessions"], broken["contender_sessions"]) == (10, 10)


def test_the_exit_code_tells_of_a_regression_only_if_asked(project: Project) -> None:
    sides = ("suite=early", "suite=late")
    assert project.benchdb("compare", *sides).code == 0
    assert project.benchdb("compare", *sides, "--fail-on-regression").code == 1
    for quiet in (
        (*sides, "test_read[0]"),
        (*sides, "test_read", "--tolerance", "20%"),
        (*sides, "test_read", "--tolerance", "0.2"),
        (*sides[::-1], "test_read", "--metric", "duration"),
    ):
        assert project.benchdb("compare", *quiet, "--fail-on-regression").code == 0


def test_rows_come_in_the_order_that_is_asked_for(project: Project) -> None:
    def order(*more: str) -> list[dict[str, Any]]:
        sides = ("suite=early", "suite=late", "--metric", "duration")
        return compared(project, *sides, *more)["cases"]

    assert [one["verdict"] for one in order()][:3] == ["REGRESSED", "REGRESSED", "UNDECIDED"] or [
        one["verdict"] for one in order()
    ][:3] == ["REGRESSED", "REGRESSED", "UNCHANGED"]
    names = [one["case"] for one in order("--sort", "case")]
    assert names == sorted(names)
    ps = [one["p"] for one in order("--sort", "p")]
    assert ps == sorted(ps)
    effects = [abs(one["effect"]) for one in order("--sort", "effect")]
    assert effects[:2] == sorted(effects[:2], reverse=True)


def test_the_table_shows_what_changed_and_counts_the_rest(project: Project) -> None:
    sides = ("suite=early", "suite=late")
    out = project.benchdb("compare", *sides).out
    more = re.search(
        r"^(\d+) more rows unchanged or undecided: --verbose has all$", out, re.MULTILINE
    )
    assert more
    whole = project.benchdb("compare", *sides, "--verbose").out
    rows = [row for row in whole.splitlines() if re.search(" (duration|rate) .* %", row)]
    by_case = [row for row in rows if row.startswith("t.py")]
    shown = [row for row in out.splitlines() if row.startswith("t.py") and "%" in row]
    assert len(by_case) - len(shown) == int(more[1])
    assert "more rows" not in whole
    markdown = project.benchdb("compare", *sides, "--format", "markdown").out
    assert markdown.count("| `t.py::test_read") == 24


@pytest.mark.portable
def test_json_has_the_documented_fields(project: Project) -> None:
    found = compared(project, "suite=early", "suite=late", "test_read", "test_old", "test_broken")
    documented = set(FIELDS[schemas.COMPARISON])
    named = {re.sub(r"verdicts\.[A-Z]+", "verdicts.*", one) for one in fields(found, "", ())}
    optional = {"cases[].tags.*", "baseline.notes", "contender.notes"}
    assert named <= documented
    assert documented - named <= optional


# -- what names a side


@pytest.mark.portable
@pytest.mark.parametrize(
    ("baseline", "contender", "expected"),
    [
        ("last:3", "last:1", ([18, 19], [20])),
        ("2026-10-01..2026-10-03", "2026-10-19..", ([1, 2, 3], [19, 20])),
        ("..2026-10-02", "2026-10", ([], [])),
        ("date:2026-10-05", "2026-10-06T00:00..2026-10-07", ([5], [6, 7])),
        (COMMIT.format(1), "02abcdef", ([1], [2])),
        ("commit:03ab", "branch:main", ([], [])),
        ("suite=early", "tag:suite=late", (list(range(1, 11)), list(range(11, 21)))),
        ("package:dask==2026.9", "suite==*11abcdef*", (list(range(1, 11)), [11])),
    ],
)
def test_sides_are_named_in_many_ways(
    project: Project, baseline: str, contender: str, expected: tuple[list[int], list[int]]
) -> None:
    if not expected[0]:
        ran = project.benchdb("compare", baseline, contender)
        assert "are the same sessions" in line(ran)
        return
    found = compared(project, baseline, contender, "test_read[0]")
    assert (days(found, "baseline", project), days(found, "contender", project)) == expected


def test_a_session_is_named_by_the_end_of_its_uid(project: Project) -> None:
    uids = [uid for (uid,) in project.query("select uid from session order by started")]
    found = compared(project, uids[0], uids[1][-8:])
    assert found["baseline"]["sessions"] == [uids[0]]
    assert found["contender"]["sessions"] == [uids[1]]
    assert found["contender"]["kind"] == "session"


def test_what_both_sides_name_is_the_contenders(project: Project) -> None:
    ran = project.benchdb("compare", "last:5", "last:2", "test_read[0]")
    assert "baseline: 2 sessions on both sides: used for the contender alone" in ran.out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mian", "no session, commit, branch, tag or version 'mian': did you mean 'main'?"),
        ("dask==2025.1", "no session has dask==2025.1: of dask there is 2026.10, 2026.9"),
        ("dsak==2026.9", "no session has a package 'dsak': did you mean 'dask'?"),
        ("suite=lat", "no session has the tag suite=lat: there is suite=late, suite=early"),
        (
            "2025-01",
            "no session started in 2025-01: the first did on 2026-10-01, the last on 2026-10-20",
        ),
        ("2026-10-33", "'2026-10-33' is no date: write it as 2026-10-01, or a range as "),
        ("2026-10-09..2026-10-01", "'2026-10-09..2026-10-01' ends before it begins: "),
        ("last:none", "last:none makes no sense: write it as last:5"),
        ("tag:late", "'late' is no tag: write it as KEY=VALUE"),
        ("package:dask", "'dask' is no version of a package: write it as NAME==VERSION"),
        (" ", "a side is empty: `benchdb compare --help` lists what names one"),
        ("session:0000000000", "no session '0000000000': "),
        ("\x00-x", "no session, commit, branch, tag or version '\\x00-x': "),
    ],
)
def test_a_side_that_means_nothing_is_one_line(project: Project, given: str, said: str) -> None:
    assert line(project.benchdb("compare", given, "last:1")).startswith(said)
    assert line(project.benchdb("compare", "last:1", given)).startswith(said)


def test_other_wrong_calls_are_one_line(project: Project) -> None:
    sides = ("suite=early", "suite=late")
    said = line(project.benchdb("compare", *sides, "--metric", "durations"))
    assert said == "no metric 'durations' was measured on these sides: use one of duration"
    assert "did you mean" in line(project.benchdb("compare", *sides, "test_raed"))
    assert "is no share" in line(project.benchdb("compare", *sides, "--tolerance", "-1"))
    assert "is no share" in line(project.benchdb("compare", *sides, "--tolerance", "3"))
    assert "missing argument" in line(project.benchdb("compare", "last:1"))


# -- sessions with all that can be told of them


def session(path: Path, number: int, values: dict[str, list[float]], **changes: Any) -> None:
    """Record a session: of each test the durations of its test runs."""
    cluster = changes.pop("cluster", None)
    version = changes.pop("version", None)
    commit = f"{number:02}" + "c" * 38
    told = {
        "revision": Revision(
            f"revision-{number}",
            (
                SubjectRevision(
                    "suite", f"1.{number}", commit, EPOCH, "main", changes.get("dirty", False)
                ),
            ),
        ),
        "packages": PackageSet("same", (Package("common", "1"),)),
        "tags": (),
        "xdist_workers": None,
    }
    recorder = Recorder(path, facts(f"session-{number:04}", number, **{**told, **changes}))
    start = EPOCH + timedelta(days=number)
    for name, durations in values.items():
        for took in durations:
            ordinal = recorder.open(start, (name, name, "t.py"))
            recorder.close(
                ordinal,
                ClosedTestRun(
                    "passed",
                    "passed",
                    "passed",
                    start,
                    start,
                    version=version,
                    columns={"duration": took},
                    cluster=cluster,
                ),
            )
    recorder.finish(start + timedelta(hours=1))


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'suite'\n")
    return Project(tmp_path)


def noisy(level: float, count: int, dice: random.Random) -> list[float]:
    return [level * (1 + dice.gauss(0, 0.005)) for _ in range(count)]


def test_repeated_runs_are_compared_where_sessions_are_few(empty: Project) -> None:
    dice = random.Random(1)
    session(empty.database, 1, {"test_a": noisy(1.0, 8, dice)})
    session(empty.database, 2, {"test_a": noisy(1.2, 8, dice)})
    ran = empty.benchdb("compare", "session-0001", "session-0002")
    assert re.search(r"REGRESSED  duration .* 8 / 8 runs$", ran.out, re.MULTILINE)
    assert "by single test runs, as both sides have fewer than 3 sessions" in ran.out
    for number in (3, 4):
        session(empty.database, number, {"test_a": noisy(1.0, 8, dice)})
    found = compared(empty, "last:4", "session-0002")
    (row,) = found["cases"]
    assert (row["values"], row["baseline_values"], row["contender_values"]) == ("sessions", 3, 1)


def test_one_value_a_side_decides_nothing_and_the_next_step_is_said(empty: Project) -> None:
    session(empty.database, 1, {"test_a": [1.0]})
    session(empty.database, 2, {"test_a": [2.0]})
    ran = empty.benchdb("compare", "last:2", "last:1", "--fail-on-regression")
    assert ran.code == 0
    assert re.search(r"UNDECIDED +duration +\+100 % \(unknown\)", ran.out)
    assert "record more with `pytest --benchmark --benchmark-repeat 5`" in ran.out


def test_conditions_that_have_nothing_in_common_are_on_trial(empty: Project) -> None:
    dice = random.Random(2)
    other = replace(ENVIRONMENT, fingerprint="e" * 16, python_minor="3.12")
    for number in range(4):
        session(empty.database, number, {"test_a": noisy(1.0, 1, dice)}, cluster=CLUSTER)
        larger = replace(CLUSTER, workers=8)
        session(
            empty.database,
            10 + number,
            {"test_a": noisy(0.5, 1, dice)},
            cluster=larger,
            environment=other,
            xdist_workers=4,
        )
    found = compared(empty, "..2026-01-10", "2026-01-11..")
    (row,) = found["cases"]
    assert row["verdict"] == "IMPROVED"
    assert row["on_trial"] == ["cluster", "environment"]
    assert row["contender_conditions"]["cluster"]["workers"] == 8
    listed = {(one["kind"], one["name"]) for one in found["differences"]}
    assert {
        ("machine", "python_minor"),
        ("cluster", "workers"),
        ("load", "xdist_workers"),
    } <= listed
    out = empty.benchdb("compare", "..2026-01-10", "2026-01-11..").out
    assert "1 of 1 comparison between different conditions: cluster, environment" in out


def test_conditions_in_common_are_compared_alone(empty: Project) -> None:
    dice = random.Random(3)
    other = replace(ENVIRONMENT, fingerprint="e" * 16, cpu_model="Slow")
    for number in range(6):
        session(empty.database, number, {"test_a": noisy(1.0, 1, dice)})
        slow = other if number % 2 else ENVIRONMENT
        session(
            empty.database,
            10 + number,
            {"test_a": noisy(2.0 if number % 2 else 1.0, 1, dice)},
            environment=slow,
        )
    found = compared(empty, "..2026-01-10", "2026-01-11..")
    (row,) = found["cases"]
    assert (row["verdict"], row["contender_values"], row["on_trial"]) == ("UNCHANGED", 3, [])
    assert found["left_out"] == 1


def test_another_version_of_a_test_is_another_test(empty: Project) -> None:
    session(empty.database, 1, {"test_a": [1.0]}, version="1")
    session(empty.database, 2, {"test_a": [2.0]}, version="2")
    found = compared(empty, "last:2", "last:1")
    assert found["cases"] == []
    (told,) = found["not_compared"]
    assert told["reason"] == "another version of the test"


def test_changed_files_are_no_run_of_their_commit(empty: Project) -> None:
    session(empty.database, 1, {"test_a": [1.0]})
    session(empty.database, 2, {"test_a": [1.0]}, dirty=True)
    said = line(empty.benchdb("compare", "01cc", "02cc"))
    assert said == "at commit 02cccccccc only changed files were run: name session:ion-0002"


def test_sessions_off_the_trunk_are_named_and_can_be_left_out(empty: Project) -> None:
    for number in range(3):
        session(empty.database, number, {"test_a": [1.0]})
    session(empty.database, 5, {"test_a": [3.0]}, branch="feature")
    session(empty.database, 6, {"test_a": [1.0]})
    ran = empty.benchdb("compare", "last:5", "last:1")
    assert "baseline: 1 of its sessions off the trunk: --trunk leaves them out" in ran.out
    found = compared(empty, "last:5", "last:1", "--trunk")
    assert len(found["baseline"]["sessions"]) == 3
    assert "no session of the trunk" in line(
        empty.benchdb("compare", "last:5", "branch:feature", "--trunk")
    )


def test_a_word_that_means_two_things_must_be_told_apart(empty: Project) -> None:
    session(empty.database, 1, {"test_a": [1.0]})
    session(empty.database, 2, {"test_a": [1.0]}, branch="session-0001")
    said = line(empty.benchdb("compare", "session-0001", "last:1"))
    assert said == (
        "'session-0001' may be session:session-0001 (1 session) or "
        "branch:session-0001 (1 session): give it so"
    )
    assert "2 sessions are 'session-': give more of one: " in line(
        empty.benchdb("compare", "session-", "last:1")
    )


@pytest.mark.portable
def test_what_git_calls_a_commit_is_a_side(empty: Project) -> None:
    empty.git("init", "-b", "main")
    empty.git("commit", "--allow-empty", "-m", "one")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=empty.folder, capture_output=True, text=True, check=True
    ).stdout.strip()
    session(empty.database, 1, {"test_a": [1.0]})
    said = line(empty.benchdb("compare", "HEAD", "last:1"))
    assert said.startswith(f"no session ran at HEAD, which is commit {head[:10]}: ")
    assert "branch:main" in line(empty.benchdb("compare", "main", "last:1"))
    subject = SubjectRevision("suite", "1", head, EPOCH, "main", dirty=False)
    session(empty.database, 2, {"test_a": [1.0]}, revision=Revision("head", (subject,)))
    found = compared(empty, "session-0001", "HEAD")
    assert found["contender"]["meaning"] == f"HEAD, commit {head[:10]}"


def test_many_comparisons_find_nothing_where_nothing_changed(empty: Project) -> None:
    dice = random.Random(4)
    for number in range(8):
        session(empty.database, number, {f"test_{n}": noisy(1.0, 1, dice) for n in range(150)})
    ran = empty.benchdb("compare", "last:8", "last:4", "--tolerance", "0", "--fail-on-regression")
    assert ran.code == 0
    assert "undecided that would be decided alone: among so many, chance shows as much" in ran.out


@pytest.mark.portable
def test_an_empty_database_says_what_to_do(empty: Project) -> None:
    Recorder(empty.database, facts()).finish(EPOCH)
    assert "none of these cases ran" not in empty.benchdb("compare", "last:1", "last:1").err
    recorder = Recorder(empty.database, facts("session-2", 1))
    recorder.finish(EPOCH)
    said = line(empty.benchdb("compare", "last:2", "last:1"))
    assert said.startswith("none of these cases ran on either side")
