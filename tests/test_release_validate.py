"""``benchdb release validate``: go or no-go, and why, at a glance."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from conda_channels import environ_in, make_channel, module_stub, python_stub, release
from made_sessions import FAIL, SKIP, History

if TYPE_CHECKING:
    from subprocess import CompletedProcess

from benchdb import recipes
from benchdb.cli import main
from benchdb.records import Package, PackageSet
from benchdb.release.issues import read_known
from benchdb.release.reading import read_recipe
from benchdb.release.variants import this_platform
from benchdb.report.fields import FIELDS
from benchdb.report.schemas import RELEASE_VALIDATE
from benchdb.store.merge import merge

pytest.importorskip("rattler", reason="releases need the extra `release`")
pytest.importorskip("rattler_build", reason="releases need the extra `release`")
pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the stub of Python is a link to the interpreter"
)

RECIPE = """\
package: {name: stack, version: 1.10.0}
build: {number: 0, noarch: generic}
requirements:
  run: [python >=3.11, dask ==2026.8.0]
test: {imports: [dask]}
"""

ISSUE = """\
[[issue]]
package = "dask"
versions = ">=2026.7, <2026.9"
link = "https://example.org/issues/1"
severity = "blocker"
who = "Mira"
when = 2026-09-01
note = "deadlock in shuffles"
"""

WAIVER = """
[[waiver]]
issue = "https://example.org/issues/1"
who = "Jo"
reason = "only with more than 1000 workers"
runtime = "1.10.*"
"""


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channels")
    stubs = (python_stub(), module_stub("dask", "2026.8.0"), module_stub("dask", "2026.9.0"))
    return make_channel(folder / "channel", *stubs)


class Candidate:
    """A recipe, a channel, and sessions of its runtime and of earlier ones."""

    def __init__(self, folder: Path, channel: Path) -> None:
        self.folder = folder
        self.channel = channel
        self.history = History(folder)
        self.packages: PackageSet | None = None
        self.branch = "main"
        (folder / "recipe").mkdir()
        (folder / "recipe/meta.yaml").write_text(RECIPE)

    def record(self, runtime: str, sessions: int = 8, **levels: Any) -> None:
        for _ in range(sessions):
            runs = {f"test_{number}": self.history.near() for number in range(4)}
            for name, level in levels.items():
                runs[name] = level if isinstance(level, str) else self.history.near(level)
            with_packages = {} if self.packages is None else {"packages": self.packages}
            self.history.add(runs, branch=self.branch, runtime=runtime, **with_packages)

    def validate(self, *arguments: str | Path, **variables: str) -> CompletedProcess[str]:
        given = ("validate", "recipe", "-c", self.channel, "--no-cluster")
        return release(*given, *arguments, cwd=self.folder, **variables)

    def found(self, *arguments: str | Path) -> dict[str, Any]:
        done = self.validate("--format", "json", *arguments)
        content: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if content["go"] else 1), done.stderr
        return content

    def reasons(self, *arguments: str | Path) -> list[str]:
        listed = self.found(*arguments)["findings"]
        return [f"{one['what']}: {one['said']}" for one in listed if one["grade"] == "no"]


@pytest.fixture
def candidate(tmp_path: Path, channel: Path) -> Candidate:
    return Candidate(tmp_path, channel)


def test_a_candidate_that_is_as_good_as_the_last_release_may_go(candidate: Candidate) -> None:
    candidate.record("1.2.0", 3)
    candidate.record("1.9.0")  # the last: 1.9 is before 1.10, and after 1.2
    candidate.record("1.10.0a20261122", 1)
    candidate.record("1.10.0")
    done = candidate.validate("--save", "page.html", "--save", "page.md")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert said.startswith("GO: stack 1.10.0\nagainst 1.9.0\n")
    listed = [tuple(re.split(r"  +", line)) for line in said.splitlines()]
    for line in (
        ("ok", "solve", f"{this_platform()}: 2 packages"),
        ("ok", "check", "all 2 pins are installed as the recipe says"),
        ("note", "check", "behind the newest releases: dask by 1"),
        ("ok", "measured", "8 sessions can exclude a regression of 10% in 4 of 4 series"),
        ("ok", "last release", "nothing regressed against runtime 1.9.0, 0 improved"),
        ("ok", "open events", "no regression is open"),
        ("ok", "known issues", "none of 0 covers a pin"),
    ):
        assert line in listed
    page = (candidate.folder / "page.html").read_text()
    assert '<h1 class="good">GO: stack 1.10.0</h1>' in page
    assert "<script" not in page
    assert (candidate.folder / "page.md").read_text().startswith("### `GO: stack 1.10.0`\n")


def test_a_test_that_is_a_tenth_slower_is_a_no_and_the_first_line_says_so(
    candidate: Candidate,
) -> None:
    candidate.record("1.9.0")
    candidate.record("1.10.0", test_2=1.1)
    done = candidate.validate("--save", "page.html")
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("NO-GO: stack 1.10.0, ")
    (row,) = [line for line in lines if re.match(r"NO +regressed", line)]
    assert re.search(r"test_it.py::test_2: duration \+(8|9|10|11|12)\.\d %", row)
    assert row in lines[:7]
    assert "test_0" not in "".join(line for line in lines if line.startswith("NO"))
    assert "what differs between the sides" in done.stdout
    page = (candidate.folder / "page.html").read_text()
    assert '<h1 class="bad">NO-GO: stack 1.10.0' in page
    assert '<td class="bad">NO</td><td>regressed</td>' in page
    assert '<td class="fold">test_it.py::test_2: ' in page  # it isn't cut off on a phone
    # Who takes the blame for it does so by name and reason; the open event is settled elsewhere.
    waiver = '[[waiver]]\ntest = "*::test_2"\nwho = "Jo"\nreason = "the price of a mend"\n'
    (candidate.folder / "recipe/known_issues.toml").write_text(waiver)
    reasons = candidate.reasons()
    assert not any(one.startswith("regressed") for one in reasons)
    for one in reasons:
        event = re.match(r"open event: ([\w-]+): ", one)
        assert event is not None, one
        acked = candidate.history.project.benchdb("ack", event[1], "--expected")
        assert acked.code == 0, acked.err
    found = candidate.found()
    assert found["go"]
    fields = {*found, *(f"findings[].{name}" for name in found["findings"][0])}
    assert fields == set(FIELDS[RELEASE_VALIDATE])
    assert found["comparison"]["cases"]
    assert any("waived by Jo: the price of a mend" in one["said"] for one in found["findings"])


def test_no_data_is_a_no_with_its_reason(candidate: Candidate) -> None:
    (reason,) = candidate.reasons()
    assert reason.startswith("measured: no data: there is no database")
    candidate.record("1.9.0")
    (reason,) = candidate.reasons()
    assert reason == (
        "measured: no session ran in runtime 1.10.0: record one with COILED_RUNTIME_VERSION=1.10.0"
    )
    candidate.record("1.10.0", 1)
    (reason,) = candidate.reasons("--against", "1.2.0")
    assert reason == "last release: no session ran in the runtime '1.2.0': there is 1.9.0, 1.10.0"
    assert not any(one.startswith("last release") for one in candidate.reasons())


def test_the_very_first_release_may_go_where_its_tests_pass(candidate: Candidate) -> None:
    candidate.record("1.10.0", 1)
    found = candidate.found("--first-release")
    assert found["go"]
    passed = {"grade": "ok", "what": "measured", "said": "4 tests passed in 1 session"}
    assert passed in found["findings"]


def test_a_first_release_in_which_no_test_passed_is_a_no(candidate: Candidate) -> None:
    candidate.record("1.10.0", 2, **{f"test_{number}": SKIP for number in range(4)})
    (reason,) = candidate.reasons("--first-release")
    assert reason == "measured: no test passed in 2 sessions: that is no data"


def test_sessions_of_other_pins_are_left_out(candidate: Candidate) -> None:
    candidate.record("1.9.0")
    for dask, level, sessions in (("2026.7.0", 1.0, 12), ("2026.8.0", 1.1, 8)):
        packages = (Package("dask", dask, "conda"), Package("python", "3.11.9", "conda"))
        candidate.packages = PackageSet(f"set-{dask}", packages)
        candidate.record("1.10.0", sessions, test_2=level)
    found = candidate.found()["findings"]
    assert any(one["what"] == "regressed" for one in found)
    said = (
        "12 sessions of 1.10.0 left out: they ran with other versions than those pinned, as of dask"
    )
    assert {"grade": "note", "what": "measured", "said": said} in found


def test_what_looks_a_tenth_slower_and_cannot_be_decided_is_a_no(candidate: Candidate) -> None:
    candidate.record("1.9.0", 2)
    candidate.record("1.10.0", 2, test_2=1.1)
    reasons = candidate.reasons()
    assert any(one.startswith("may regress: test_it.py::test_2: duration +") for one in reasons)


def test_one_session_a_side_decides_nothing_and_is_a_no(candidate: Candidate) -> None:
    candidate.record("1.9.0", 1)
    candidate.record("1.10.0", 1)
    (reason,) = candidate.reasons()
    assert reason.startswith("measured: 1 session can exclude a regression of 10% in 0 of 4 series")


def test_tests_that_fail_or_are_missing_in_the_candidate_are_named(candidate: Candidate) -> None:
    candidate.record("1.9.0", test_gone=1.0)
    candidate.record("1.10.0", test_3=FAIL)
    reasons = candidate.reasons()
    assert "fails: test_it.py::test_3 failed in 8 of 8 sessions, before in 0 of 8" in (reasons)
    assert any(one.startswith("not run: test_it.py::test_gone has no value") for one in reasons)


def test_a_new_test_that_fails_in_the_candidate_is_a_no(candidate: Candidate) -> None:
    candidate.record("1.9.0")
    candidate.record("1.10.0", test_new=FAIL)
    assert candidate.reasons() == [
        "fails: test_it.py::test_new failed in 8 of 8 sessions, not run before"
    ]


def test_a_first_release_whose_tests_fail_is_a_no(candidate: Candidate) -> None:
    candidate.record("1.10.0", 2, test_2=FAIL)
    assert candidate.reasons("--first-release") == [
        "fails: test_it.py::test_2 failed in 2 of 2 sessions, not run before"
    ]


def test_a_release_after_another_is_not_the_first(candidate: Candidate) -> None:
    candidate.record("1.9.0", 2)
    candidate.record("1.10.0", 2)
    assert candidate.reasons("--first-release") == [
        "last release: 1.9.0 was recorded: leave --first-release out, to compare with it"
    ]
    both = candidate.validate("--first-release", "--against", "1.9.0")
    assert (both.returncode, both.stdout) == (2, "")
    assert "--first-release has nothing to compare --against with" in both.stderr


def test_where_the_page_is_saved_is_looked_at_first(candidate: Candidate) -> None:
    ran = candidate.validate("--save", "nowhere/page.html")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "there is no folder nowhere: make it, or name another" in ran.stderr


def test_a_test_that_cannot_be_compared_is_noted(candidate: Candidate) -> None:
    candidate.record("1.9.0", test_gone=1.0)
    candidate.record("1.10.0")
    for _ in range(8):
        candidate.history.add({"test_gone": 3.0}, runtime="1.10.0", version="other")
    listed = candidate.found()["findings"]
    assert {
        "grade": "note",
        "what": "not compared",
        "said": "test_it.py::test_gone duration: another version of the test",
    } in listed


def test_a_pull_request_of_others_has_no_part_in_it(candidate: Candidate, tmp_path: Path) -> None:
    candidate.record("1.9.0")
    candidate.record("1.10.0", test_2=1.1)
    theirs = History(tmp_path / "theirs")
    for runtime, level in [("1.9.0", 1.1), ("1.10.0", 0.9)] * 12:
        runs = {f"test_{number}": theirs.near() for number in range(4)}
        runs["test_2"] = theirs.near(level)
        theirs.add(runs, branch="someone:slow-idea", runtime=runtime)
    merge(candidate.history.path, [theirs.path])
    found = candidate.found()["findings"]
    assert any(one["what"] == "regressed" for one in found)
    said = (
        "24 sessions off the trunk left out, of someone:slow-idea: --branch counts those of one, "
        "too"
    )
    assert {"grade": "note", "what": "measured", "said": said} in found


def test_a_branch_has_no_part_in_it_unless_it_is_named(candidate: Candidate) -> None:
    candidate.record("1.9.0")
    candidate.record("1.10.0", test_2=1.1)
    candidate.branch = "release-1.10"
    candidate.record("1.9.5", test_2=1.1)
    candidate.record("1.10.0", 20, test_2=0.9)
    regressed = [one for one in candidate.reasons() if one.startswith("regressed")]
    assert "test_2: duration +" in regressed[0]
    named = candidate.reasons("--branch", "release-1.10")
    assert not any(one.startswith("regressed") for one in named)


def test_a_candidate_that_ran_on_a_branch_alone_is_no_data(candidate: Candidate) -> None:
    candidate.record("1.9.0")
    candidate.branch = "release-1.10"
    candidate.record("1.10.0")
    found = candidate.found()["findings"]
    said = (
        "no session on the trunk ran in runtime 1.10.0: record one with "
        "COILED_RUNTIME_VERSION=1.10.0"
    )
    assert {"grade": "no", "what": "measured", "said": said} in found


def test_what_is_as_fast_may_go_however_many_tests_there_are(candidate: Candidate) -> None:
    for runtime in ("1.9.0", "1.10.0"):
        candidate.record(runtime, **{f"test_{number}": 1.0 for number in range(60)})
    assert candidate.reasons() == []


def test_a_known_issue_that_covers_a_pin_is_a_no_until_somebody_waives_it(
    candidate: Candidate,
) -> None:
    candidate.record("1.9.0")
    candidate.record("1.10.0")
    file = candidate.folder / "recipe/known_issues.toml"
    file.write_text(ISSUE)
    (reason,) = candidate.reasons("--save", "page.html")
    page = (candidate.folder / "page.html").read_text()
    assert '<a href="https://example.org/issues/1" rel=' in page
    assert reason == (
        "known issue: dask 2026.8.0: blocker, https://example.org/issues/1 (deadlock in shuffles); "
        "written down by Mira on 2026-09-01, and nobody waives it"
    )
    file.write_text(ISSUE + WAIVER)
    found = candidate.found()
    assert found["go"]
    (waived,) = [one for one in found["findings"] if one["what"] == "known issue"]
    assert waived["said"].endswith("; waived by Jo: only with more than 1000 workers")
    file.write_text(ISSUE.replace("2026.9", "2026.8"))
    assert candidate.found()["go"]


def test_a_known_issue_is_found_however_its_package_is_written(tmp_path: Path) -> None:
    file = tmp_path / "known_issues.toml"
    file.write_text(ISSUE.replace('"dask"', '"Typing-Extensions"'))
    (tmp_path / "meta.yaml").write_text(RECIPE)
    recipe = read_recipe(tmp_path / "meta.yaml")
    solved = recipes.Solved("", "linux-64", (recipes.Package("typing_extensions", "2026.8.0"),))
    (found,) = read_known(file).findings(recipe, [solved])
    assert found.grade == "no"


def test_a_known_issue_is_not_passed_over_where_nothing_says_which_version_it_is(
    candidate: Candidate,
) -> None:
    text = RECIPE.replace("dask ==2026.8.0", "dask >=2026.8, absent >=1")
    (candidate.folder / "recipe/meta.yaml").write_text(text)
    (candidate.folder / "recipe/known_issues.toml").write_text(ISSUE)
    found = candidate.found()["findings"]
    said = "dask >=2026.8: which version isn't known; https://example.org/issues/1"
    assert {"grade": "note", "what": "known issue", "said": said} in found
    assert not any(one["what"] == "known issues" for one in found)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (ISSUE.replace('who = "Mira"\n', ""), "has an [[issue]] without who"),
        (ISSUE.replace("blocker", "awful"), "has the severity 'awful'"),
        (ISSUE + WAIVER.replace("issues/1", "issues/2"), "has no such issue"),
        (ISSUE.replace("[[issue]]", "[[isue]]"), "has 'isue'"),
        (ISSUE.replace("when = 2026-09-01", "when = "), "is no valid TOML"),
        (ISSUE.replace(">=2026.7, <2026.9", ">=!"), "'>=!' are no versions to conda"),
        (ISSUE.replace(", <", " <"), "are no versions to conda: write them as '>=2026.7,<2026.9'"),
        (ISSUE.replace(">=2026.7, <2026.9", "2026.8.0=0"), "'2026.8.0=0' are no versions"),
        (ISSUE.replace('"dask"', '"dask core"'), "has the package 'dask core'"),
    ],
    ids=["who", "severity", "link", "table", "TOML", "versions", "comma", "build", "package"],
)
def test_a_known_issue_that_is_not_understood_is_not_passed_over(
    tmp_path: Path,
    wrong: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meta.yaml").write_text(RECIPE)
    (tmp_path / "known_issues.toml").write_text(wrong)
    assert main(["release", "validate", "meta.yaml", "-c", "nowhere"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("--known-issues", "mistyped.toml"), ("--run", "-k 'slow")], ids=lambda one: one[0]
)
def test_what_was_mistyped_is_not_passed_over(
    tmp_path: Path,
    words: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meta.yaml").write_text(RECIPE)
    assert main(["release", "validate", "meta.yaml", "-c", "nowhere", *words]) == 2
    told = capsys.readouterr().err
    assert words[1] in told
    assert told.count("\n") == 1


def test_pins_that_cannot_be_solved_are_a_no_with_their_reasons(candidate: Candidate) -> None:
    text = RECIPE.replace("2026.8.0", "2027.1.0")
    (candidate.folder / "recipe/meta.yaml").write_text(text)
    candidate.record("1.9.0")
    candidate.record("1.10.0")
    done = candidate.validate()
    assert done.returncode == 1
    assert done.stdout.startswith("NO-GO: stack 1.10.0, 2 reasons\n")
    assert re.search(r"^NO +solve", done.stdout, re.MULTILINE)
    assert "dask ==2027.1.0, for which no candidates were found" in done.stdout


def test_the_suite_runs_in_the_environment_that_was_installed(
    candidate: Candidate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Instead of pytest, which isn't among the stubs: it says where it ran and with what.
    source = (
        "import json, os, sys\n"
        "said = [sys.prefix, sys.argv[1:], os.environ['COILED_RUNTIME_VERSION']]\n"
        "open(os.environ['BENCHDB_URL'] + '.said', 'a').write(json.dumps(said) + '\\n')\n"
        "print('noise')\n"
    )
    stub = module_stub("pytest", "9.0")
    folder = next(iter(stub.files)).rpartition("/")[0]
    stub.files[f"{folder}/__main__.py"] = source
    pip = module_stub("pip", "26.0")  # and this one says what it was to install
    pip.files[f"{folder.removesuffix('pytest')}pip/__main__.py"] = (
        "import sys; open('pip.said', 'w').write(' '.join(sys.argv[1:]))"
    )
    own = make_channel(tmp_path_factory.mktemp("pytest") / "channel", stub, pip)
    text = RECIPE.replace("2026.8.0]", "2026.8.0, pytest, benchdb >=0.1]")
    (candidate.folder / "recipe/meta.yaml").write_text(text)
    candidate.record("1.9.0")
    candidate.record("1.10.0")
    given = ("-c", own, "--run", "benchmarks -m 'not slow'", "--sessions", "2", "--prefix", "kept")
    by_pip = ("--pip", ".[dask]", "--without", "benchdb")  # which no channel here has
    found = candidate.found(*given, *by_pip)
    assert (candidate.folder / "pip.said").read_text() == "install .[dask]"
    assert found["go"], found
    ran = (candidate.folder / "benchmark.db.said").read_text().splitlines()
    assert len(ran) == 2
    prefix, arguments, runtime = json.loads(ran[0])
    assert Path(prefix) == candidate.folder / "kept"
    assert arguments == ["benchmarks", "-m", "not slow", "--benchmark"]
    assert runtime == "1.10.0"
    assert any(one["said"] == "recorded 2 sessions in the environment" for one in found["findings"])


def test_a_validation_that_is_terminated_ends_its_suite_and_leaves_nothing(
    candidate: Candidate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stub = module_stub("pytest", "9.0")
    folder = next(iter(stub.files)).rpartition("/")[0]
    stub.files[f"{folder}/__main__.py"] = (
        "import os, signal\n"
        "open('writing', 'w').write(str(os.getpid()))\n"
        "os.replace('writing', 'pid')\n"
        "signal.pause()\n"
    )
    own = make_channel(tmp_path_factory.mktemp("pytest") / "channel", stub)
    (candidate.folder / "recipe/meta.yaml").write_text(RECIPE.replace("0]", "0, pytest]", 1))
    temporary = tmp_path_factory.mktemp("temporary")
    words = ("validate", "recipe", "-c", candidate.channel, "-c", own, "--no-cluster", "--run", "x")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchdb", "release", *words],
        cwd=candidate.folder,
        env={**environ_in(candidate.folder), "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    written = candidate.folder / "pid"
    while not written.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.terminate()
    out, err = process.communicate()
    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    # Ended is ended: an orphan may be a zombie until the machine's first process looks.
    with contextlib.suppress(psutil.NoSuchProcess):
        left = psutil.Process(int(written.read_text()))
        assert left.status() == psutil.STATUS_ZOMBIE or psutil.wait_procs([left], 60)[0]
    assert not list(temporary.iterdir())


def test_an_environment_that_has_no_pytest_is_said(candidate: Candidate) -> None:
    reasons = candidate.reasons("--run", "benchmarks", "--sessions", "1")
    (said,) = (one for one in reasons if one.startswith("suite: "))
    assert said.endswith(
        "in 1 of 1; the environment has no pytest and no benchdb: name it with --pip"
    )


def test_the_script_for_workflows_keeps_the_page_and_the_code(candidate: Candidate) -> None:
    script = Path(__file__).parents[1] / "ci/github/validate"
    programs = Path(sys.executable).parent
    candidate.record("1.9.0")
    candidate.record("1.10.0", 8, test_2=1.3)
    done = subprocess.run(
        [script, "recipe", "", "--channel", candidate.channel, "--no-cluster"],
        cwd=candidate.folder,
        env={
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(candidate.folder / "summary"),
            "RATTLER_CACHE_DIR": str(candidate.folder / "rattler-cache"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "test_it.py::test_2" in (candidate.folder / "summary").read_text()
    assert "NO-GO" in (candidate.folder / "release.html").read_text()
