"""Merges what jobs recorded: ``collect.py FOLDER [OPTIONS]``.

FOLDER is where their artifacts were downloaded to. With a remote, its history is pulled before and
what is new is pushed. The sessions are named in a file that ``report.py --sessions`` takes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import api

#: More sessions than any file has.
_ALL: Final = 10**9


def benchdb(*words: str) -> str:
    """Return what a command of benchdb printed; what it says goes to the log.

    Raises
    ------
    api.Refused
        If it failed, or isn't there.
    """
    try:
        done = subprocess.run(
            ["benchdb", *words], stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
    except FileNotFoundError:
        raise api.Refused("there is no benchdb here: run `pip install benchdb` before") from None
    if done.returncode:
        raise api.Refused(f"`benchdb {words[0]}` failed ({done.returncode}), see above")
    return done.stdout


def uids(database: str | None) -> list[str]:
    """Return the sessions of a database, the newest first."""
    at = [] if database is None else ["--db", database]
    found = json.loads(benchdb("show", "--format", "json", "--last", str(_ALL), *at) or "{}")
    return [one["uid"] for one in found.get("sessions", ())]


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
        print(benchdb("pull", own.remote, *at), end="", flush=True)
    trust = ["--untrusted"] if own.untrusted else []
    print(benchdb("merge", *trust, *at, *files), end="", flush=True)
    if own.remote:
        print(benchdb("push", own.remote, *at), end="", flush=True)
    held = set(uids(own.db))
    named = [uid for file in files for uid in uids(file) if uid in held]
    if own.sessions:
        lines = [f"session:{uid}\n" for uid in dict.fromkeys(named)]
        own.sessions.write_text("".join(lines), encoding="utf-8")
    if not named:
        raise api.Refused("no session was merged: the lines above say why")
    print(f"to judge: {len(named)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    api.run(main)
