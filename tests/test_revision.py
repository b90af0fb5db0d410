"""What code is on trial: versions, commits and branches from real git repositories."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from benchdb.collect import checkouts as checkouts_module
from benchdb.collect.checkouts import read_checkouts
from benchdb.collect.packages import Editable
from benchdb.collect.revision import current_packages, read_all, revision, session_branch
from benchdb.records import Package, SubjectRevision

pytestmark = pytest.mark.portable

COMMIT = "16c7e42f292c6912e7710c838347ae178b4a16c7"
COMMITTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Repository:
    """A real git repository with one tracked file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self("init", "--quiet", "--initial-branch=main")

    def __call__(self, *command: str, cwd: Path | None = None) -> str:
        identity = {}
        for who in ("AUTHOR", "COMMITTER"):
            identity[f"GIT_{who}_NAME"] = identity[f"GIT_{who}_EMAIL"] = "me"
            identity[f"GIT_{who}_DATE"] = COMMITTED.isoformat()
        environ = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
        return subprocess.run(
            ["git", "-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false", *command],
            cwd=cwd or self.folder,
            env={**environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()

    def commit(self, text: str = "1", name: str = "code.py") -> str:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)
        self("add", name)
        self("commit", "--quiet", "-m", text)
        return self("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "foo")


def version(folder, metadata="0.5+gold"):
    """Return the run-time version of package foo, installed editable from a folder."""
    return subject(folder, metadata).version


def subject(folder, metadata="0.5+gold"):
    editable = Editable("foo", metadata, folder)
    [found] = revision(folder, [editable], ("foo",), [Package("foo", metadata)]).subjects
    return found


def test_a_clean_tag_is_the_version(repository):
    commit = repository.commit()
    repository("tag", "v2022.8.1")
    assert subject(repository.folder) == SubjectRevision(
        "foo", "2022.8.1", commit, COMMITTED, "main", dirty=False
    )


def test_commits_after_a_tag_are_counted_and_named(repository):
    repository.commit("1")
    repository("tag", "-a", "-m", "first", "2022.8.1")
    repository.commit("2")
    commit = repository.commit("3")
    assert version(repository.folder) == f"2022.8.1+2.g{commit[:10]}"


def test_without_a_tag_the_metadata_say_the_base_and_all_commits_count(repository):
    repository.commit("1")
    repository("tag", "nightly")
    commit = repository.commit("2")
    assert version(repository.folder) == f"0.5+2.g{commit[:10]}"
    assert version(repository.folder, "") == f"0+2.g{commit[:10]}"


def test_changed_tracked_files_make_it_dirty(repository):
    commit = repository.commit()
    repository("tag", "v1.0")
    (repository.folder / "code.py").write_text("changed")
    assert subject(repository.folder).dirty is True
    assert version(repository.folder) == f"1.0+0.g{commit[:10]}.dirty"


def test_a_staged_new_file_and_a_rename_make_it_dirty(repository):
    repository.commit()
    repository("mv", "code.py", "renamed.py")
    assert subject(repository.folder).dirty is True
    repository("commit", "-qm", "renamed")
    assert subject(repository.folder).dirty is False
    (repository.folder / "new.py").write_text("")
    repository("add", "new.py")
    assert subject(repository.folder).dirty is True


def test_untracked_files_and_the_database_do_not_make_it_dirty(repository):
    repository.commit("rows", "data/benchmark.db")
    repository.commit("rows", "mine.sqlite")
    for name in ("untracked.py", "data/benchmark.db", "data/benchmark.db-wal", "mine.sqlite"):
        (repository.folder / name).write_text("more rows")
    database = repository.folder / "mine.sqlite"
    [found] = read_checkouts([repository.folder], database).values()
    assert found.dirty is False
    [found] = read_checkouts([repository.folder]).values()
    assert found.dirty is True


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("1.0.0rc1", "1.0.0rc1"),
        ("v1.0-rc1", "1.0-rc1"),
        ("foo-1.0", "1.0+0.gHASH"),
        ("release/v1.0", "1.0+0.gHASH"),
        ("rel_2_0_30", "2.0.30+0.gHASH"),
        ("other-1.0", "0.5+gHASH"),
        ("2.0+cu118", "2.0+cu118"),
        ("x2", "0.5+gHASH"),
    ],
)
def test_a_tag_gives_the_version_that_it_names(repository, tag, expected):
    commit = repository.commit()
    repository("tag", tag)
    assert version(repository.folder) == expected.replace("HASH", commit[:10])


def test_a_local_version_gets_no_second_plus(repository):
    repository.commit("1")
    repository("tag", "2.0+cu118")
    commit = repository.commit("2")
    assert version(repository.folder) == f"2.0+cu118.1.g{commit[:10]}"


