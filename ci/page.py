"""Checks the page of the dashboard where node is: ``python ci/page.py``.

It is what its sources are built to, well typed and formatted. Who works on the Python side needs no
node: without it, or without a registry to fetch the tools from, this says so and passes.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from typing import Final

from environments import ROOT

FOLDER: Final = ROOT / "dashboard"
MODULES: Final = FOLDER / "node_modules"

#: Begins what is said where the check can't be made.
LEFT_OUT: Final = "left out: "

#: The first node that the tools run with.
_OLDEST: Final = 20

#: A machine without a network shall not wait for minutes.
_PATIENCE: Final = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000")

#: npm's words for a registry that it can't fetch from.
_UNREACHABLE: Final = (
    r"ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|E\w+UNREACH|E[45]\d\d\b|ERR_SOCKET|network"
)

CHECKS: Final = (
    ("node", "build.mjs", "--check"),
    ("node", "node_modules/typescript/bin/tsc"),
    ("node", "node_modules/prettier/bin/prettier.cjs", "--check", "--log-level=warn", "."),
)


def main() -> int:
    """Make the checks; return 1 if one failed."""
    if why := _lacking() or _unfetched():
        print(f"{LEFT_OUT}{why}")
        return 0
    return int(sum(_run(*command) for command in CHECKS) > 0)


def _lacking() -> str:
    """Return what this machine has not got, an empty string if all is there."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "it takes node and npm"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    major = version.removeprefix("v").partition(".")[0]
    return "" if major.isdecimal() and int(major) >= _OLDEST else f"node {version} is too old"


def _unfetched() -> str:
    """Fetch the tools as the lock file names them; return why that could not be done.

    Raises
    ------
    SystemExit
        If npm failed for another reason than the network.
    """
    stamp = MODULES / "stamp"
    asked = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == asked:
        return ""
    npm = shutil.which("npm") or "npm"
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", *_PATIENCE],
        cwd=FOLDER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        if not re.search(_UNREACHABLE, done.stderr):
            raise SystemExit(f"$ npm ci\n{done.stderr}")  # a lock file that doesn't hold is ours
        return "the registry that npm is told to fetch from can't be reached"
    stamp.write_text(asked)
    return ""


def _run(*command: str) -> bool:
    """Run a check; pass on what it says if it failed, and return whether it did."""
    done = subprocess.run(
        command, cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        print(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}")
    return bool(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
