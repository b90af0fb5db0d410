"""Every installed package, by the names of folders."""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path

import pytest

from benchdb.collect.packages import (
    Editable,
    from_json,
    scan,
    scan_key,
    to_json,
)
from benchdb.keys import normalised, package_set
from benchdb.records import Package

pytestmark = pytest.mark.portable


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    return folder


def install(folder, stem, *, metadata=None, direct_url=None, kind="dist-info"):
    info = folder / f"{stem}.{kind}"
    info.mkdir(parents=True)
    if metadata is not None:
        name, version = metadata
        file = "METADATA" if kind == "dist-info" else "PKG-INFO"
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: no header\n"
        (info / file).write_text(text)
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    return info


def packages_of(*folders, prefix=Path("nowhere")):
    return scan([str(folder) for folder in folders], str(prefix))[0]


def editables_of(*folders):
    return scan([str(folder) for folder in folders], "nowhere")[1]


def test_name_and_version_come_from_the_folder_and_no_file_is_needed(site):
    install(site, "Foo_Bar.baz-1.2.3")
    install(site, "nightly-2022.8.1+12.gabc1234")
    install(site, "epoch-1!2.0rc1")
    install(site, "old-3.0-py3.11", kind="egg-info")
    (site / "oldest-0.1-py3.11.egg-info").write_text("")
    assert packages_of(site) == [
        Package("epoch", "1!2.0rc1"),
        Package("foo-bar-baz", "1.2.3"),
        Package("nightly", "2022.8.1+12.gabc1234"),
        Package("old", "3.0"),
        Package("oldest", "0.1"),
    ]


def test_where_the_name_does_not_tell_the_metadata_do(site):
    install(site, "with-dash-1.0", metadata=("with-dash", "1.0"))
    install(site, "escaped-1.0_local", metadata=("escaped", "1.0+local"))
    install(site, "bare", metadata=("Bare", "4.0"), kind="egg-info")
    (site / "file.egg-info").write_text("Name: file\nVersion: 5.0\n")
    install(site, "nothing")
    assert packages_of(site) == [
        Package("bare", "4.0"),
        Package("escaped", "1.0+local"),
        Package("file", "5.0"),
        Package("with-dash", "1.0"),
    ]


def test_the_first_on_the_path_is_the_one_that_is_imported(tmp_path, site):
    install(tmp_path / "first", "foo-2.0")
    install(site, "foo-1.0")
    install(site, "bar-1.0")
    assert packages_of(tmp_path / "first", tmp_path / "missing", site, site) == [
        Package("bar", "1.0"),
        Package("foo", "2.0"),
    ]


def test_what_an_interrupted_upgrade_left_behind_does_not_count(site):
    install(site, "~oo-0.9", metadata=("foo", "0.9"))
    install(site, "foo-1.0")
    install(site, "foo-1.1", metadata=("foo", "1.1"))
    install(site, "foo-1.2")
    assert packages_of(site) == [Package("foo", "1.1")]


def test_an_egg_on_the_path_is_a_package(tmp_path):
    egg = tmp_path / "foo-1.0-py3.11.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    assert packages_of(egg) == [Package("foo", "1.0")]


def test_the_source_names_repository_and_commit_or_archive(site):
    commit = "16c7e42f292c6912e7710c838347ae178b4a16c7"
    vcs = {
        "url": "https://me:hunter2@github.com/dask/dask",
        "vcs_info": {"vcs": "git", "commit_id": commit},
    }
    install(site, "dask-1.0", direct_url=vcs)
    archive = {
        "url": "https://files.org/foo-1.0.zip?token=abc",
        "archive_info": {"hash": "sha256=aa"},
    }
    install(site, "foo-1.0", direct_url=archive)
    wheel = {"url": "file:///home/me/bar-1.0.whl", "archive_info": {"hashes": {"sha256": "bb"}}}
    install(site, "bar-1.0", direct_url=wheel)
    install(site, "built-1.0", direct_url={"url": "file:///build/work", "dir_info": {}})
    install(site, "broken-1.0").joinpath("direct_url.json").write_text("[")
    sources = {package.name: package.source for package in packages_of(site)}
    assert sources == {
        "dask": f"git+https://***@github.com/dask/dask@{commit}",
        "foo": "https://files.org/foo-1.0.zip?token=***#sha256=aa",
        "bar": "bar-1.0.whl#sha256=bb",
        "built": "",
        "broken": "",
    }


