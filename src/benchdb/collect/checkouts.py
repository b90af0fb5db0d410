"""What git knows of the folders that code is run from: commit, branch, dirty, nearest tag.

All repositories are asked at once, with three short commands each. Whatever git can't or won't
answer is None; where there is no git, or it refuses another user's folder, the commit and the
branch are still read from ``.git/HEAD``.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from benchdb.config import DEFAULT_DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: Seconds that all of git's answers together may take.
TIMEOUT: Final = 5.0

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_STATUS: Final = (
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--untracked-files=no",
    "--ignore-submodules=untracked",
)
_LOG: Final = ("-c", "log.showSignature=false", "log", "-1", "--no-color", "--format=%H %ct")
_COMMIT_AND_TIME: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (-?\d+)\s*")
_DESCRIBED: Final = re.compile(r"(.+)-(\d+)-g[0-9a-f]+\s*")
#: Tags without a digit ("nightly") name no version.
_DESCRIBE: Final = ("describe", "--tags", "--long", "--abbrev=40", "--match", "*[0-9]*")
_COUNT: Final = ("rev-list", "--count", "HEAD")
#: Fails in a folder that the commit doesn't hold: a project inside of somebody's dotfiles.
_TRACKED: Final = ("rev-parse", "--quiet", "--verify", "HEAD:./")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git work tree as it stands.

    Parameters
    ----------
    top
        Its highest folder.
    name
        The folder's name; of a linked worktree, that of the repository it belongs to.
    commit, committed
        HEAD in full and its committer time; None before the first commit.
    branch
        None where HEAD is detached.
    dirty
        Whether tracked files differ from the commit; None where git didn't say.
    tag
        The nearest tag with a digit in it, by `git describe`.
    distance
        Commits since the tag; without a tag, all commits, unless the clone is shallow.
    """

    top: Path
    name: str
    commit: str | None = None
    committed: datetime | None = None
    branch: str | None = None
    dirty: bool | None = None
    tag: str | None = None
    distance: int | None = None


def read_checkouts(
    folders: Iterable[Path], database: Path | None = None, timeout: float = TIMEOUT
) -> dict[Path, Checkout]:
    """Return the checkout that each folder lies in; a folder that git doesn't track has none.

    Parameters
    ----------
    folders
        Anywhere inside of work trees.
    database
        The file that is being recorded into: that it changes makes no tree dirty, even where it is
        tracked. Files that start with the default name never do.
    timeout
        Seconds, for all of them together.
    """
    top_of = {folder: _top(folder) for folder in folders}
    tops = list(dict.fromkeys(top for top in top_of.values() if top is not None))
    inner = {
        folder: top for folder, top in top_of.items() if top is not None and top != folder.resolve()
    }
    with _Git(timeout) as git:
        for top in tops:
            for command in (_STATUS, _LOG, _DESCRIBE):
                git.start(top, command)
        for folder in inner:
            git.start(folder, _TRACKED)
        found = {top: _read(git, top, database) for top in tops}
        # Only these walk through the whole history.
        untagged = [top for top in tops if found[top].commit and found[top].tag is None]
        # In a shallow clone the count would tell how it was cloned.
        untagged = [top for top in untagged if not (_git_folders(top)[1] / "shallow").exists()]
        for top in untagged:
            git.start(top, _COUNT)
        for top in untagged:
            count = git.answer(top, _COUNT)
            distance = int(count) if count and count.strip().isdecimal() else None
            found[top] = replace(found[top], distance=distance)
        foreign = set()
        for folder, top in inner.items():
            answered = found[top].dirty is not None
            if git.answer(folder, _TRACKED) is None and answered:
                foreign.add(folder)
    return {
        folder: found[top]
        for folder, top in top_of.items()
        if top is not None and folder not in foreign
    }


def _top(folder: Path) -> Path | None:
    """Return the highest folder of the work tree; spares asking git where there is none."""
    try:
        folder = folder.resolve()
        return next((top for top in (folder, *folder.parents) if (top / ".git").exists()), None)
    except OSError:
        return None


def _read(git: _Git, top: Path, database: Path | None) -> Checkout:
    git_folder, common = _git_folders(top)
    name = common.parent.name if common != git_folder and common.name == ".git" else top.name
    checkout = Checkout(top, name)
    status = git.answer(top, _STATUS)
    if status is None:
        commit, branch = _head(git_folder, common)
        checkout = replace(checkout, commit=commit, branch=branch)
    else:
        checkout = _with_status(checkout, status, database)
    if found := _COMMIT_AND_TIME.fullmatch(git.answer(top, _LOG) or ""):
        checkout = replace(checkout, commit=found[1], committed=_instant(int(found[2])))
    if found := _DESCRIBED.fullmatch(git.answer(top, _DESCRIBE) or ""):
        checkout = replace(checkout, tag=found[1], distance=int(found[2]))
    return checkout


