"""``benchdb release check`` and ``env``: an environment, and files of one, against a recipe."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conda_channels import Stub, make_channel, module_stub, python_stub, release
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

from benchdb.release.environments import on_pypi
from benchdb.release.requirements import normalized
from benchdb.report.fields import FIELDS
from benchdb.report.schemas import RELEASE_CHECK

pytest.importorskip("rattler", reason="releases need the extra `release`")
pytest.importorskip("rattler_build", reason="releases need the extra `release`")
pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the stub of Python is a link to the interpreter"
)

ROOT = Path(__file__).parents[1]

#: Where nothing listens.
NOBODY = "http://127.0.0.1:9"

#: Says what a client of Dask would; the tests' files beside it say what differs.
DISTRIBUTED = """
import atexit, json, pathlib

print("{}")
atexit.register(print, "bye")

class LocalCluster:
    def __init__(self, **_): pass
    def __enter__(self): return self
    def __exit__(self, *_): pass

class Client(LocalCluster):
    def __init__(self, _): pass
    def wait_for_workers(self, _): pass
    def submit(self, function, *given): return Result(function(*given))
    def get_versions(self):
        packages = {"dask": "2026.8.0", "distributed": "2026.8.0", "msgpack": "1.2", "lz4": None}
        more = pathlib.Path(__file__).with_name("worker.json")
        workers = {**packages, **(json.loads(more.read_text()) if more.exists() else {})}
        said = {"host": {}, "packages": packages}
        return {"client": said, "scheduler": said, "workers": {"a": {"packages": workers}}}

class Result:
    def __init__(self, value): self.value = value
    def result(self): return self.value
"""

RECIPE = """\
package: {name: stack, version: 1.2.0}
build: {number: 3, noarch: generic}
requirements:
  run:
    - python >=3.11
    - dask ==2026.8.0   # moves together with distributed
    - distributed ==2026.8.0
    - msgpack-python ==1.2