def test_an_editable_package_tells_its_folder(tmp_path, site):
    project = tmp_path / "my project"
    direct = {"url": project.as_uri(), "dir_info": {"editable": True}}
    install(site, "foo-1.0", direct_url=direct)
    assert editables_of(site) == [Editable("foo", "1.0", project)]
    assert packages_of(site) == [Package("foo", "1.0", "editable")]


def test_a_developed_egg_is_editable(tmp_path, site):
    install(tmp_path / "src", "Foo", metadata=("Foo", "1.0"), kind="egg-info")
    install(site, "bar", metadata=("bar", "1.0"), kind="egg-info")
    assert editables_of(site, tmp_path / "src") == [Editable("foo", "1.0", tmp_path / "src")]


def test_conda_adds_what_is_no_python_package(tmp_path, site):
    install(site, "msgpack_python-1.0")
    meta = tmp_path / "conda-meta"
    meta.mkdir()
    for name in ("libblas-3.9.0-22_linux64_openblas", "msgpack-python-1.0-py311h_0"):
        (meta / f"{name}.json").write_text("{}")
    (meta / "history").write_text("")
    assert packages_of(site, prefix=tmp_path) == [
        Package("libblas", "3.9.0", "conda"),
        Package("msgpack-python", "1.0"),
    ]


def test_the_packages_of_this_interpreter_are_those_of_importlib_metadata():
    found = {package.name: package.version for package in scan(prefix="nowhere")[0]}
    expected: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        expected.setdefault(normalised(distribution.metadata["Name"]), distribution.version)
    assert found == expected


def upgrade(folder):
    site = folder / "lib" / "site-packages"
    (site / "foo-1.0.dist-info").rename(site / "foo-1.1.dist-info")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: install(folder / "lib" / "site-packages", "new-2.0"),
        upgrade,
        lambda folder: install(folder, "new", metadata=("new", "1"), kind="egg-info"),
        lambda folder: (folder / "bar.egg-info" / "PKG-INFO").write_text("Version: 2\n"),
        lambda folder: (folder / "conda-meta" / "blas-1-0.json").write_text("{}"),
    ],
    ids=["installed", "upgraded", "developed", "developed anew", "conda"],
)
def test_the_key_changes_when_a_package_does(tmp_path, site, change):
    path = [str(tmp_path), str(site)]
    install(site, "foo-1.0")
    install(tmp_path, "bar", metadata=("bar", "1"), kind="egg-info")
    (tmp_path / "conda-meta").mkdir()
    # Long ago, since the file system's clock may not tell two quick changes apart.
    for place in (site, tmp_path / "conda-meta", tmp_path / "bar.egg-info" / "PKG-INFO"):
        os.utime(place, (1, 1))
    before = scan_key(path, str(tmp_path))
    assert scan_key(path, str(tmp_path)) == before
    change(tmp_path)
    assert scan_key(path, str(tmp_path)) != before


def test_the_key_stays_when_a_test_run_writes_into_the_project(tmp_path, site):
    path = [str(tmp_path), str(site)]
    before = scan_key(path, "nowhere")
    (tmp_path / "benchmark.db").write_text("")
    os.utime(tmp_path, ns=(1, 1))
    assert scan_key(path, "nowhere") == before


def test_a_package_set_has_the_key_of_its_content():
    packages = [Package("b", "1"), Package("a", "1"), Package("a", "1", "conda")]
    found = package_set(packages)
    assert found == package_set(reversed(packages))
    assert found.packages == (Package("a", "1"), Package("a", "1", "conda"), Package("b", "1"))
    keys = {package_set([Package("a", "1", source)]).key for source in ("", "x")}
    keys |= {package_set([]).key, package_set([Package("a", "11")]).key, found.key}
    assert len(keys) == 5


def test_a_scan_can_be_kept_as_text(tmp_path):
    packages = [Package("a", "1", "editable"), Package("b", "2")]
    editables = [Editable("a", "1", tmp_path)]
    assert from_json(to_json(packages, editables)) == (packages, editables)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"packages": [[]], "editables": []}', "null"])
def test_a_damaged_cache_is_refused(text):
    with pytest.raises(ValueError, match="no list of packages"):
        from_json(text)