def test_no_two_commits_look_the_same(repository):
    """Branches, a merge, tags of several packages and forms: each commit has its own version."""
    tags = {2: ["v1.0"], 4: ["foo-1.0"], 5: ["other-1.0", "nightly"], 8: ["v1.1"], 9: ["1_1"]}
    commits = []
    for number in range(11):
        if number in (3, 6):
            repository("switch", "--quiet", "-c", f"side{number}", commits[0])
        commits.append(repository.commit(str(number), f"file{number}"))
        for tag in tags.get(number, ()):
            repository("tag", tag)
    repository("merge", "--quiet", "--no-ff", "-m", "merge", "side3")
    commits.append(repository("rev-parse", "HEAD"))
    versions = set()
    for commit in commits:
        repository("checkout", "--quiet", "--detach", commit)
        versions.add(version(repository.folder))
    assert len(versions) == len(set(commits)) == 12


def test_a_detached_head_has_a_commit_and_the_ci_tells_the_branch(repository):
    commit = repository.commit()
    repository("checkout", "--quiet", "--detach")
    assert subject(repository.folder).commit == commit
    assert subject(repository.folder).branch is None
    ci = {"GITHUB_ACTIONS": "true", "GITHUB_HEAD_REF": "faster"}
    assert session_branch(repository.folder, {}) is None
    assert session_branch(repository.folder, ci) == "faster"
    repository("switch", "--quiet", "main")
    assert session_branch(repository.folder, ci) == "main"


def test_outside_of_a_repository_the_metadata_hold(tmp_path):
    assert read_checkouts([tmp_path]) == {}
    assert subject(tmp_path, "0.5") == SubjectRevision("foo", "0.5")
    assert session_branch(tmp_path, {}) is None


def test_before_the_first_commit_there_is_a_branch_and_no_more(repository):
    assert subject(repository.folder, "0.5") == SubjectRevision("foo", "0.5", branch="main")


def test_shallow_clones_name_the_commit_alike_however_shallow(repository, tmp_path):
    for text in "123":
        commit = repository.commit(text)
    for depth in (1, 2):
        clone = tmp_path / f"clone{depth}"
        repository("clone", "--quiet", f"--depth={depth}", repository.folder.as_uri(), str(clone))
        assert version(clone) == f"0.5+g{commit[:10]}"


def test_a_linked_worktree_is_a_checkout_of_its_own(repository, tmp_path):
    repository.commit("1")
    repository("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "tree"))
    (repository.folder / "code.py").write_text("changed")
    found = subject(tmp_path / "tree")
    assert (found.branch, found.dirty) == ("side", False)
    # Unnamed projects are named by the repository, so that bisecting in a worktree is one series.
    [found] = revision(tmp_path / "tree", [], None, []).subjects
    assert found.name == "foo"


def test_a_submodule_is_a_checkout_and_its_own_untracked_files_soil_nobody(repository, tmp_path):
    commit = repository.commit("1")
    outer = Repository(tmp_path / "outer")
    outer("submodule", "--quiet", "add", repository.folder.as_uri(), "sub")
    outer("commit", "-qm", "with submodule")
    (outer.folder / "sub" / "untracked").write_text("")
    assert subject(outer.folder / "sub").commit == commit
    assert subject(outer.folder).dirty is False
    (outer.folder / "sub" / "code.py").write_text("changed")
    assert subject(outer.folder).dirty is True


def test_the_variables_of_a_hook_do_not_mislead(repository, tmp_path, monkeypatch):
    commit = repository.commit("1")
    other = Repository(tmp_path / "other")
    other.commit("other")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.folder))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.folder / ".git" / "index"))
    assert subject(repository.folder).commit == commit
    assert subject(repository.folder).dirty is False


@pytest.mark.parametrize("packed", [False, True])
def test_without_git_the_commit_is_still_read(repository, tmp_path, monkeypatch, packed):
    commit = repository.commit("1")
    repository("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "tree"))
    repository("tag", "v1.0")
    if packed:
        repository("pack-refs", "--all")
    monkeypatch.setenv("PATH", str(tmp_path))
    for folder, branch in ((repository.folder, "main"), (tmp_path / "tree", "side")):
        assert subject(folder) == SubjectRevision(
            "foo", f"0.5+g{commit[:10]}", commit, branch=branch, dirty=None
        )


def test_a_repository_of_another_owner_still_names_its_commit(repository, monkeypatch):
    commit = repository.commit("1")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setattr(
        checkouts_module, "git_environment", lambda environ: {**environ, "GIT_CONFIG_GLOBAL": ""}
    )
    found = subject(repository.folder)
    assert (found.commit, found.branch, found.dirty) == (commit, "main", None)


def test_a_git_that_hangs_is_not_waited_for(repository, tmp_path, monkeypatch):
    commit = repository.commit("1")
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexec sleep 600\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    [found] = read_checkouts([repository.folder], timeout=0.1).values()
    assert (found.commit, found.branch, found.dirty) == (commit, "main", None)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="groups of processes are POSIX's")
