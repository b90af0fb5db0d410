"""``benchdb release bump``: where versions stand, on every platform, and in a feedstock."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from conda_channels import Stub, make_channel, release

from benchdb.cli import main
from benchdb.errors import UserError
from benchdb.release.edits import Edited, write_all

pytest.importorskip("rattler", reason="releases need the extra `release`")
pytest.importorskip("rattler_build", reason="releases need the extra `release`")

STACK = (
    *(Stub("dask", one) for one in ("2026.8.0", "2026.9.1")),
    *(Stub("numpy", one) for one in ("1.26.3", "1.26.4", "2.4.6", "2.5.0rc1")),
    *(Stub("pywin32", one) for one in ("306", "307")),
    *(Stub("click", one) for one in ("8.1.0", "8.2.0")),
    *(Stub("python", one) for one in ("3.11.9", "3.12.3")),
    *(Stub("winlib", one, ("dask <2026.9",)) for one in ("1", "2")),
    Stub("beta", "1.0rc1"),
)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_channel(tmp_path_factory.mktemp("bump") / "channel", *STACK)


def bump(folder: Path, channel: Path, *arguments: str) -> str:
    """Bump the recipe in a folder, and return what is said beside the difference."""
    done = release("bump", folder, "-c", channel, *arguments, cwd=channel.parent)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_pins_of_every_platform_and_list_are_bumped_where_they_stand(
    tmp_path: Path, channel: Path
) -> None:
    text = """\
{% set version = "0.2.1" + environ.get("VERSION_SUFFIX", "") %}
package: {name: stack, version: "{{ version }}"}
build:
  number: 3   # rebuilt
requirements:
  host:
    - python >=3.8
    - numpy ==1.26.4
  run:
    - python
    - nowhere ==0.1
    - beta ==1.0rc1
    - numpy ==1.26.4  # [linux]  since 1.26.4
    - numpy ==1.26.3  # [not linux]
    - "pywin32 ==306"  # [win]
    # - dask ==2026.8.0
    - dask =={{ environ.get("DASK_VERSION", "2026.8.0") }}  # 2026.8.0 is fine
test:
  requires: [numpy ==1.26.4, dask >=2026.8.0]
"""
    (tmp_path / "meta.yaml").write_text(text)
    assert bump(tmp_path, channel, "--platform", "linux-64", "--without", "nowhere") == ""
    wanted = text.replace("0.2.1", "0.2.2").replace("number: 3", "number: 0")
    wanted = wanted.replace("numpy ==1.26.4", "numpy ==2.4.6").replace("==1.26.3", "==2.4.6")
    wanted = wanted.replace("==306", "==307").replace(', "2026.8.0")', ', "2026.9.1")')
    assert (tmp_path / "meta.yaml").read_text() == wanted
    # The platform that is asked for is the first one, and its pins are found, too.
    (tmp_path / "meta.yaml").write_text(text)
    bump(tmp_path, channel, "--platform", "win-64", "--package", "pywin32", "--without", "nowhere")
    after = (tmp_path / "meta.yaml").read_text()
    assert '"pywin32 ==307"  # [win]' in after
    assert after.count("1.26.4") == text.count("1.26.4")


def test_all_forms_of_a_choice_are_bumped_and_meta_yaml_with_them(
    tmp_path: Path, channel: Path
) -> None:
    text = """\
package: {name: stack, version: "1.0"}
requirements:
  run:
    - if: win
      then: pywin32 ==306
    - if: unix
      then: [numpy ==1.26.4, click ==8.1.0]
      else:
        - numpy ==1.26.3  # the last one that works
    - dask ==2026.8.0
