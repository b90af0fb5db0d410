"""A plain folder as a remote: what is special about it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mortals import mortals

from benchdb.errors import UnreachableHistory, UnusableHistory
from benchdb.locks import ProcessLock
from benchdb.sync.folder import Folder
from benchdb.sync.probe import probe

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = os.urandom(3_000_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "history"


@pytest.fixture
def folder(root: Path) -> Folder:
    return Folder(root)


def names(folder: Folder) -> list[str]:
    return sorted(one.name for one in folder.list(""))


def parts(root: Path) -> list[Path]:
    return list((root / ".benchdb").glob("*.part"))


def test_reading_a_folder_that_is_not_there_makes_none(folder: Folder, root: Path):
    assert folder.read("manifest.json") is None
    assert names(folder) == []
    folder.delete(["manifest.json"])
    assert not root.exists()


def test_a_folder_passes_the_probe_and_keeps_nothing_of_it(folder: Folder, root: Path):
    probe(folder)
    assert names(folder) == []
    assert parts(root) == []


def test_an_etag_is_the_checksum_of_the_bytes(folder: Folder):
    folder.put_new("a", b"1")
    assert folder.etag("a") == hashlib.sha256(b"1").hexdigest()


# -- killed at any moment

_KILLED = """
import io, os, resource, signal, sys
from pathlib import Path
from benchdb.sync.folder import Folder

def act(root, action, last, body):
    folder, calls = Folder(Path(root)), 0
    new = bytes(reversed(Path(body).read_bytes()))

    def count(frame, event, function):
        nonlocal calls
        if event == "c_call" and (
            getattr(function, "__module__", "") in {"posix", "io", "fcntl"}
            or isinstance(getattr(function, "__self__", None), io.IOBase)
        ):
            calls += 1
            if calls == last:
                os.kill(os.getpid(), 9)

    etag = folder.etag("a")
    if last < 0:  # in the middle of writing a file, after so many bytes
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (-last, -last))
    sys.setprofile(count)
    folder.put_new("sessions/new", new) if action == "put_new" else folder.replace("a", new, etag)
    sys.setprofile(None)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize("action", ["put_new", "replace"])
def test_whoever_is_killed_at_whatever_moment_leaves_no_half_object(tmp_path: Path, action: str):
    body = tmp_path / "body"
    body.write_bytes(BODY)
    name = "sessions/new" if action == "put_new" else "a"
    old, new = (None if action == "put_new" else BODY), BODY[::-1]
    seen = set()
    with mortals(_KILLED, tmp_path) as call:
        for last in (-1, -1_500_000, -len(BODY) + 1, *range(1, 500)):
            root = tmp_path / str(last)
            folder = Folder(root)
            folder.put_new("a", BODY)
            code = call(root, action, last, body)

            got = folder.read(name)
            found = got and got.body
            assert found in {old, new}
            assert names(folder) == sorted({"a", *([name] if found else [])})
            seen.add(found)
            # The next one is not held up by it.
            if action == "put_new":
                assert folder.put_new(name, new) == (found is None)
            else:
                etag = hashlib.sha256(found or b"").hexdigest()
                assert folder.replace(name, b"next", etag)
            if code == 0:
                break
            assert code == (-9 if last > 0 else -signal.SIGXFSZ)
            shutil.rmtree(root)
        else:
            pytest.fail("it never came to its end")
    assert seen == {old, new}
    assert last > 20


def test_what_the_dead_left_is_ignored_and_removed_after_an_hour(folder: Folder, root: Path):
    folder.put_new("a", b"1")
    left, at_work = root / ".benchdb/left.part", root / ".benchdb/at-work.part"
    for path, age in ((left, 3700), (at_work, 3000)):
        path.write_bytes(b"half")
        then = time.time() - age
        os.utime(path, (then, then))
    assert names(folder) == ["a"]
    folder.put_new("b", b"1")
    assert parts(root) == [at_work]


def test_nothing_is_left_of_what_was_written_in_vain(folder: Folder, root: Path):
    folder.replace("a", b"1", None)
    assert not folder.replace("a", b"2", None)
    assert not folder.put_new("a", b"3")
    assert parts(root) == []


def test_a_lock_that_another_holds_is_waited_for(
    folder: Folder, root: Path, monkeypatch: pytest.MonkeyPatch
):
    folder.replace("a", b"1", None)
    lock = ProcessLock(root / ".benchdb/a.lock")
    monkeypatch.setattr("benchdb.sync.folder._LOCK_PATIENCE", 0.0)
    etag = folder.etag("a")
    with pytest.raises(UnreachableHistory, match=r"a\.lock"):
        folder.replace("a", b"2", etag)
    assert folder.replace("b", b"2", None)
    lock.release(remove=False)
    assert folder.replace("a", b"2", etag)


# -- file systems and their rules


def test_where_there_are_no_hard_links_a_new_object_replaces_none_either(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
):
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", link)
    assert folder.put_new("sessions/a", b"1")
    assert not folder.put_new("sessions/a", b"2")
    got = folder.read("sessions/a")
    assert got is not None
    assert got.body == b"1"


def test_a_full_disk_is_told_and_leaves_nothing(
    folder: Folder, root: Path, monkeypatch: pytest.MonkeyPatch
):
    folder.put_new("a", b"1")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for call in ("os.fsync", "shutil.copyfileobj"):
        with monkeypatch.context() as patch:
            patch.setattr(call, full)
            for write in (
                lambda: folder.put_new("b", b"2"),
                lambda: folder.replace("a", b"2", folder.etag("a")),
            ):
                with pytest.raises(UnusableHistory, match="no space is left") as raised:
                    write()
                assert "\n" not in str(raised.value)
    assert names(folder) == ["a"]
    assert parts(root) == []
    got = folder.read("a")
    assert got is not None
    assert got.body == b"1"


