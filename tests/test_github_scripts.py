"""The scripts that workflows call: run as on GitHub, against a server on this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback_api import LoopbackApi
from made_sessions import History
from recorded import environ

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = Path(__file__).parents[1] / "ci" / "github"


class GitHub(LoopbackApi):
    """Comments, issues and pull requests of one repository, as its API keeps them."""

    def __init__(self) -> None:
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.issues: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.refusals: list[int] = []
        self.refusal = "not today"
        self.heads: list[str] = []
        self.calls: list[str] = []
        super().__init__()

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> tuple[int, Any]:
        assert token == "Bearer secret"
        said = json.loads(body or b"{}")
        url = urlsplit(path)
        asked = parse_qs(url.query)
        words = url.path.removeprefix("/repos/owner/name/").split("/")
        self.calls.append(f"{method} {'/'.join(words)}")
        if self.refusals:
            return self.refusals.pop(0), {"message": self.refusal}
        match method, words:
            case "GET", ["issues", number, "comments"]:
                return 200, self._page(self.comments.get(int(number), []), asked)
            case "POST", ["issues", number, "comments"]:
                by = {"user": {"type": "Bot"}, "author_association": "NONE"}
                one = {"id": 100 + sum(map(len, self.comments.values())), **by, **said}
                self.comments.setdefault(int(number), []).append(one)
                return 201, one
            case "PATCH", ["issues", "comments", key]:
                (one,) = (
                    it for some in self.comments.values() for it in some if it["id"] == int(key)
                )
                one.update(said)
                return 200, one
            case "GET", ["issues"]:
                return 200, self._page(self.issues, asked)
            case "POST", ["issues"]:
                by = {"user": {"type": "Bot"}, "author_association": "NONE"}
                one = {"number": len(self.issues) + 1, "html_url": "https://it", **by, **said}
                self.issues.append(one)
                return 201, one
            case "GET", ["pulls"]:
                self.heads += asked["head"]
                return 200, self._page(self.pulls, asked)
        return 404, {"message": "Not Found"}

    def _page(self, every: list[Any], asked: dict[str, list[str]]) -> list[Any]:
        size, page = int(asked["per_page"][0]), int(asked["page"][0])
        return every[size * (page - 1) : size * page]


@pytest.fixture
def github() -> Iterator[GitHub]:
    made = GitHub()
    yield made
    made.close()


class Job:
    """A job of a workflow, in a folder."""

    def __init__(self, folder: Path, github: GitHub) -> None:
        self.folder = folder
        self.github = github
        self.event: dict[str, Any] = {}
        self.summary = folder / "summary"
        self.outputs = folder / "outputs"

    def run(self, script: str, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "event.json").write_text(json.dumps(self.event))
        said = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_TOKEN": "secret",
            "GITHUB_SHA": "c0ffee",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.outputs),
            # Where this Python's programs are: benchdb among them.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        return subprocess.run(
            [
                *([sys.executable] if script.endswith(".py") else []),
                SCRIPTS / script,
                *map(str, words),
            ],
            cwd=self.folder,
            env={**environ(), **said, **more},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def job(tmp_path: Path, github: GitHub) -> Job:
    return Job(tmp_path, github)


def regressed(folder: Path, *, branch: str = "main") -> History:
    """A trunk of which the last three sessions are 30 % slower, or the one of another branch."""
    history = History(folder)
    history.settings()
    history.usual(20)
    for _ in range(3 if branch == "main" else 1):
        history.add({"test_0": history.near(1.3)}, branch=branch)
    return history


def test_the_gate_goes_to_summary_annotations_outputs_and_one_comment(job: Job) -> None:
    regressed(job.folder, branch="slower")
    job.event = {"pull_request": {"number": 7}}
    ran = job.run("report.py", "--comment", "regressed")
    assert ran.returncode == 1, ran.stderr
    assert "::error" in ran.stdout
    assert "test_0" in job.summary.read_text()
    outputs = dict(line.split("=", 1) for line in job.outputs.read_text().splitlines())
    assert outputs["exit-code"] == "1"
    assert outputs["headline"].startswith("REGRESSED: 1 test")
    ((comment,),) = job.github.comments.values()
    mark, _, text = comment["body"].partition("\n")
    assert mark == "<!-- benchdb: gate -->"
    assert text.strip() == job.summary.read_text().strip()


def test_a_comment_is_changed_once_it_is_there_and_not_made_for_good_news(job: Job) -> None:
    job.event = {"pull_request": {"number": 7}}
    history = History(job.folder)
    history.settings()
    history.usual(20)
    history.add({"test_0": history.near(1.0)}, branch="same")
    assert job.run("report.py", "--comment", "regressed").returncode == 0
    assert job.github.comments == {}
    others = [{"id": n, "body": "somebody's"} for n in range(130)]
    ours = {"id": 900, "body": "<!-- benchdb: gate -->\nbefore", "user": {"type": "Bot"}}
    job.github.comments[7] = [*others, ours]
    assert job.run("report.py", "--comment", "regressed").returncode == 0
    assert "before" not in job.github.comments[7][-1]["body"]
    assert len(job.github.comments[7]) == len(others) + 1


def test_a_trunk_that_regressed_opens_one_issue(job: Job) -> None:
    regressed(job.folder)
    assert job.run("report.py", "--issue", "true").returncode == 1
    assert job.run("report.py", "--issue", "true").returncode == 1
    (issue,) = job.github.issues
    assert issue["title"].startswith("REGRESSED: 1 test")
    assert issue["labels"] == ["performance"]
    assert "test_0" in issue["body"]


def test_where_a_fork_has_no_right_to_comment_that_is_a_warning(job: Job) -> None:
    (job.folder / "report.md").write_text("slower")
    job.event = {"pull_request": {"number": 7}}
    job.github.refusals = [403]
    ran = job.run("comment.py", "report.md")
    assert ran.returncode == 0
    assert ran.stdout.startswith("::warning::GitHub refused GET issues/7/comments (403): not today")


def test_what_another_workflow_ran_for_a_fork_is_told_by_its_commit(job: Job) -> None:
    (job.folder / "report.md").write_text("slower")
    job.github.pulls = [
        {"number": 5, "head": {"sha": "older"}},
        {"number": 6, "head": {"sha": "abc"}},
    ]
    owner = {"owner": {"login": "somebody"}}
    branch = "größer&state=closed#1"  # whoever forks names it
    run = {"event": "pull_request", "head_branch": branch, "head_sha": "abc"}
    job.event = {"workflow_run": {**run, "head_repository": owner}, "pull_request": None}
    ran = job.run("comment.py", "report.md")
    assert ran.returncode == 0, ran.stderr
    assert list(job.github.comments) == [6]
    assert job.github.heads == [f"somebody:{branch}"]
    job.event["workflow_run"]["head_sha"] = "pushed since"
    assert "no pull request" in job.run("comment.py", "report.md").stdout


def test_a_text_that_is_too_long_is_cut_at_a_line(job: Job) -> None:
    (job.folder / "report.md").write_text("0123456789\n" * 7000)
    assert job.run("comment.py", "report.md", "--pull-request", 7).returncode == 0
    ((comment,),) = job.github.comments.values()
    assert len(comment["body"]) <= 65_536
    assert comment["body"].endswith(
        "0123456789\n\n… cut: the whole of it is in the step summary.\n"
    )


def test_what_can_not_be_done_is_one_line_and_2(job: Job) -> None:
    calls = {
        "the step that writes it comes before": job.run("comment.py", "nothing.md"),
        "no token": job.run("comment.py", "event.json", GITHUB_TOKEN=""),
        "benchmark.db": job.run("report.py"),
        "these are no arguments": job.run("report.py", "--arguments", "'"),
        "sessions: No such file": job.run("report.py", "--sessions", "sessions"),
        "did the jobs that record upload it?": job.run("collect.py", "."),
    }
    for line, ran in calls.items():
        assert (ran.returncode, len(ran.stdout.splitlines())) == (2, 1), ran.stdout
        assert line in ran.stdout


def test_a_busy_server_is_asked_again(job: Job) -> None:
    (job.folder / "report.md").write_text("slower")
    job.github.refusals = [502, 403]
    job.github.refusal = "API rate limit exceeded"  # which GitHub says with 403, too
    assert job.run("comment.py", "report.md", "--pull-request", 7).returncode == 0
    assert len(job.github.comments[7]) == 1


def test_artifacts_are_collected_pushed_and_judged(job: Job) -> None:
    trunk, artifact = job.folder / "trunk", job.folder / "artifacts" / "benchmarks-3.13"
    for folder in (trunk, artifact):
        folder.mkdir(parents=True)
    history = regressed(trunk, branch="other")
    remote = str(job.folder / "remote")
    assert history.project.benchdb("push", remote).code == 0
    (job.folder / "pyproject.toml").write_text("[tool.benchdb]\n")
    from_fork = History(artifact)
    from_fork.day = 50
    mine = from_fork.add({"test_0": 1.4}, branch="slower")
    from_fork.add({"test_0": 1.0})  # says it is the trunk's
    words = ("artifacts", "--remote", remote, "--untrusted", "--sessions", "sessions")
    ran = job.run("collect.py", *words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (job.folder / "sessions").read_text() == f"session:{mine}\n"
    assert job.run("report.py", "--sessions", "sessions").returncode == 1
    assert "pushed 1 session" in ran.stdout + ran.stderr


def test_a_session_of_the_trunk_is_not_judged_in_the_place_of_a_forks(job: Job) -> None:
    trunk, artifact = job.folder / "trunk", job.folder / "artifacts" / "benchmarks-3.13"
    artifact.mkdir(parents=True)
    trunk.mkdir()
    history = regressed(trunk)
    shutil.copy(history.path, artifact / "benchmark.db")
    shutil.copy(history.path, job.folder / "benchmark.db")
    ran = job.run("collect.py", "artifacts", "--untrusted", "--sessions", "sessions")
    assert ran.returncode == 2
    assert "no session was merged: the lines above say why" in ran.stdout


def test_a_broken_artifact_does_not_hide_the_others(job: Job) -> None:
    for number in (1, 2):
        folder = job.folder / "artifacts" / f"benchmarks-{number}"
        folder.mkdir(parents=True)
        mine = History(folder).add({"test_0": 1.0}, branch="slower")
    (job.folder / "artifacts" / "benchmarks-1" / "benchmark.db").write_bytes(b"SQLite")
    ran = job.run("collect.py", "artifacts", "--sessions", "sessions")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "::warning::`benchdb merge` left something out (2)" in ran.stdout
    assert (job.folder / "sessions").read_text() == f"session:{mine}\n"


def test_a_comment_that_an_outsider_wrote_is_left_to_them(job: Job) -> None:
    regressed(job.folder, branch="slower")
    job.event = {"pull_request": {"number": 7}}
    theirs = {
        "id": 1,
        "body": "<!-- benchdb: gate -->\nall is well",
        "user": {"type": "User"},
        "author_association": "CONTRIBUTOR",
    }
    job.github.comments[7] = [theirs]
    assert job.run("report.py", "--comment=always").returncode == 1
    first, second = job.github.comments[7]
    assert first["body"].endswith("all is well")
    assert "REGRESSED" in second["body"]


def test_an_event_that_is_none_is_one_line_and_2(job: Job) -> None:
    (job.folder / "gate.md").write_text("all is well")
    for event in ({"pull_request": {"number": "x"}}, {"pull_request": [7]}):
        job.event = event
        ran = job.run("comment.py", "gate.md")
        assert ran.returncode == 2, ran.stdout + ran.stderr
        assert "holds no event of GitHub's" in ran.stdout


def test_the_environment_of_a_runtime_has_the_pins_of_its_recipe(job: Job) -> None:
    pytest.importorskip("jinja2", reason="releases need the extra `release`")
    programs = job.folder / "programs"
    programs.mkdir()
    conda = programs / "conda"
    python = 'mkdir -p "$5/bin"; printf "#!/bin/sh\\necho pip \\$*" > "$5/bin/python"'
    conda.write_text(f'#!/bin/sh\necho conda $*; {python}; chmod +x "$5/bin/python"')
    conda.chmod(0o755)
    shutil.copytree(SCRIPTS.parents[1] / "recipe", job.folder / "recipe")
    said = {"CONDA_EXE": str(conda), "DASK_VERSION": "2026.7.0"}
    ran = job.run("environment", "upstream", "made", **said)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "conda env create --yes --prefix made --file made.yml",
        "pip -m pip install benchdb[dask]",
    ]
    lines = (job.folder / "made.yml").read_text().splitlines()
    assert "- dask/label/dev" in lines
    assert not [line for line in lines if line.startswith("- benchdb")]
    # In benchdb's own repository, and of what is no upstream the version is told to later steps.
    (job.folder / "pyproject.toml").write_text('[project]\nname = "benchdb"\n')
    (job.folder / "recipe/recipe.yaml").unlink()
    meta = "package: {name: mine, version: 1.2.0}\nrequirements: {run: [dask]}\n"
    (job.folder / "recipe/meta.yaml").write_text(meta)
    ran = job.run("environment", "latest", "made", GITHUB_ENV=str(job.folder / "env"), **said)
    assert ran.stdout.splitlines()[-1] == "pip -m pip install .[dask]", ran.stderr
    assert (job.folder / "env").read_text() == "COILED_RUNTIME_VERSION=1.2.0\n"
    pinned = job.run("install", "--requirement", "s3", BENCHDB="@ git+https://example.org/b")
    assert pinned.stdout == "benchdb[s3]@ git+https://example.org/b\n"
    wrong = job.run("environment", "newest", "made")
    assert (wrong.returncode, wrong.stderr.startswith("no runtime: newest: ")) == (2, True)


def test_a_file_of_sessions_can_smuggle_in_no_option(job: Job) -> None:
    (job.folder / "sessions").write_text("session:1\n--db=/etc/passwd\n")
    ran = job.run("report.py", "--sessions", "sessions")
    assert ran.returncode == 2
    assert "this names no session: '--db=/etc/passwd'" in ran.stdout


@pytest.mark.parametrize("given", ["--fail-on=suspect", "--fail-on suspect", ""])
def test_the_action_passes_on_what_the_gate_is_called_with(job: Job, given: str) -> None:
    yaml = pytest.importorskip("yaml")
    regressed(job.folder, branch="slower")
    (step,) = yaml.safe_load((SCRIPTS.parents[1] / "action.yml").read_text())["runs"]["steps"]
    (job.folder / "step").write_text(step["run"])
    said = {"ARGUMENTS": given, "SESSIONS": "", "COMMENT": "never", "ISSUE": "false"}
    path = str(SCRIPTS.parents[1])
    ran = job.run("/bin/bash", job.folder / "step", GITHUB_ACTION_PATH=path, **said)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "::error" in ran.stdout


def test_a_release_has_one_checklist(job: Job) -> None:
    for _ in range(2):
        assert job.run("checklist", "1.2.0").returncode == 0
    (issue,) = job.github.issues
    assert (issue["title"], issue["labels"]) == ("Release 1.2.0", ["release"])
    assert "git tag -a 1.2.0" in issue["body"]
    assert "VERSION" not in issue["body"]
    assert job.run("checklist", "$(id)").returncode == 2


def test_the_package_of_a_tag_is_of_its_version(job: Job) -> None:
    pytest.importorskip("rattler_build", reason="releases need the extra `release`")
    shutil.copytree(SCRIPTS.parents[1] / "recipe", job.folder / "recipe")
    right = job.run("package", "recipe", "v0.1.0", VERSION_SUFFIX="a1")
    assert (right.returncode, right.stdout) == (
        0,
        "dist/conda/noarch/benchdb-runtime-0.1.0-py_0.conda\n",
    )
    wrong = job.run("package", "recipe", "0.2.0")
    assert wrong.returncode == 1
    assert "is not of the tag 0.2.0" in wrong.stderr


def test_a_nightly_has_its_date_in_its_version(job: Job) -> None:
    pytest.importorskip("rattler_build", reason="releases need the extra `release`")
    shutil.copytree(SCRIPTS.parents[1] / "recipe", job.folder / "recipe")
    (job.folder / "empty/noarch").mkdir(parents=True)
    (job.folder / "empty/noarch/repodata.json").write_text("{}")
    unsolved = job.run("nightly", "recipe", CHANNELS="./empty")
    assert unsolved.returncode == 1, unsolved.stdout + unsolved.stderr
    assert not (job.folder / "dist").exists()
    ran = job.run("nightly", "recipe")
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"benchdb-runtime-0\.1\.0a20\d{6}-py_0\.conda$", ran.stdout)
