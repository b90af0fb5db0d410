"""The workflows and the action: what they call is there, and GitHub would take them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / "ci" / "workflows").glob("*.yml"))
OWN = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

yaml = pytest.importorskip("yaml", reason="the workflows are read with PyYAML")


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize(
    ("kind", "files"),
    [("github-workflows", [*WORKFLOWS, *OWN]), ("github-actions", [ROOT / "action.yml"])],
)
def test_they_are_as_the_schema_says(kind: str, files: list[Path]) -> None:
    pytest.importorskip("check_jsonschema", reason="it brings the schemas")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{kind}"]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_actionlint_finds_nothing() -> None:
    if (program := shutil.which("actionlint")) is None:
        pytest.skip("there is no actionlint here")
    done = subprocess.run([program, *WORKFLOWS, *OWN], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.name)
def test_each_step_runs_one_script_of_ours(workflow: Path) -> None:
    for step in steps(workflow):
        if "run" not in step:
            continue
        called = re.fullmatch(r"(?:python )?(ci/[\w./-]+)(?: [^\n;&|]*)?\s*", step["run"])
        assert called is not None, step["run"]
        if "/install " in step["run"]:  # in another repository `.` isn't benchdb
            assert step["env"]["BENCHDB"] == "${{ vars.BENCHDB }}"
        script = ROOT / called[1]
        assert script.is_file()
        assert step["run"].startswith("python ") or script.stat().st_mode & 0o111


@pytest.mark.parametrize("workflow", [*WORKFLOWS, *OWN], ids=lambda one: one.name)
def test_nothing_that_others_write_gets_into_a_shell(workflow: Path) -> None:
    # A branch may be called `$(rm -rf ~)`: such values go through variables.
    for step in steps(workflow):
        assert "${{" not in step.get("run", "")


def test_what_runs_with_secrets_for_a_fork_checks_out_nothing_of_it() -> None:
    (forks,) = (one for one in WORKFLOWS if one.name == "forks.yml")
    (checkout,) = (one for one in steps(forks) if "checkout" in one.get("uses", ""))
    assert "ref" not in checkout["with"]
    (collect,) = (one["run"] for one in steps(forks) if "collect.py" in one.get("run", ""))
    assert "--untrusted" in collect


def test_jobs_get_no_more_rights_than_they_say() -> None:
    for workflow in WORKFLOWS:
        assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}


def test_the_page_tells_each_input_and_output_of_the_action() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    page = (ROOT / "docs" / "github-actions.md").read_text()
    for name, said in action["inputs"].items():
        default = f"`{said['default']}`" if said["default"] else ""
        assert f"| `{name}` | {said['description']} | {default} |" in page
    for name, said in action["outputs"].items():
        assert f"| `{name}` | {said['description']} |" in page