def _instant(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):  # who commits may write any number
        return None


def _with_status(checkout: Checkout, status: str, database: Path | None) -> Checkout:
    commit = branch = None
    dirty = False
    records = iter(status.split("\0"))
    for record in records:
        kind, _, rest = record.partition(" ")
        if kind == "#":
            key, _, value = rest.partition(" ")
            if key == "branch.oid" and _COMMIT.fullmatch(value):
                commit = value
            elif key == "branch.head" and value != "(detached)":
                branch = value
        elif kind in _FIELDS:
            path = record.split(" ", _FIELDS[kind])[-1]
            dirty = dirty or not _is_database(checkout.top / path, database)
            if kind == "2":
                next(records, None)  # where it was before
    return replace(checkout, commit=commit, branch=branch, dirty=dirty if commit else None)


#: Fields before the path in an entry of ``git status --porcelain=v2``, by its kind.
_FIELDS: Final = {"1": 8, "2": 9, "u": 10}


def _is_database(path: Path, database: Path | None) -> bool:
    if path.name.startswith(DEFAULT_DATABASE):
        return True
    return database is not None and str(path).startswith(str(database.resolve()))


def _git_folders(top: Path) -> tuple[Path, Path]:
    """Return the git folder of a work tree, and the one that holds what its worktrees share."""
    git_folder = top / ".git"
    try:
        if git_folder.is_file():  # a linked worktree or a submodule
            text = git_folder.read_text("utf-8", "replace").removeprefix("gitdir:").strip()
            git_folder = (top / text).resolve()
        common = git_folder / "commondir"
        if common.is_file():
            return git_folder, (git_folder / common.read_text("utf-8").strip()).resolve()
    except (OSError, UnicodeDecodeError):
        pass
    return git_folder, git_folder


def _head(git_folder: Path, common: Path) -> tuple[str | None, str | None]:
    """Return commit and branch without git: for images that have none, and for foreign owners."""
    try:
        head = (git_folder / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return (head if _COMMIT.fullmatch(head) else None), None
        ref = head.removeprefix("ref: ")
        branch = ref.removeprefix("refs/heads/")
        if branch == ".invalid":  # the repository keeps its refs in a table of git's own
            return None, None
        if (common / ref).is_file():
            commit = (common / ref).read_text("utf-8").strip()
            return (commit if _COMMIT.fullmatch(commit) else None), branch
        for line in (common / "packed-refs").read_text("utf-8").splitlines():
            commit, _, name = line.partition(" ")
            if name == ref and _COMMIT.fullmatch(commit):
                return commit, branch
    except (OSError, UnicodeDecodeError):
        return None, None
    return None, branch


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for git: a hook's ``GIT_DIR`` and its like must not mislead it.

    What stays is settings that a CI gives it, as ``safe.directory`` in ``GIT_CONFIG_COUNT``.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("GIT_")
        or (name.startswith("GIT_CONFIG_") and name != "GIT_CONFIG_PARAMETERS")
        or name == "GIT_EXEC_PATH"
    }
    # Others may be at work in this repository: no lock is taken for the sake of looking.
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}


class _Git:
    """Git commands that run at the same time, each answered once and within one deadline."""

    def __init__(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._environ = git_environment(os.environ)
        self._running: dict[tuple[Path, tuple[str, ...]], subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            self._stop(process)

    def start(self, folder: Path, command: tuple[str, ...]) -> None:
        with contextlib.suppress(OSError):  # no git: it has no answer
            self._running[folder, command] = subprocess.Popen(
                ("git", *command),
                cwd=folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # no terminal to ask on, and a group that ends as one
            )

    def answer(self, folder: Path, command: tuple[str, ...]) -> str | None:
        """Return what the command printed; None where git failed, was late or is missing."""
        process = self._running.pop((folder, command), None)
        if process is None:
            return None
        try:
            left = max(self._deadline - time.monotonic(), 0.01)
            output, _ = process.communicate(timeout=left)
        except subprocess.TimeoutExpired:
            self._stop(process)
            return None
        return os.fsdecode(output) if process.returncode == 0 else None

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):  # it may have ended
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        if process.stdout is not None:
            process.stdout.close()  # a grandchild may hold the other end: don't read on
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)  # a dead network file system holds even the killed
