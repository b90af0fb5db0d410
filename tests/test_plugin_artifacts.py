"""``test_run_benchmark.attach``: what is kept, what is refused, and that no test hears of it."""

from __future__ import annotations

import os
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from benchdb.plugin.artifacts import ArtifactFolder

if TYPE_CHECKING:
    from pathlib import Path

    from suites import Suite

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a matter of POSIX")


def test_the_database_is_never_opened_for_an_attachment(suite: Suite) -> None:
    # That would drop the locks that SQLite holds on it.
    suite.write(
        """
        import builtins, os, pytest, shutil, zipfile

        @pytest.fixture
        def opened(monkeypatch):
            names = []
            real = builtins.open, os.open
            for module, name in (builtins, "open"), (os, "open"), (__import__("io"), "open"):
                def noting(path, *rest, _real=getattr(module, name), **more):
                    names.append(os.path.basename(os.fsdecode(path)) if path == str(path) or
                                 hasattr(path, "__fspath__") else "")
                    return _real(path, *rest, **more)
                monkeypatch.setattr(module, name, noting)
            return names

        def test_one(test_run_benchmark, pytestconfig, opened, tmp_path):
            root = pytestconfig.rootpath
            for suffix in ("", "-wal", "-shm"):
                assert (root / f"benchmark.db{suffix}").exists()
                test_run_benchmark.attach("mine", root / f"benchmark.db{suffix}")
            (tmp_path / "link").symlink_to(root / "benchmark.db")
            test_run_benchmark.attach("mine", tmp_path / "link")
            (root / "notes.txt").write_text("kept")
            test_run_benchmark.attach("all", root)
            assert "notes.txt" in opened
            assert not [name for name in opened if name.startswith("benchmark.db")]
        """
    )
    done = suite.run("--benchmark", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)
    for name in ("benchmark.db", "benchmark.db-wal", "benchmark.db-shm", "link"):
        done.stdout.fnmatch_lines([f"*{name} was not attached: it is the database*"])
    ((kind, url),) = suite.query("select kind, url from artifact")
    assert kind == "all"
    with zipfile.ZipFile(suite.folder / url) as archive:
        names = archive.namelist()
    assert {"notes.txt", "test_suite.py"} <= set(names)
    assert not [name for name in names if name.startswith("benchmark")]


def test_files_of_one_name_are_all_kept(suite: Suite) -> None:
    suite.write(
        """
        def test_one(test_run_benchmark, tmp_path):
            for folder in ("a", "b", "c"):
                (tmp_path / folder).mkdir()
                (tmp_path / folder / "log.txt").write_text(folder)
                test_run_benchmark.attach("log", tmp_path / folder / "log.txt")
        """
    )
    suite.run("--benchmark").assert_outcomes(passed=1)
    artifacts = suite.query("select name, url from artifact order by name")
    assert [name for name, _ in artifacts] == ["2-log.txt", "3-log.txt", "log.txt"]
    assert sorted((suite.folder / url).read_text() for _, url in artifacts) == ["a", "b", "c"]


def test_workers_that_run_one_test_at_once_keep_files_of_their_own(tmp_path: Path) -> None:
    folder = ArtifactFolder(tmp_path / "artifacts", tmp_path / "benchmark.db", tmp_path, "uid")
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: folder.new_file("test.py::test", "log.txt"), range(200)))
    assert len(set(paths)) == 200
    assert all(path.exists() for path in paths)


@POSIX
def test_what_can_not_be_kept_is_a_line_in_the_summary(suite: Suite) -> None:
    (suite.folder / "taken").write_text("a file where the folder should be")
    suite.write(
        """
        import os

        class Wild:
            def __str__(self): raise RuntimeError

        def test_one(test_run_benchmark, tmp_path):
            (tmp_path / "log.txt").write_text("x")
            os.mkfifo(tmp_path / "pipe")
            files = tmp_path / "log.txt", tmp_path / "pipe"
            for given in (*files, "/dev/zero", "", "a\\0b", Wild()):
                test_run_benchmark.attach("log", given)
        """
    )
    done = suite.run("--benchmark", "--benchmark-artifacts=taken")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(
        [
            "test_suite.py::test_one: */log.txt was not attached: Not a directory: */taken/*",
            "*/pipe was not attached: it is neither a file nor a folder",
            "*/dev/zero was not attached: it is neither a file nor a folder",
            "*'' was not attached: it names no file",
            "*a?b was not attached: embedded null byte",
            "*Wild object* was not attached: No such file or directory",
        ]
    )
    assert suite.runs("state") == ["closed"]
    assert suite.query("select count(*) from artifact") == [0]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="a file that can't be read by anybody")
def test_a_copy_that_fails_leaves_no_part_of_it(suite: Suite) -> None:
    suite.write(
        """
        def test_one(test_run_benchmark):
            test_run_benchmark.attach("memory", "/proc/self/mem")
        """
    )
    done = suite.run("--benchmark")
    done.stdout.fnmatch_lines(["*/proc/self/mem was not attached: Input/output error*"])
    assert [
        path for path in (suite.folder / "benchmark-artifacts").rglob("*") if path.is_file()
    ] == []
