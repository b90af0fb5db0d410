"""Merges what jobs recorded: ``collect.py FOLDER [OPTIONS]``.

FOLDER is where their artifacts were downloaded to. With a remote, its history is pulled before and
what is new is pushed. The sessions are named in a file that ``report.py --sessions`` takes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import api


def benchdb(*words: str) -> int:
    """Call a command of benchdb and return its code; what it says goes to the log.

    Raises
    ------
    api.Refused
        If it isn't there.
    """
    try:
        return subprocess.run(["benchdb", *words]).returncode
    except FileNotFoundError:
        raise api.Refused("there is no benchdb here: run `pip install benchdb` before") from None


def needed(*words: str) -> None:
    """Call a command that all that follows needs.

    Raises
    ------
    api.Refused
        If it failed.
    """
    if code := benchdb(*words):
        raise api.Refused(f"`benchdb {words[0]}` failed ({code}), see above")


def main() -> int:
    """Pull, merge, push, and name what was merged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--remote", default="", help="a shared history; none by default")
    parser.add_argument("--untrusted", action="store_true", help="they are of a fork's job")
    parser.add_argument("--sessions", type=Path, help="where to name the sessions, a line each")
    parser.add_argument("--db", help="the database; as benchdb finds it by default")
    own = parser.parse_args()
    files = sorted(str(path) for path in own.folder.rglob("*.db") if path.is_file())
    if not files:
        raise api.Refused(f"no database is below {own.folder}: did the jobs that record upload it?")
    at = ["--db", own.db] if own.db else []
    if own.remote:
        needed("pull", own.remote, *at)
    trust = ["--untrusted"] if own.untrusted else []
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder, "sessions")
        code = benchdb("merge", *trust, "--sessions", str(named), *at, *files)
        found = api.text_of(named) if named.is_file() else ""
    if code and found:
        # A job was stopped as it uploaded: what the others recorded is judged all the same.
        api.warn(f"`benchdb merge` left something out ({code}), see its lines")
    if own.sessions:
        own.sessions.write_text(found, encoding="utf-8")
    if not found:
        raise api.Refused("no session was merged: the lines above say why")
    if own.remote:
        needed("push", own.remote, *at)
    print(f"to judge: {found.count('session:')}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    api.run(main)
