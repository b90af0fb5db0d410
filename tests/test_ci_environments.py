"""How ci/test and ci/demo make their environments."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

ROOT = Path(__file__).parents[1]

_spec = importlib.util.spec_from_file_location("environments", ROOT / "ci/environments.py")
assert _spec is not None
assert _spec.loader is not None
environments = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(environments)


def test_uv_fetches_from_where_pip_does() -> None:
    listing = (
        "global.index-url='https://everyone.example/simple'\n"
        "global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'\n"
        "install.index-url='https://ours.example/simple'\n"
        ":env:.find-links='/wheels /more'\n"
    )
    assert environments.pip_settings_for_uv(listing) == {
        "UV_DEFAULT_INDEX": "https://ours.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
    }


def test_a_machine_without_settings_for_pip_leaves_uv_its_own() -> None:
    assert environments.pip_settings_for_uv("") == {}


def test_only_an_interpreter_that_runs_is_found() -> None:
    assert environments.version_of(sys.executable) == tuple(sys.version_info[:3])
    assert environments.version_of(ROOT / "no-such-python") is None
    assert environments.version_of(ROOT / "pyproject.toml") is None


def test_variables_that_would_change_what_is_tested_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DB_NAME", "someone-elses.db")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert not {"DB_NAME", "PYTHONPATH"} & environments.clean_environ().keys()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The commands that would have made environments, in a folder of the test's own."""
    calls: list[str] = []

    def call(_: Any, *command: str | Path) -> None:
        calls.append(" ".join(map(str, command)))
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "FOLDER", tmp_path / ".venvs")
    monkeypatch.setattr(environments.Environments, "_call", call)
    nothing = subprocess.CompletedProcess("", 0, stdout="")
    monkeypatch.setattr(environments.Environments, "run", lambda *_: nothing)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return calls


def with_pythons(monkeypatch: pytest.MonkeyPatch, *minors: tuple[int, int]) -> Any:
    found = {minor: ((*minor, 1), Path(f"/python{minor[1]}")) for minor in minors}
    monkeypatch.setattr(environments.Environments, "_interpreters", lambda _: found)
    return environments.Environments()


def test_the_lowest_versions_are_tested_on_the_oldest_python(
    monkeypatch: pytest.MonkeyPatch, made: list[str]
) -> None:
    oldest, newest = environments.SUPPORTED[0], environments.SUPPORTED[-1]
    others = with_pythons(monkeypatch, oldest, newest).others()
    assert "the lowest versions" in others
    (lowest,) = (command for command in made if "lowest-direct" in command)
    assert str(others["the lowest versions"]) in lowest
    made.clear()
    assert "the lowest versions" not in with_pythons(monkeypatch, newest).others()


def test_an_environment_is_made_again_only_when_it_was_not_finished_or_others_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, made: list[str], tmp_path: Path
) -> None:
    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(environments.Environments, "_install", fail)
        with pytest.raises(KeyboardInterrupt):
            environments.Environments().demo()
    made.clear()
    environments.Environments().demo()
    assert any("venv --clear" in command for command in made)
    made.clear()
    environments.Environments().demo()
    assert made == []
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = []\n")
    environments.Environments().demo()
    assert any("venv --clear" in command for command in made)


def test_the_demo_has_nothing_that_its_users_have_not(made: list[str]) -> None:
    environments.Environments().demo()
    assert "--group" not in made[-1]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("OSError: [Errno 28] No space left on device", "make room"),
        ("ERROR: Could not find a version … uv (from versions: none)", "is there a network"),
        ("error: Failed to fetch: `https://pypi.org/simple/click/`", "is there a network"),
    ],
)
def test_a_failure_says_what_to_do(said: str, told: str) -> None:
    script = f"import sys; print({said!r}); sys.exit(1)"
    with pytest.raises(environments.Failure, match=told):
        environments.Environments()._call(sys.executable, "-X", "utf8", "-c", script)


def test_a_folder_that_may_not_be_written_to_is_said_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, made: list[str]
) -> None:
    monkeypatch.setattr(environments, "FOLDER", Path("/proc/no/such/folder"))
    monkeypatch.setattr(environments, "ROOT", Path("/proc/no/such"))
    monkeypatch.setattr(environments, "_Stamp", Mock(return_value=Mock(valid=lambda: False)))
    with pytest.raises(environments.Failure, match="can't be written to: clone"):
        environments.Environments().main()
    assert made == []


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_a_machine_whose_python_is_too_old_is_told_what_to_install(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho 'is only 3.9.18' >&2\nexit 1\n")
    old.chmod(0o755)
    for tool in ("dirname", "tail"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")

    done = subprocess.run(
        ["/bin/sh", ROOT / "ci/test"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert "ci/test needs Python 3.11 or newer" in done.stderr
    assert "python3 is only 3.9.18" in done.stderr