"""
    (tmp_path / "recipe.yaml").write_text(text)
    (tmp_path / "meta.yaml").write_text("# by hand\n")
    said = bump(tmp_path, channel, "--version", "1.0", "--package", "pywin32", "--package", "click")
    stays, replaced = said.splitlines()
    assert "the version stays 1.0: a package of it that is published already has" in stays
    assert "meta.yaml wasn't made from" in replaced
    wanted = text.replace("==306", "==307").replace("8.1.0", "8.2.0")
    assert (tmp_path / "recipe.yaml").read_text() == wanted
    lines = (tmp_path / "meta.yaml").read_text().splitlines()
    assert "  - pywin32 ==307  # [win]" in lines
    assert "  - numpy ==1.26.3  # [not (unix)]" in lines


def test_a_pin_that_fits_nowhere_is_left_and_named(tmp_path: Path, channel: Path) -> None:
    other = 311 if sys.version_info[1] != 11 else 312
    text = f"""\
{{% set dask = "2026.8.0" %}}
package: {{name: stack, version: "{{{{ dask }}}}"}}
requirements:
  run:
    - dask =={{{{ dask }}}}
    - winlib ==1  # [win]
    - click ==8.1.0  # [py == {other}]
"""
    (tmp_path / "meta.yaml").write_text(text)
    said = bump(tmp_path, channel, "--platform", "linux-64")
    winlib, click = said.splitlines()
    assert winlib.startswith("benchdb: winlib ==1 left as it is, of win-64, where that can't be ")
    assert click == "benchdb: click ==8.1.0 is left as it is: the version of Python chooses it"
    # The version is that of a pin: one name sets both.
    assert (tmp_path / "meta.yaml").read_text() == text.replace("2026.8.0", "2026.9.1")


@pytest.mark.parametrize(
    ("version", "why"),
    [("0.1.0", "is below 0.2.1"), ("not one", "is no version"), ("1.0/../x", "is no version")],
)
def test_a_version_that_cannot_follow_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, why: str
) -> None:
    (tmp_path / "meta.yaml").write_text("package: {name: stack, version: 0.2.1}\n")
    assert main(["release", "bump", str(tmp_path), "--version", version]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert why in line
    assert str(tmp_path) not in line


# -- what is written


def test_a_recipe_is_written_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    one, other = tmp_path / "recipe.yaml", tmp_path / "meta.yaml"
    one.write_text("old")
    other.mkdir()  # nothing can be put in its place
    with pytest.raises(UserError, match=r"meta\.yaml can't be written .*, and nothing was: allow"):
        write_all([Edited(one, "old", "new"), Edited(other, "old", "new")])
    assert one.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [other, one]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no limit of a file's size")
def test_a_full_disk_leaves_the_recipe_as_it_was(tmp_path: Path) -> None:
    text = "package: {name: stack, version: 1}\nrequirements:\n  run:\n    - dask ==1\n"
    (tmp_path / "meta.yaml").write_text(text.replace("1", "2"))
    fork = tmp_path / "fork"
    fork.mkdir()
    (fork / "meta.yaml").write_text(text + "#\n" * 2_000)
    command = [sys.executable, "-m", "benchdb", "release", "bump", ".", "--feedstock", "fork"]
    limited = ["sh", "-c", 'ulimit -f 2 && exec "$0" "$@"', *command]
    done = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "fork/meta.yaml can't be written (File too large), and nothing was" in done.stderr
    assert [one.name for one in fork.iterdir()] == ["meta.yaml"]
    assert (fork / "meta.yaml").read_text() == text + "#\n" * 2_000


# -- feedstocks

SOURCE = """\
package: {name: stack, version: 2.0.0}
requirements:
  run:
    - python >=3.11,<3.15
    - dask ==2026.9.1
    - distributed ==2026.9.0
    - pywin32 ==307  # [win]
    - uvloop ==1.0  # [linux and aarch64 or osx and arm64]
    - numpy ==2.4.6
    - __unix  # [unix]
"""

FEEDSTOCK = """\
{% set version = "1.0.0" %}
{% set sha256 = "0000" %}
{% set dask = "2026.8.0" %}

package: {name: stack, version: "{{ version }}"}
source:
  url: stack-{{ version }}.tar.gz
  sha256: {{ sha256 }}  # of GitHub's
