"""``benchdb release``: build, solve and install, on channels that tests make."""

from __future__ import annotations

import bz2
import hashlib
import json
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conda_channels import Stub, make_channel, release
from loopback_api import LoopbackApi

from benchdb.release.variants import this_platform
from benchdb.report.fields import FIELDS
from benchdb.report.schemas import RELEASE_SOLVE

pytest.importorskip("rattler", reason="releases need the extra `release`")
pytest.importorskip("rattler_build", reason="releases need the extra `release`")

ROOT = Path(__file__).parents[1]

STACK = (
    Stub("python", "3.11.9"),
    Stub("python", "3.12.3"),
    Stub("numpy", "1.26.4", ("python >=3.11,<3.13",)),
    Stub("numpy", "2.4.6", ("python >=3.11,<3.13",)),
    Stub("pandas", "3.1.1", ("numpy >=2", "python >=3.11")),
    Stub("dask", "2026.8.0", ("pandas >=2", "python >=3.11")),
    Stub("distributed", "2026.8.0", ("dask ==2026.8.0",)),
    Stub("new", "1.0", ("python >=3.12",)),
)

RECIPE = """\
context:
  release: "1.2.0"
package:
  name: stack
  version: ${{ release ~ env.get("VERSION_SUFFIX", default="") }}
build:
  noarch: generic
requirements:
  run:
    - python >=3.11
    - dask ==2026.8.0
    - distributed ==2026.8.0
    - numpy ==2.4.6
about:
  summary: A stack
  license: MIT
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel, and a recipe whose package was built twice, once as a nightly."""
    folder = tmp_path_factory.mktemp("releases")
    make_channel(folder / "channel", *STACK)
    (folder / "recipe").mkdir()
    (folder / "recipe/recipe.yaml").write_text(RECIPE)
    for suffix in ("", "a20261122"):
        done = release("build", "recipe", "-c", "channel", cwd=folder, VERSION_SUFFIX=suffix)
        assert done.returncode == 0, done.stderr
        name = f"stack-1.2.0{suffix}-0.conda"
        assert done.stdout == f"dist/conda/noarch/{name}\n"
        assert (folder / "dist/conda/noarch" / name).is_file()
    return folder


def recipe_with(folder: Path, name: str, *pins: str) -> Path:
    (folder / name).mkdir()
    lines = "".join(f"    - {pin}\n" for pin in pins)
    text = f"package: {{name: {name}, version: 1}}\nrequirements:\n  run:\n{lines}"
    (folder / name / "meta.yaml").write_text(text)
    return folder / name


