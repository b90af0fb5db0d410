"""One client of a storm: ``python storm_client.py ROLE NUMBER FOLDER REMOTE ENDPOINT SESSIONS``.

It may be killed anywhere; started again, it goes on where its database says that it was.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from store_samples import record

from benchdb.cli import main
from benchdb.sync.patience import Patience
from benchdb.sync.s3 import bucket, requests

if TYPE_CHECKING:
    from collections.abc import Iterator

#: As many attempts as users have, with less time between them.
PATIENCE = Patience(read=20.0, pause=0.02, longest_pause=0.5)

#: What a client is told to end by.
CALM = "calm"


def database(folder: Path, role: str, number: int) -> Path:
    """Return the file of a client."""
    return folder / f"{role}-{number}.db"


class Client:
    """Runs commands, and writes their exit codes down."""

    def __init__(self, path: Path, remote: str, endpoint: str) -> None:
        self.path = path
        self.remote = (remote, *(("--endpoint-url", endpoint) if endpoint else ()))

    def run(self, verb: str, *more: str) -> int:
        """Run a command on the remote."""
        code = main([verb, *self.remote, "--db", str(self.path), *more])
        print(verb, code, flush=True)  # who started it reads that
        return code


def write(client: Client, sessions: int, dice: random.Random) -> None:
    """Record so many sessions, push each, and sync now and then."""
    while (made := _made(client.path))[0] < sessions:
        uid = f"{client.path.stem}-{made[1]}"
        record(client.path, uid, range(dice.randint(1, 4)), dice.randrange(80))
        if dice.random() < 0.05:
            main(["annotate", "session", uid, "--withdraw", "--db", str(client.path)])
        client.run("sync" if dice.random() < 0.15 else "push")
    # What was refused before goes now: a job that fails is run again.
    while client.run("sync"):
        pass


def _made(path: Path) -> tuple[int, int]:
    """Return how many sessions are finished here, and how many were begun."""
    if not path.exists():
        return 0, 0
    query = "SELECT coalesce(sum(state = 'finished'), 0), count(*) FROM session WHERE uid GLOB ?"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            finished, begun = connection.execute(query, (f"{path.stem}-*",)).fetchone()
        except sqlite3.OperationalError:  # killed before the first
            return 0, 0
    return int(finished), int(begun)


def _storming(folder: Path, dice: random.Random) -> Iterator[None]:
    while not (folder / CALM).exists():
        yield
        time.sleep(dice.uniform(0, 2))  # so that those who write come to it


def compact(client: Client, folder: Path, dice: random.Random) -> None:
    """Compact again and again, giving no grace to those who have listed what is deleted."""
    for _ in _storming(folder, dice):
        client.run("compact", "--grace", "0s" if dice.random() < 0.7 else "1s")


def read(client: Client, folder: Path, dice: random.Random) -> None:
    """Pull again and again, sometimes all of it anew."""
    for _ in _storming(folder, dice):
        if dice.random() < 0.2:
            for path in folder.glob(f"{client.path.name}*"):
                path.unlink()
        client.run("pull")


def client(arguments: list[str]) -> None:
    """Be one of them."""
    role, number, folder, remote, endpoint, sessions = arguments
    # To make a client takes longer than what it is asked for here; and nobody's patience is tried.
    requests.connect = functools.cache(requests.connect)  # type: ignore[assignment]
    bucket.PATIENCE = PATIENCE  # type: ignore[misc]
    os.chdir(folder)
    path = database(Path(folder), role, int(number))
    dice = random.Random(f"{arguments} {_made(path) if role == 'writer' else os.getpid()}")
    one = Client(path, remote, endpoint)
    if role == "writer":
        write(one, int(sessions), dice)
    elif role == "compactor":
        compact(one, Path(folder), dice)
    else:
        read(one, Path(folder), dice)


if __name__ == "__main__":
    client(sys.argv[1:])
