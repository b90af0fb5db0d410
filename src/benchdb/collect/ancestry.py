"""What git knows of how commits follow one another."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from benchdb.collect.checkouts import TIMEOUT, git_environment

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

#: What may be the hash of a commit, or its beginning.
_HASH: Final = re.compile(r"[0-9a-f]{4,64}")


class Commit(NamedTuple):
    """A commit and its committer time."""

    hash: str
    committed: datetime


def head(root: Path) -> str | None:
    """Return the commit that is checked out; None where git doesn't say."""
    said = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return said.strip() or None if said else None


def is_known(root: Path, commit: str) -> bool:
    """Tell whether a repository has a commit."""
    return _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def is_shallow(root: Path) -> bool:
    """Tell whether a clone lacks the beginning of its history."""
    return (_git(root, "rev-parse", "--is-shallow-repository") or "").strip() == "true"


def commit_called(root: Path, name: str) -> str | None:
    """Return the commit that git calls so: by a hash, a branch, a tag; None where none is."""
    said = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return said.strip() or None if said else None


def merge_base(root: Path, branches: Sequence[str], commit: str) -> Commit | None:
    """Return where a commit left the trunk: the newest that it shares with one of its branches.

    Parameters
    ----------
    root
        A folder of the repository.
    branches
        Names of the trunk's branches; those of the remote ``origin`` are asked, too.
    commit
        The commit that is judged.

    Returns
    -------
    Commit or None
        None where git doesn't know: no repository, no such branch, a clone that is too shallow.
    """
    found = []
    for branch in branches:
        for name in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
            base = _git(root, "merge-base", name, commit)
            if base and (shown := _git(root, "log", "-1", "--format=%H %ct", base.strip())):
                full, seconds = shown.split()
                found.append(Commit(full, datetime.fromtimestamp(int(seconds), UTC)))
    return max(found, key=lambda one: one.committed, default=None)


def held_in(root: Path, commit: str, others: Collection[str]) -> dict[str, bool]:
    """Tell of commits whether another one holds them: as itself or as an ancestor.

    Parameters
    ----------
    root
        A folder of the repository.
    commit
        The one that may hold them.
    others
        Their hashes, also the beginnings of such.

    Returns
    -------
    dict of str to bool
        Of those that git knows.
    """
    full = _known(root, others)
    starts = "".join(f"{one}\n" for one in (f"^{commit}", *full.values()))
    beyond = _git(root, "rev-list", "--stdin", given=starts) if full else None
    if beyond is None:
        return {}
    outside = set(beyond.split())
    return {one: name not in outside for one, name in full.items()}


def holding(root: Path, commit: str, others: Collection[str]) -> set[str]:
    """Return those of some commits that hold another one, as `held_in` takes them."""
    known = commit_called(root, commit)
    full = _known(root, others) if known else {}
    starts = "".join(f"{one}\n" for one in (f"^{known}", *full.values()))
    behind = _git(root, "rev-list", "--ancestry-path", "--stdin", given=starts) if full else None
    found = {known, *(behind or "").split()}
    return {one for one, name in full.items() if name in found}


def _known(root: Path, commits: Collection[str]) -> dict[str, str]:
    """Return of commits that git knows their whole hashes."""
    asked = sorted(one for one in commits if _HASH.fullmatch(one))
    format_ = "--batch-check=%(objecttype) %(objectname)"
    said = _git(root, "cat-file", format_, given="".join(f"{one}^{{commit}}\n" for one in asked))
    return {
        one: name
        for one, line in zip(asked, (said or "").splitlines(), strict=False)
        for kind, _, name in [line.partition(" ")]
        if kind == "commit"
    }


def _git(root: Path, *arguments: str, given: str = "") -> str | None:
    """Return what git says to what it is given; None where it fails, is late or is missing."""
    try:
        done = subprocess.run(
            ("git", "-c", "log.showSignature=false", *arguments),
            cwd=root,
            env=git_environment(os.environ),
            input=given.encode(),
            capture_output=True,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout) if done.returncode == 0 else None
