"""What the repository of the code knows: commits with subject and author, and where its page is."""

from __future__ import annotations

import contextlib
import heapq
import os
import re
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from benchdb.collect.checkouts import git_environment
from benchdb.dashboard.data import Commit, Links

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchdb.config import Settings

#: Commits that are read, the newest; those of one range that are listed.
_MOST_READ, _MOST_LISTED = 50_000, 10

#: Seconds that git may take.
_PATIENCE: Final = 30.0

_HASH: Final = re.compile(r"[0-9a-f]{7,64}")
_FORMAT: Final = "%H%x1f%P%x1f%ct%x1f%an%x1f%s"

#: ``git@host:path`` and ``ssh://git@host/path``, of which the page is at ``https://host/path``.
_SCP: Final = re.compile(r"(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+):(?!//)(.+)")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_PATH: Final = re.compile(r"[A-Za-z0-9_~.-]+(?:/[A-Za-z0-9_~.-]+)+")

_NO_LINKS: Final = Links("", "")


class _Read(NamedTuple):
    """A commit, and where it stands: children before their parents."""

    order: int
    commit: Commit
    parents: tuple[str, ...]


class Repository:
    """The repository of a folder; one that isn't there knows nothing.

    Parameters
    ----------
    folder
        Any folder of it.
    settings
        They may say where its page is.
    commits
        Hashes that are asked for.
    """

    def __init__(self, folder: Path, settings: Settings, commits: Iterable[str]) -> None:
        wanted = sorted({one for one in commits if _HASH.fullmatch(one)})
        log = ""
        if wanted:
            log = _git(
                folder,
                "\n".join(wanted) + "\n",
                "log",
                "--stdin",
                "--ignore-missing",
                "--topo-order",
                "--no-show-signature",
                "--no-color",
                "--no-mailmap",
                f"--max-count={_MOST_READ}",
                f"--format={_FORMAT}",
            )
        self._known = _commits(log)
        self._between: dict[tuple[str, str], tuple[list[Commit], int]] = {}
        self.links = _links(settings, _git(folder, "", "remote", "get-url", "origin").strip())

    def commit(self, commit: str | None) -> Commit | None:
        """Return a commit, if it is known."""
        found = self._known.get(commit or "")
        return found and found.commit

    def between(self, good: str | None, bad: str | None) -> tuple[list[Commit], int]:
        """Return the newest commits of ``good..bad``, and how many others there are."""
        if not good or not bad or good not in self._known or bad not in self._known:
            return [], 0
        if (good, bad) not in self._between:
            found = self._walk(good, bad)
            self._between[good, bad] = found[:_MOST_LISTED], max(len(found) - _MOST_LISTED, 0)
        return self._between[good, bad]

    def _walk(self, good: str, bad: str) -> list[Commit]:
        """Return what is reached from one commit and not from another, as git does."""
        known = self._known
        from_good: set[str] = {good}
        waiting = [(known[one].order, one) for one in {good, bad}]
        heapq.heapify(waiting)
        left = {bad} - from_good
        seen = {good, bad}
        found = []
        while left:
            _, one = heapq.heappop(waiting)
            is_good = one in from_good
            if one in left:
                left.discard(one)
                if not is_good:
                    found.append(known[one].commit)
            for parent in known[one].parents:
                if parent not in known:
                    continue
                if is_good:
                    from_good.add(parent)
                    left.discard(parent)
                elif parent not in from_good:
                    left.add(parent)
                if parent not in seen:
                    seen.add(parent)
                    heapq.heappush(waiting, (known[parent].order, parent))
        return found


def _commits(log: str) -> dict[str, _Read]:
    found = {}
    for order, line in enumerate(log.split("\n")):
        fields = line.split("\x1f", 4)
        if len(fields) == 5 and fields[2].lstrip("-").isdecimal():
            commit, parents, when, author, subject = fields
            found[commit] = _Read(
                order, Commit(commit, subject, author, int(when)), tuple(parents.split())
            )
    return found


def _git(folder: Path, given: str, *command: str) -> str:
    """Return what git says; nothing where there is no git, no repository, or it fails."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            ["git", "--no-pager", *command],
            cwd=folder,
            env=git_environment(os.environ),
            input=given.encode(),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
    return ""


def _links(settings: Settings, remote: str) -> Links:
    """Return templates: those that were set, else by where the repository is."""
    known = remote_links(remote)
    return Links(settings.commit_url or known.commit, settings.compare_url or known.compare)


def remote_links(remote: str) -> Links:
    """Return the templates of a remote of GitHub's or GitLab's.

    What a URL says of a user, a password or a token is left out, and one that has anything in it
    that no such address has is no link at all.
    """
    if "://" in remote:
        try:
            parts = urlsplit(remote)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return _NO_LINKS
        if parts.scheme not in ("http", "https", "ssh", "git"):
            return _NO_LINKS
    elif match := _SCP.fullmatch(remote):
        host, path = match.group(1).lower(), match.group(2)
    else:
        return _NO_LINKS
    path = path.strip("/").removesuffix(".git")
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or ".." in path.split("/"):
        return _NO_LINKS
    page = f"https://{host}/{path}"
    labels = host.split(".")
    if "github" in labels:
        return Links(f"{page}/commit/{{commit}}", f"{page}/compare/{{good}}...{{bad}}")
    if "gitlab" in labels:
        return Links(f"{page}/-/commit/{{commit}}", f"{page}/-/compare/{{good}}...{{bad}}")
    return _NO_LINKS