def test_a_folder_that_is_a_file_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("here")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        folder = Folder(root)
        for act in (
            lambda: folder.read("manifest.json"),  # noqa: B023
            lambda: list(folder.list("sessions/")),  # noqa: B023
            lambda: folder.put_new("a", b"1"),  # noqa: B023
            lambda: folder.replace("a", b"1", None),  # noqa: B023
        ):
            with pytest.raises(UnusableHistory, match="is a file") as raised:
                act()
            assert "\n" not in str(raised.value)
    assert (tmp_path / "file").read_text() == "here"


def test_only_the_last_folder_of_a_path_is_made(tmp_path: Path):
    with pytest.raises(UnusableHistory, match="there is no folder"):
        Folder(tmp_path / "typo" / "history").put_new("a", b"1")
    assert not (tmp_path / "typo").exists()


@contextmanager
def _mode(path: Path, mode: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


_AS_ANOTHER = """
import os, sys
from pathlib import Path
os.chdir("/")
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
from benchdb.errors import NoAccess
folder = Folder(Path(sys.argv[1]))
for act in ({acts}):
    try:
        print(act())
    except NoAccess as error:
        print(f"NoAccess {{error}}")
"""


def _as_another(root: Path, *acts: str) -> list[str]:
    """Act as a user who owns nothing here, in a child that has imported what it needs."""
    code = _AS_ANOTHER.format(acts="".join(f"lambda: {act}, " for act in acts))
    code = "from benchdb.sync.folder import Folder, os\n" + code
    child = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True
    )
    return child.stdout.splitlines()


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that everybody can get to: pytest's own are closed."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_who_may_only_read_reads_and_is_told_when_writing(public: Path):
    root = public / "history"
    Folder(root).put_new("sessions/a", b"1")
    with _mode(root, 0o555), _mode(root / "sessions", 0o555), _mode(root / ".benchdb", 0o555):
        said = _as_another(
            root,
            'folder.read("sessions/a").body',
            '[one.name for one in folder.list("")]',
            'folder.put_new("b", b"1")',
            'folder.replace("b", b"1", None)',
            'folder.delete(["sessions/a"])',
        )
    assert said[:2] == ["b'1'", "['sessions/a']"]
    assert [line.partition(" ")[0] for line in said[2:]] == ["NoAccess"] * 3
    assert all("permission" in line for line in said[2:])
    assert names(Folder(root)) == ["sessions/a"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_who_may_not_read_is_told(public: Path):
    root = public / "history"
    Folder(root).put_new("a", b"1")
    with _mode(root, 0):
        said = _as_another(root, 'folder.read("a")', 'list(folder.list(""))')
    assert [line.partition(" ")[0] for line in said] == ["NoAccess"] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_who_may_use_the_folder_may_use_what_others_put_there(public: Path):
    root = public / "history"
    root.mkdir()
    root.chmod(0o777)
    folder = Folder(root)
    folder.put_new("sessions/2026-01/a", b"1")
    folder.replace("manifest.json", b"1", None)
    etag = folder.etag("manifest.json")
    said = _as_another(
        root,
        'folder.read("sessions/2026-01/a").body',
        'folder.put_new("sessions/2026-01/b", b"2")',
        f'folder.replace("manifest.json", b"2", "{etag}")',
        'folder.delete(["sessions/2026-01/a"])',
    )
    assert said == ["b'1'", "True", "True", "None"]
    assert names(folder) == ["manifest.json", "sessions/2026-01/b"]


# -- what others keep there


def test_files_of_others_are_listed_and_left(folder: Folder, root: Path):
    folder.put_new("sessions/a", b"1")
    (root / "README ü.txt").write_text("by hand")
    (root / "sessions" / ".hidden").write_text("by hand")
    (root / "sessions" / "gone").symlink_to("nowhere")
    (root / "loop").symlink_to(root)
    if sys.platform == "linux":
        (root / os.fsdecode(b"\xff\xfe")).write_text("no Unicode")
    assert names(folder) == ["README ü.txt", "sessions/.hidden", "sessions/a"]


@pytest.mark.parametrize(
    "name",
    ["../outside", "a/../../outside", "/etc/passwd", "a//b", "", ".benchdb/a.lock", "C:x", "a\\b"],
)
def test_a_name_that_leads_out_of_the_folder_is_refused(folder: Folder, tmp_path: Path, name: str):
    folder.put_new("a", b"1")
    (tmp_path / "outside").write_text("mine")
    for act in (
        lambda: folder.read(name),
        lambda: folder.put_new(name, b"1"),
        lambda: folder.replace(name, b"1", None),
        lambda: folder.delete([name]),
        lambda: folder.fetch(name, tmp_path / "to"),
    ):
        with pytest.raises(UnusableHistory, match="can't have an object"):
            act()
    assert (tmp_path / "outside").read_text() == "mine"


def test_a_folder_where_an_object_should_be_is_one_line(folder: Folder, root: Path):
    (root / "manifest.json").mkdir(parents=True)
    with pytest.raises(UnusableHistory, match="mend that") as raised:
        folder.read("manifest.json")
    assert "\n" not in str(raised.value)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from benchdb.sync.objects import open_remote

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    open_remote("~/history").put_new("a", b"1")
    assert (tmp_path / "history" / "a").read_bytes() == b"1"