def test_what_a_hanging_git_has_started_ends_with_it(repository, tmp_path, monkeypatch):
    """Filters, hooks and helpers that ask for credentials are processes of their own."""
    repository.commit("1")
    fake, pids = tmp_path / "bin" / "git", tmp_path / "pids"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\nsleep 600 &\necho $! >> {pids}\nwait\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    read_checkouts([repository.folder], timeout=2)

    started = pids.read_text().split()
    assert started
    for pid in started:
        while psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != "zombie":
            pass


def test_a_commit_of_an_impossible_time_has_no_time(repository, tmp_path):
    repository.commit("1")
    seconds = str(int(COMMITTED.timestamp()))
    raw = repository("cat-file", "commit", "HEAD").replace(seconds, "999999999999999")
    (tmp_path / "raw").write_text(f"{raw}\n")
    commit = repository("hash-object", "-t", "commit", "-w", "--literally", str(tmp_path / "raw"))
    repository("update-ref", "HEAD", commit)
    found = subject(repository.folder)
    assert (found.commit, found.committed) == (commit, None)


def test_a_folder_that_the_repository_does_not_track_has_no_commit(repository):
    repository.commit("1", "inside/code.py")
    (repository.folder / "mine").mkdir()
    assert subject(repository.folder / "mine", "0.5") == SubjectRevision("foo", "0.5")
    assert subject(repository.folder / "inside").commit is not None


def test_by_default_the_project_and_every_editable_package_are_subjects(repository, tmp_path):
    commit = repository.commit('[project]\nname = "The.Project"\n', "pyproject.toml")
    other = Repository(tmp_path / "other")
    other.commit()
    editables = [Editable("other", "1.0", other.folder)]
    packages = [Package("other", "1.0"), Package("pytest", "9.0"), Package("the-project", "3.0")]
    found = revision(repository.folder, editables, None, packages)
    assert [subject.name for subject in found.subjects] == ["other", "the-project"]
    assert found.subjects[1].version == f"3.0+1.g{commit[:10]}"


def test_a_project_that_is_installed_editable_is_one_subject(repository):
    repository.commit('[tool.x]\n[project]\nname = "foo"\n[tool.y]\n', "pyproject.toml")
    editables = [Editable("foo", "1.0", repository.folder / "src")]
    (repository.folder / "src").mkdir()
    found = revision(repository.folder, editables, None, [Package("foo", "1.0")])
    assert [subject.name for subject in found.subjects] == ["foo"]


def test_a_project_without_a_name_is_called_by_its_folder(repository, tmp_path):
    repository.commit()
    assert [s.name for s in revision(repository.folder, [], None, []).subjects] == ["foo"]
    editables = [Editable("bar", "1.0", repository.folder)]
    assert [s.name for s in revision(repository.folder, editables, None, []).subjects] == ["bar"]
    (tmp_path / "alone").mkdir()
    assert revision(tmp_path / "alone", [], None, []).subjects == ()


def test_a_project_outside_of_git_is_a_subject_by_its_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text('project = {name = "foo", version = "1.0"}\n')
    assert revision(tmp_path, [], None, []).subjects == (SubjectRevision("foo", "1.0"),)


def test_the_settings_name_the_subjects(repository):
    repository.commit('[project]\nname = "foo"\n', "pyproject.toml")
    packages = [Package("dask", "2022.8.1+12.gabc1234")]
    found = revision(repository.folder, [], ("Dask", "not-installed"), packages)
    assert [subject.name for subject in found.subjects] == ["dask"]


@pytest.mark.parametrize(
    ("package", "commit", "dirty"),
    [
        (Package("a", "2022.8.1+12.gabc1234"), "abc1234", False),
        (Package("a", "2022.8.1+gabc1234"), "abc1234", False),
        (Package("a", "2022.8.1+12.gabc1234.dirty"), "abc1234", True),
        (Package("a", "1.0.dev3+gabc1234.d20260102"), "abc1234", True),
        (Package("a", "1.0", f"git+https://github.com/a/a@{COMMIT}"), COMMIT, False),
        (Package("a", "1.0"), None, None),
        (Package("a", "1.0+cu118"), None, None),
        (Package("a", "1.0+good"), None, None),
    ],
)
def test_the_commit_of_an_installed_subject_comes_from_source_or_version(package, commit, dirty):
    [found] = revision(Path("nowhere"), [], ("a",), [package]).subjects
    assert found == SubjectRevision("a", package.version, commit, dirty=dirty)


def test_the_key_of_a_revision_is_its_content(repository):
    repository.commit("1")
    first = revision(repository.folder, [], None, [])
    assert first == revision(repository.folder, [], None, [])
    repository.commit("2")
    assert revision(repository.folder, [], None, []).key != first.key


def test_editable_packages_stand_in_the_package_set_with_their_current_version(repository):
    commit = repository.commit()
    editables = [Editable("foo", "0.5", repository.folder)]
    packages = [Package("bar", "1.0"), Package("foo", "0.5", "editable")]
    checkouts = read_all(repository.folder, editables)
    assert current_packages(packages, editables, checkouts) == [
        Package("bar", "1.0"),
        Package("foo", f"0.5+1.g{commit[:10]}", "editable"),
    ]