build: {number: 2}
requirements:
  host:
    - python >=3.10
  run:
    # as setup.py says
    - python >=3.10
    - dask =={{ dask }}  # with distributed
    - distributed =={{ dask }}
    - pywin32 ==306  # [win]

    - gone ==1  # [osx]
    - __unix  # [unix]

test:
  imports: [dask]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe, and where its feedstock is to be; a source archive."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meta.yaml").write_text(SOURCE)
    (tmp_path / "fork").mkdir()
    (tmp_path / "stack-2.0.0.tar.gz").write_bytes(b"archive")
    return tmp_path


def written(name: str, text: str, *arguments: str, code: int = 0) -> str:
    """Write into a feedstock, and return what it says afterwards."""
    path = Path("fork") / name
    path.write_text(text)
    assert main(["release", "bump", ".", "--feedstock", "fork", *arguments]) == code
    return path.read_text()


@pytest.mark.usefixtures("folder")
def test_a_feedstock_keeps_its_lines_comments_and_selectors() -> None:
    made = written("meta.yaml", FEEDSTOCK)
    wanted = FEEDSTOCK.replace("1.0.0", "2.0.0").replace("number: 2", "number: 0")
    wanted = wanted.replace("0000", hashlib.sha256(b"archive").hexdigest())
    wanted = wanted.replace('dask = "2026.8.0"', 'dask = "2026.9.1"')
    wanted = wanted.replace("distributed =={{ dask }}", "distributed ==2026.9.0")
    wanted = wanted.replace(
        "setup.py says\n    - python >=3.10", "setup.py says\n    - python >=3.11,<3.15"
    )
    wanted = wanted.replace("    - gone ==1  # [osx]\n", "")
    old = "    - pywin32 ==306  # [win]\n"
    new = "    - uvloop ==1.0  # [aarch64 or arm64]\n    - numpy ==2.4.6\n"
    wanted = wanted.replace(old, old.replace("306", "307") + new)
    assert made == wanted


@pytest.mark.usefixtures("folder")
def test_a_feedstock_of_the_first_version_chooses_by_if(capsys: pytest.CaptureFixture[str]) -> None:
    text = """\
package: {name: stack, version: 1.0.0}
requirements:
  run:
    - python >=3.10   # old
    - if: win
      then: pywin32 ==306
    - if: osx
      then:
        - gone ==1
    - if: unix
      then: [__unix]
"""
    assert (
        written("recipe.yaml", text)
        == """\
package: {name: stack, version: 2.0.0}
requirements:
  run:
    - python >=3.11,<3.15   # old
    - dask ==2026.9.1
    - distributed ==2026.9.0
    - if: win
      then: pywin32 ==307
    - if: aarch64 or arm64
      then: uvloop ==1.0
    - numpy ==2.4.6
    - if: unix
      then: [__unix]
"""
    )
    assert capsys.readouterr().err == (
        "benchdb: fork/recipe.yaml requires gone ==1 no longer, as the recipe doesn't\n"
        "benchdb: fork/recipe.yaml names no source, so there is no checksum to write\n"
    )


def test_what_cannot_be_written_into_a_feedstock_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(text: str, *arguments: str) -> str:
        assert written("meta.yaml", text, *arguments, code=2) == text
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert said(FEEDSTOCK, "--archive", "nowhere.tar.gz") == (
        "benchdb: nowhere.tar.gz can't be read (No such file or directory): name the archive with "
        "--archive"
    )
    once = FEEDSTOCK.replace(
        "    - gone ==1  # [osx]\n", "{% for a in ['gone'] %}\n    - {{ a }}\n{% endfor %}\n"
    )
    assert "fork/meta.yaml requires gone in no line of its own" in said(once)
    chosen = "    - numpy ==2.4.6  # [linux64 or arm64 or ppc64le]\n"
    (folder / "meta.yaml").write_text(SOURCE.replace("    - numpy ==2.4.6\n", chosen))
    assert "can't be given numpy ==2.4.6 for linux-64, linux-ppc64le, osx-arm64 alone" in said(
        FEEDSTOCK
    )