def listed(channel: Path, subdir: str = "noarch") -> dict[str, dict[str, Any]]:
    """Return what the index of a channel says, which is what its files are."""
    found = json.loads((channel / subdir / "repodata.json").read_text())["packages.conda"]
    files = {path.name: path.read_bytes() for path in (channel / subdir).glob("*.conda")}
    assert {name: one["sha256"] for name, one in found.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert not (channel / ".building").exists()
    return found


def test_a_built_package_says_what_its_recipe_does(folder: Path) -> None:
    index = json.loads((folder / "dist/conda/noarch/repodata.json").read_text())
    packages = index["packages.conda"]
    assert len(packages) == 2
    entry = packages["stack-1.2.0-0.conda"]
    assert entry["depends"] == [
        "python >=3.11",
        "dask ==2026.8.0",
        "distributed ==2026.8.0",
        "numpy ==2.4.6",
    ]
    assert (entry["noarch"], entry["license"], entry["build_number"]) == ("generic", "MIT", 0)


def test_a_nightly_orders_below_its_release(folder: Path) -> None:
    channels = ("-c", "dist/conda", "-c", "channel", "--format", "json")
    done = release("solve", "stack", *channels, cwd=folder)
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    (solution,) = content["solutions"]
    found = {*content, *(f"solutions[].{name}" for name in solution)}
    found |= {f"solutions[].packages[].{name}" for name in solution["packages"][0]}
    assert found == set(FIELDS[RELEASE_SOLVE])
    assert {one["name"]: one["version"] for one in solution["packages"]} == {
        "dask": "2026.8.0",
        "distributed": "2026.8.0",
        "numpy": "2.4.6",
        "pandas": "3.1.1",
        "python": "3.12.3",
        "stack": "1.2.0",
    }
    done = release("build", "recipe", "-o", "other", cwd=folder, VERSION_SUFFIX=".post1")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "1.2.0.post1 doesn't order below 1.2.0" in done.stderr
    assert not (folder / "other").exists()


def test_each_python_is_solved_and_what_fails_says_why(folder: Path) -> None:
    recipe = recipe_with(folder, "newer", "new ==1.0", "dask")
    pythons = ("--python", "3.11", "--python", "3.12")
    done = release("solve", recipe, "-c", "channel", *pythons, cwd=folder)
    assert done.returncode == 1
    assert done.stderr == ""
    first, _, second = done.stdout.partition("\n\n")
    assert first.splitlines()[0] == f"newer 1: no solution for Python 3.11, {this_platform()}"
    assert "└─" in first
    assert "python >=3.12" in first
    assert second.splitlines()[:2] == [f"newer 1: Python 3.12, {this_platform()}", "5 packages"]


def test_pins_that_nothing_satisfies_are_not_built(folder: Path) -> None:
    recipe = recipe_with(folder, "unsolvable", "pandas ==3.1.1", "numpy <2", "python")
    done = release("build", recipe, "-c", "channel", "-o", "nothing", cwd=folder)
    assert done.returncode == 1
    assert "numpy >=2" in done.stdout
    assert "numpy <2" in done.stdout
    assert done.stderr == "benchdb: nothing was built: the pins can't be satisfied together\n"
    assert not (folder / "nothing").exists()


def test_a_pin_that_no_channel_has_may_be_left_out(folder: Path) -> None:
    (folder / "absent").mkdir()
    text = RECIPE.replace("    - dask ==", "    - absent >=1\n    - dask ==")
    (folder / "absent/recipe.yaml").write_text(text)
    assert release("solve", "absent", "-c", "channel", cwd=folder).returncode == 1
    words = ("absent", "-c", "channel", "--without", "absent")
    assert release("solve", *words, cwd=folder).returncode == 0
    built = release("build", *words, "--output", "left/out", cwd=folder)
    assert built.returncode == 0, built.stderr
    index = json.loads((folder / "left/out/noarch/repodata.json").read_text())
    (record,) = index["packages.conda"].values()
    assert [one.split()[0] for one in record["depends"]] == [
        *("python", "dask", "distributed", "numpy"),
    ]
    wrong = release("solve", "absent", "--without", "other", "-c", "channel", cwd=folder)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "pins no 'other': name a package that it does" in wrong.stderr


def test_what_was_solved_is_installed(folder: Path) -> None:
    channels = ("-c", "dist/conda", "-c", (folder / "channel").as_uri())
    done = release("install", "stack ==1.2.0a20261122", "new", "prefix", *channels, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "installed 7 packages into prefix\n"
    metas = {path.name for path in (folder / "prefix/conda-meta").glob("*.json")}
    assert "stack-1.2.0a20261122-0.json" in metas
    assert "python-3.12.3-0.json" in metas
    # It becomes what was solved: `new` goes, and nothing else.
    assert release("install", "dask", "prefix", *channels, cwd=folder).returncode == 0
    left = {path.name for path in (folder / "prefix/conda-meta").glob("*.json")}
    assert left == metas - {
        "stack-1.2.0a20261122-0.json",
        "new-1.0-0.json",
        "distributed-2026.8.0-0.json",
    }


def test_what_cannot_be_installed_leaves_nothing(folder: Path) -> None:
    done = release("install", "dask", "numpy <2", "none", "-c", "channel", cwd=folder)
    assert done.returncode == 1
    assert "pandas" in done.stdout
    assert not (folder / "none").exists()
    (folder / "mine").mkdir()
    (folder / "mine/precious").touch()
    done = release("install", "dask", "mine", "-c", "channel", cwd=folder)
    assert done.returncode == 2
    assert "mine is no environment of conda's and not empty" in done.stderr


def test_a_package_that_is_built_once_more_is_the_one_that_is_installed(
    folder: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    for summary in ("the first", "another one"):
        head = "package: {name: again, version: 1}\nbuild: {noarch: generic}\n"
        (recipe / "meta.yaml").write_text(f"{head}about: {{summary: {summary}}}\n")
        assert release("build", recipe, "-o", "twice", cwd=folder).returncode == 0
    index = json.loads((folder / "twice/noarch/repodata.json").read_text())["packages.conda"]
    ((name, entry),) = index.items()
    content = (folder / "twice/noarch" / name).read_bytes()
    assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_variants_do_not_replace_each_other(folder: Path) -> None:
    recipe = recipe_with(folder, "variant", 'python {{ environ.get("PYTHON_VERSION", "3.11") }}.*')
    for version in ("3.11", "3.12"):
        done = release("build", recipe, "-o", "variants", cwd=folder, PYTHON_VERSION=version)
        assert re.search(r"/variant-1-h[0-9a-f]{7}_0\.conda\n$", done.stdout), done.stderr
    found = listed(folder / "variants", this_platform()).values()
    assert sorted(one["depends"][0] for one in found) == ["python 3.11.*", "python 3.12.*"]


def test_builds_at_once_into_one_channel_wait_for_each_other(folder: Path) -> None:
    channel = folder / "at-once"
    channel.mkdir()
    channel.chmod(0o777)
    names = [f"side{number}" for number in range(3)]
    for name in names:
        recipe_with(folder, name, "python")
    with ThreadPoolExecutor(len(names)) as pool:
        done = list(
            pool.map(lambda name: release("build", name, "-o", "at-once", cwd=folder), names)
        )
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * len(names)
    if sys.platform != "win32":  # whoever may write into the folder may build there
        assert (channel / ".lock").stat().st_mode & 0o777 == 0o666
    assert sorted(listed(channel, this_platform())) == [f"{name}-1-0.conda" for name in names]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no limit on the size of files")
def test_a_build_that_fails_half_way_leaves_the_channel_as_it_was(folder: Path) -> None:
    large = recipe_with(folder, "large", *(f"package{number}" for number in range(2000)))
    small = recipe_with(folder, "small")
    channel = folder / "limited"
    built = channel / this_platform()
    assert release("build", large, "-o", channel, cwd=folder).returncode == 0
    before = listed(channel, this_platform())
    # A package can't be written over the one that is there; the index can't name another one.
    size = (built / "repodata.json").stat().st_size
    for recipe, most, said in (
        (large, 10, "no package can be written into"),
        (small, size + 50, "can't be indexed"),
    ):
        done = release("build", recipe, "-o", channel, cwd=folder, file_bytes=most)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert said in line
        assert "File too large" in line
        assert listed(channel, this_platform()) == before
    # What was killed between the package and the index is indexed by the next build.
    (channel / ".building").mkdir()
    (package,) = built.glob("*.conda")
    shutil.copy(folder / "dist/conda/noarch/stack-1.2.0-0.conda", package)
    assert release("build", "recipe", "-o", channel, cwd=folder).returncode == 0
    assert list(listed(channel)) == ["stack-1.2.0-0.conda"]
    assert listed(channel, this_platform())[package.name]["name"] == "stack"


def test_a_package_may_say_when_it_was_made(folder: Path) -> None:
    done = release("build", "recipe", "-o", "dated", cwd=folder, SOURCE_DATE_EPOCH="0")
    assert (done.returncode, done.stderr) == (0, "")
    made = listed(folder / "dated")["stack-1.2.0-0.conda"]["timestamp"]
    assert made == 315_532_800_000  # its archive begins in 1980
    wrong = "9" * 25
    done = release("build", "recipe", "-o", "dated", cwd=folder, SOURCE_DATE_EPOCH=wrong)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"benchdb: SOURCE_DATE_EPOCH is '{wrong}': set it to seconds")


def test_a_channel_with_what_is_no_package_is_not_built_into(folder: Path) -> None:
    parent = folder / "strange/noarch"
    parent.mkdir(parents=True)
    contents = {"junk-1-0.conda": b"junk", "empty-1-0.conda": b"PK\5\6" + bytes(18)}
    contents["half-1-0.tar.bz2"] = bz2.compress(b"x" * 10_000)[:-5]
    for name, content in contents.items():
        (parent / name).write_bytes(content)
        done = release("build", "recipe", "-o", "strange", cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        said = f"benchdb: strange/noarch/{name} is no package of conda's: remove it\n"
        assert done.stderr == said
        (parent / name).unlink()
        assert not list(parent.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["solve", "dask", "-c", "./nowhere"], "nowhere is no channel: it has no noarch"),
        (["solve", "dask", "-c", "file:///nowhere"], "/nowhere is no channel: it has no noarch"),
        (
            ["solve", "dask", "-c", "http://u:secret@127.0.0.1:9/t/secret/x"],
            "the channel http://***@127.0.0.1:9/t/***/x can't be read (Connection refused",
        ),
        (["solve", "dask >=!", "-c", "channel"], "'dask >=!' is no requirement"),
        (
            ["solve", "dask", "-c", "channel", "--platform", "amiga-68"],
            "'amiga-68' is no platform",
        ),
    ],
    ids=["folder", "file URL", "server", "requirement", "platform"],
)
def test_a_wrong_call_or_channel_is_said_in_a_line(
    folder: Path, arguments: list[str], said: str
) -> None:
    done = release(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"benchdb: {said}")
    assert "secret" not in line


def test_reading_a_recipe_loads_no_solver() -> None:
    import subprocess
    import sys

    script = (
        "import sys; from benchdb.cli import main\n"
        "try: main(['release', 'build', '/nowhere'])\n"
        "finally: print(sorted({'rattler', 'rattler_build', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n"


class Anaconda(LoopbackApi):
    """What of anaconda.org an upload meets; it knows one token."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        super().__init__()

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> tuple[int, Any]:
        self.calls.append(f"{method} {path}")
        if path == "/files":
            return 201, {}
        if token != "token secret":
            return 401, {"error": "no such token"}
        if method == "GET":
            return 404, {"error": "not yet"}
        if path.startswith("/stage/"):
            assert json.loads(body)["channels"] == ["dev"]
            return 200, {"post_url": f"{self.url}/files", "form_data": {}, "dist_id": "1"}
        return 200, {}


def test_a_nightly_is_uploaded_under_a_label(folder: Path) -> None:
    server = Anaconda()
    try:
        words = ("build", "recipe", "--upload", "somebody", "--upload-url", server.url)
        suffix = {"VERSION_SUFFIX": "a20261123"}
        done = release(*words, cwd=folder, ANACONDA_API_TOKEN="secret", **suffix)
        assert (done.returncode, done.stderr) == (
            0,
            "benchdb: stack-1.2.0a20261123-0.conda is in somebody/label/dev\n",
        )
        assert server.calls[-1].startswith("POST /commit/somebody/stack/1.2.0a20261123/noarch/")
        words = ("build", recipe_with(folder, "nothing-about-it"), *words[2:])
        bare = release(*words, cwd=folder, ANACONDA_API_TOKEN="secret")
        assert bare.returncode == 0, bare.stderr
        refused = release(*words, cwd=folder, ANACONDA_API_TOKEN="wr0ng")
        lacking = release(*words, cwd=folder, ANACONDA_API_TOKEN="")
    finally:
        server.close()
    for one, why in ((refused, "may the token of"), (lacking, "ANACONDA_API_TOKEN is not set")):
        assert one.returncode == 2
        assert len(one.stderr.splitlines()) == 1
        assert why in one.stderr
        assert "wr0ng" not in one.stderr
