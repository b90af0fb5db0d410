"""How ci/test and ci/demo make their environments."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

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