test: {imports: [dask, distributed]}
"""

STACK = (
    python_stub(),
    module_stub("dask", "2026.8.0"),
    module_stub("dask", "2026.9.0"),
    module_stub("dask", "2026.9.1"),
    module_stub("dask", "2026.10.0a261122"),
    Stub("tzdata", "2025b"),
    module_stub("distributed", "2026.8.0", DISTRIBUTED, "dask ==2026.8.0"),
    module_stub("distributed", "2026.9.0", DISTRIBUTED, "dask ==2026.9.0"),
    Stub("msgpack-python", "1.2"),
)


class Releases:
    """A folder with a channel, a recipe, and an environment of what it builds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_channel(folder / "channel", *STACK)
        (folder / "recipe").mkdir()
        (folder / "recipe/meta.yaml").write_text(RECIPE)
        self.run("build", "recipe", "-o", "dist")
        self.run("install", "stack", "prefix", "-c", "dist", "-c", "channel")

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        done = release(*arguments, cwd=self.folder)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code < 2 else done.stderr

    def checked(self, *arguments: str, recipe: str = "recipe", code: int = 0) -> dict[str, dict]:
        """Return what `check` says, by package and by what it looked at."""
        given = ("check", "prefix", "--recipe", recipe, "--format", "json", *arguments)
        content = json.loads(self.run(*given, code=code))
        assert content["passed"] is (code == 0)
        fields = set(content)
        for part in ("pins", "findings"):
            fields |= {f"{part}[].{name}" for name in content[part][0]}
        assert fields == set(FIELDS[RELEASE_CHECK])
        pins = {one["package"]: one for one in content["pins"]}
        return pins | {f"{one['what']}: {one['said']}": one for one in content["findings"]}

    def recipe(self, name: str, old: str, new: str) -> str:
        """Write another recipe, and return its name."""
        assert old in RECIPE
        (self.folder / name).mkdir()
        (self.folder / name / "meta.yaml").write_text(RECIPE.replace(old, new))
        return name

    @property
    def site(self) -> Path:
        return next(self.folder.glob("prefix/lib/python3*/site-packages"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(tmp_path_factory.mktemp("releases"))


@pytest.fixture
def releases(made: Releases, tmp_path: Path) -> Releases:
    """A copy that a test may break."""
    shutil.copytree(made.folder, tmp_path / "it", symlinks=True)
    copied = object.__new__(Releases)
    copied.folder = tmp_path / "it"
    return copied


def test_an_environment_is_as_its_recipe_says(made: Releases) -> None:
    said = made.run("check", "prefix", "--recipe", "recipe", "-c", "channel")
    assert said.startswith("stack 1.2.0 in prefix: as it should be\n")
    assert "client, scheduler and workers agree on 4 packages" in said
    assert "all 2 work" in said
    # It lags behind, which is named and no failure; nightlies are no releases.
    assert re.search(r"note +dask +==2026.8.0 +2026.8.0 +2026.9.1 +2 behind 2026.9.1", said)
    assert re.search(r"note +distributed .* 1 behind 2026.9.0", said)
    assert "261122" not in said


def test_a_pin_that_is_not_installed_or_another_version_is_named(made: Releases) -> None:
    old = "    - msgpack-python ==1.2\n"
    missing = made.recipe("missing", old, f"{old}    - zict\n")
    assert made.checked("--no-cluster", recipe=missing, code=1)["zict"]["said"] == "not installed"
    other = made.recipe("other", "- dask ==2026.8.0", "- dask ==2026.9.0")
    found = made.checked("--no-cluster", "-c", "channel", recipe=other, code=1)
    assert (found["dask"]["grade"], found["dask"]["said"]) == (
        "no",
        "2026.8.0 is installed; 1 behind 2026.9.1",
    )
    gone = made.recipe("gone", "msgpack-python ==1.2", "msgpack-python ==1.1")
    found = made.checked("--no-cluster", "-c", "channel", recipe=gone, code=1)
    assert "no channel has that version" in found["msgpack-python"]["said"]


def test_what_pip_changed_behind_condas_back_is_named(releases: Releases) -> None:
    (releases.site / "dask-2026.8.0.dist-info").rename(releases.site / "dask-7.dist-info")
    metadata = "Metadata-Version: 2.1\nName: dask\nVersion: 7\n"
    (releases.site / "dask-7.dist-info/METADATA").write_text(metadata)
    (releases.site / "dask/__init__.py").write_text("1 / 0")
    found = releases.checked(code=1)
    assert found["dask"]["said"] == "Python sees 7, conda installed 2026.8.0"
    assert "import: dask can't be imported: ZeroDivisionError: division by zero" in found


def test_versions_that_differ_or_are_not_pinned_are_named(releases: Releases) -> None:
    worker = {"msgpack": "1.1", "tornado": "6.6"}
    (releases.site / "distributed/worker.json").write_text(json.dumps(worker))
    found = releases.checked(code=1)
    assert "cluster: msgpack differs: client 1.2, scheduler 1.2, worker 0 1.1" in found
    said = "is compared by Client.get_versions(), and the recipe doesn't pin it"
    assert f"cluster: tornado {said}" in found


def test_a_folder_that_is_no_environment_is_a_wrong_call(made: Releases) -> None:
    said = made.run("check", "channel", "--recipe", "recipe", code=2)
    assert said == "benchdb: channel is no environment of conda's: name one's folder\n"


def test_what_conda_and_python_name_or_write_otherwise_is_held_together(
    releases: Releases,
) -> None:
    """Names with _ and -, versions that are none to conda, the machine's packages, builds."""
    make_channel(
        releases.folder / "odd",
        module_stub("typing_extensions", "4.1"),
        module_stub("odd_version", "1.0"),
        module_stub("by_pip_alone", "1.0"),
        module_stub("noisy", "1.0", "print('benchdb-probe: []')"),
    )
    names = ("typing_extensions", "odd_version", "by_pip_alone", "noisy")
    releases.run("install", *names, "prefix", "-c", "odd", "-c", "channel")
    for name, version in (("typing_extensions", "9.9"), ("odd_version", "1.0-garbage!!")):
        (path,) = releases.site.glob(f"{name}-*/METADATA")
        path.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (record,) = releases.folder.glob("prefix/conda-meta/by_pip_alone-*.json")
    record.unlink()
    (releases.folder / "recipe/meta.yaml").write_text(
        """\
package: {name: stack, version: 1.2.0}
requirements:
  run: [typing_extensions ==4.1, odd_version, by_pip_alone ==1.0, noisy 1.0 other_*,
        __unix, __linux >=9999]
test: {imports: [noisy]}
"""
    )
    found = releases.checked("--no-cluster", "-c", "odd", code=1)
    assert {name: found[name]["said"] for name in (*names, "__unix")} == {
        "typing_extensions": "Python sees 9.9, conda installed 4.1",
        "odd_version": "Python sees 1.0-garbage!!, conda installed 1.0",
        "by_pip_alone": "installed by pip",
        "noisy": "1.0 0 is installed; no channel has that build",
        "__unix": "",
    }
    assert found["__linux"]["grade"] == "no"
    assert re.fullmatch(r"this machine has none|[\d.]+ is this machine's", found["__linux"]["said"])
    assert "imports: all 1 work" in found


class Index(BaseHTTPRequestHandler):
    """An index that has a newer dask than any channel."""

    def do_GET(self) -> None:
        name = self.path.strip("/").rpartition("/")[2]
        self.send_response(200 if name == "dask" else 404)
        self.end_headers()
        if name == "dask":
            self.wfile.write(json.dumps({"versions": ["2026.8.0", "2026.9.2"]}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_on_pypi_alone_is_named_and_no_failure(made: Releases, index: str) -> None:
    found = made.checked("--no-cluster", "-c", "channel", "--index", index)
    assert found["dask"]["grade"] == "note"
    assert found["dask"]["said"].endswith("; 2026.9.2 is on PyPI, not in the channel yet")
    said = made.run("check", "prefix", "--recipe", "recipe", "--index", NOBODY, code=2)
    assert said.startswith("benchdb: the index http://127.0.0.1:9 doesn't answer")


# -- files of an environment


def test_files_for_conda_pip_and_coiled_have_the_pins(made: Releases) -> None:
    def written(*arguments: str) -> str:
        return made.run("env", "recipe", *arguments)

    assert written("--add", "pytest >=8", "--without", "msgpack-python") == (
        "name: stack\nchannels:\n- conda-forge\ndependencies:\n- python >=3.11\n"
        "- dask ==2026.8.0\n- distributed ==2026.8.0\n- pytest >=8\n"
    )
    assert written("--upstream", "-c", "conda-forge", "--for", "coiled", "--name", "Stack 1.2") == (
        "name: stack-1-2\nconda:\n  channels:\n  - dask/label/dev\n  - conda-forge\n"
        "  dependencies:\n  - python >=3.11\n  - dask/label/dev::dask\n"
        "  - dask/label/dev::distributed\n  - msgpack-python ==1.2\n"
    )
    assert written("--for", "pip") == (
        "# python >=3.11: not a package of PyPI's\ndask==2026.8.0\ndistributed==2026.8.0\n"
        "msgpack==1.2\n"
    )


def test_the_environment_of_this_repository_is_current_and_can_be_solved(
    made: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("environment", ROOT / "ci/environment.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.main("--check") == 0

    lines = script.FILE.read_text("utf-8").partition("dependencies:\n")[2].splitlines()
    wanted = [line.removeprefix("- ") for line in lines]
    assert any(line.startswith("pytest >=") for line in wanted)
    stubs = as_installed(wanted)
    (dask,) = (one for one in stubs if one.name == "dask")
    if dask.version == metadata.version("dask"):
        assert any(one.startswith("pyyaml >=") for one in dask.depends)
    make_channel(made.folder / "everything", *stubs)
    (made.folder / "whole").mkdir()
    text = "package: {name: whole, version: 1}\nrequirements:\n  run:\n"
    (made.folder / "whole/meta.yaml").write_text(
        text + "".join(f"    - {line}\n" for line in wanted)
    )
    made.run("solve", "whole", "-c", "everything")


def as_installed(wanted: list[str]) -> list[Stub]:
    """Return packages for some requirements, which require what the installed ones do.

    What isn't installed in the version that is pinned, requires nothing.
    """
    of_conda = {normalized(on_pypi(line.split()[0]) or line): line.split()[0] for line in wanted}
    python = ".".join(map(str, sys.version_info[:3]))
    stubs = [Stub("python", python), Stub("pip", "26.0")]
    left, seen = [*wanted], {"python", "pip"}
    while left:
        name, _, versions = left.pop(0).partition(" ")
        if name in seen:
            continue
        seen.add(name)
        try:
            here = metadata.distribution(on_pypi(name) or name)
        except metadata.PackageNotFoundError:
            stubs.append(Stub(name, re.sub(r"^[=<>!~]+|,.*", "", versions) or "1"))
            continue
        pinned = versions.removeprefix("==") if versions.startswith("==") else here.version
        depends = []
        for requirement in map(Requirement, here.requires or () if pinned == here.version else ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                named = normalized(requirement.name)
                limits = ",".join(sorted(map(str, requirement.specifier)))
                depends.append(f"{of_conda.get(named, named)} {limits}".strip())
        left += depends
        stubs.append(Stub(name, pinned, tuple(depends)))
    return stubs


# -- newer pins


def test_newer_pins_are_those_that_can_be_installed_together(releases: Releases) -> None:
    said = releases.run("bump", "recipe", "-c", "channel")
    # dask 2026.9.1 has no distributed yet.
    assert "+    - dask ==2026.9.0   # moves together with distributed\n" in said
    assert "+    - distributed ==2026.9.0\n" in said
    text = (releases.folder / "recipe/meta.yaml").read_text()
    assert text == (
        RECIPE.replace("2026.8.0", "2026.9.0").replace("1.2.0", "1.2.1").replace("r: 3", "r: 0")
    )
    assert "nothing to do" in releases.run("bump", "recipe", "-c", "channel")


def test_a_dry_run_and_a_conflict_change_nothing(releases: Releases) -> None:
    before = (releases.folder / "recipe/meta.yaml").read_text()
    assert "+" in releases.run("bump", "recipe", "-c", "channel", "--dry-run", "--version", "2.0")
    said = releases.run("bump", "recipe", "-c", "channel", "--python", "2.7", code=1)
    assert "python 2.7.*, for which no candidates were found" in said
    assert (releases.folder / "recipe/meta.yaml").read_text() == before


def test_pins_that_are_set_by_names_are_bumped_in_both_files(releases: Releases) -> None:
    shutil.rmtree(releases.folder / "recipe")
    (releases.folder / "recipe").mkdir()
    text = """\
context:
  release: "1.9"
  version: ${{ release ~ env.get("VERSION_SUFFIX", default="") }}
  dask: ${{ env.get("DASK_VERSION", default="2026.8.0") }}
package:
  name: stack
  version: ${{ version }}
requirements:
  run:
    - python
    - dask ==${{ dask }}
    - distributed ==${{ dask }}
"""
    source = releases.folder / "recipe/recipe.yaml"
    source.write_text(text)
    source.with_name("meta.yaml").touch()
    releases.run("bump", "recipe", "-c", "channel")
    assert source.read_text() == text.replace("2026.8.0", "2026.9.0").replace("1.9", "1.10")
    generated = source.with_name("meta.yaml").read_text()
    assert '{% set dask = environ.get("DASK_VERSION", "2026.9.0") %}' in generated
    said = releases.run("bump", "recipe", "-c", "channel", "--package", "numpy", code=2)
    assert "pins no one version of 'numpy'" in said


def test_a_feedstock_gets_version_pins_and_checksum(releases: Releases) -> None:
    fork = releases.folder / "fork/recipe"
    fork.mkdir(parents=True)
    (releases.folder / "stack.tar.gz").write_bytes(b"archive")
    (fork / "meta.yaml").write_text(
        """\
{% set version = "1.1.0" %}
{% set sha256 = "%s" %}

package:
  name: stack
  version: {{ version }}
source:
  url: https://127.0.0.1:9/stack-{{ version }}.tar.gz
  sha256: {{ sha256 }}
build:
  number: 2  # rebuilt
  noarch: generic
requirements:
  run:
    - python >=3.10
    - dask ==2025.1.0

test:
  imports: [dask]
""".replace("%s", "0" * 64)
    )
    said = releases.run("bump", "recipe", "--feedstock", "fork", code=2)
    assert "https://127.0.0.1:9/stack-1.2.0.tar.gz can't be read" in said
    releases.run("bump", "recipe", "--feedstock", "fork", "--archive", "stack.tar.gz")
    text = (fork / "meta.yaml").read_text()
    assert '{% set version = "1.2.0" %}' in text
    digest = hashlib.sha256(b"archive").hexdigest()
    assert f'{{% set sha256 = "{digest}" %}}\n' in text
    assert "  sha256: {{ sha256 }}\n" in text
    assert "  number: 0  # rebuilt\n" in text
    assert "    - msgpack-python ==1.2\n\ntest:\n" in text
    assert "2025.1.0" not in text
