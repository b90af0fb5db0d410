"""What git makes of a name that a person typed for a commit."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Final

from benchdb.collect.checkouts import TIMEOUT, git_environment

if TYPE_CHECKING:
    from pathlib import Path

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def commit_of(root: Path, reference: str) -> str | None:
    """Return the commit that a branch, a tag or the like names in a repository, in full.

    Parameters
    ----------
    root
        A folder of its work tree.
    reference
        As git takes it: ``main``, ``v1.2``, ``HEAD~3``.

    Returns
    -------
    str or None
        None where git doesn't know it, is not there, or takes too long.
    """
    if not reference or reference.startswith("-") or "\0" in reference:
        return None
    command = ("git", "rev-parse", "--quiet", "--verify", "--end-of-options", f"{reference}^0")
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=git_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    said = done.stdout.decode("ascii", "replace").strip()
    return said if done.returncode == 0 and _COMMIT.fullmatch(said) else None
