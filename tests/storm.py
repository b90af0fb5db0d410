"""Many writers, readers and compactors at once, on a server that fails, and killed at random.

``python tests/storm.py --help``. The size that the design asks for is the default; it takes some
minutes. Afterwards every session that anybody recorded must be in the history once, exactly.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from fault_proxy import WAYS, Exchange, FaultProxy
from recorded import Project
from servers import KEY, SECRET, S3Server, moto_server, radosgw_server
from storm_client import CALM, database

from benchdb.sync.objects import open_remote
from benchdb.sync.protocol.names import is_snapshot, segment_name

PROGRAM = Path(__file__).with_name("storm_client.py")

#: What is dealt with the same probability each, and the ways to fail of it.
FAULTS = {
    "delay": ("delayed",),
    "reset": ("reset",),
    "truncated": ("truncated", "shortened"),
    "409": ("409",),
    "412": ("412",),
    "503": ("503",),
    "lost": ("lost by a reset", "lost by a 500", "lost by a 503"),
}

#: What a command may say of a server that fails: what it could not do, and what to do next.
_EXPECTED = re.compile(
    r"benchdb: s3://.* can't be reached: .*: check network and endpoint, then try again"
    r"|benchdb: closed .* that .* lost.*"
)

SETTINGS = """
[tool.benchdb]
compact_above = 12
compact_grace = "2s"
keep_snapshots = 2
publish_every = "3s"
"""


@dataclass(frozen=True)
class Size:
    """How much of a storm it is.

    Parameters
    ----------
    writers, sessions
        So many writers, with so many sessions each.
    readers, compactors
        Beside them.
    rate
        Of requests that fail in each way.
    kills
        How many clients are killed, over the time in which so many sessions come.
    """

    writers: int = 16
    sessions: int = 50
    readers: int = 2
    compactors: int = 2
    rate: float = 0.1
    kills: int = 100


@dataclass
class Storm:
    """What came of it.

    Parameters
    ----------
    requests
        How many came, by the way in which they failed.
    commands
        How many ended, by verb and exit code.
    kills
        How many clients were killed.
    sessions, annotations
        In the history.
    problems
        What is wrong: one line each.
    """

    requests: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    sessions: int = 0
    annotations: int = 0
    problems: list[str] = field(default_factory=list)


class _Weather:
    """Decides what becomes of each request, and of whom."""

    def __init__(self, size: Size, seed: int, storm: Storm) -> None:
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._storm = storm
        self._kills = size.kills
        self._each = max(1, size.writers * size.sessions * 4 // max(1, size.kills))
        self._rate = size.rate
        self.clients: dict[str, subprocess.Popen[bytes]] = {}

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            name = self._choose()
            self._storm.requests[name] += 1
            victim = self._victim()
        if victim is not None:
            with contextlib.suppress(ProcessLookupError):
                victim.send_signal(signal.SIGKILL)
        if name == "delayed":
            time.sleep(self._dice.uniform(0, 0.3))
        if name in WAYS:
            WAYS[name](exchange)
        else:
            exchange.send(exchange.forwarded())

    def _choose(self) -> str:
        drawn = int(self._dice.random() / self._rate) if self._rate else len(FAULTS)
        ways = [*FAULTS.values()]
        return self._dice.choice(ways[drawn]) if drawn < len(ways) else "passed"

    def _victim(self) -> subprocess.Popen[bytes] | None:
        living = [name for name, one in sorted(self.clients.items()) if one.poll() is None]
        if not self._kills or not living or self._dice.randrange(self._each):
            return None
        self._kills -= 1
        self._storm.kills += 1
        return self.clients[self._dice.choice(living)]


def storm(server: S3Server, folder: Path, size: Size, seed: int) -> Storm:
    """Let it storm, and look what is there afterwards.

    Parameters
    ----------
    server
        Where.
    folder
        Of the clients; empty.
    size
        How much.
    seed
        Of the dice; who comes first is up to the machine.
    """
    came = Storm()
    (folder / "pyproject.toml").write_text(SETTINGS)
    remote = f"s3://{server.bucket()}/storm"
    proxy = FaultProxy(server.url)
    weather = _Weather(size, seed, came)
    proxy.fail_always(weather)
    with contextlib.closing(proxy):
        _Crowd(size, (str(folder), remote, proxy.url), weather, came).run()
    with patch.dict(os.environ, environ(folder), clear=True):
        _look(folder, remote, server.url, size, came)
    return came


def environ(folder: Path) -> dict[str, str]:
    """Return the environment of a client."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    for name in [name for name in kept if name.lower().endswith("_proxy")]:
        del kept[name]
    return {
        **kept,
        "NO_PROXY": "*",
        "AWS_CONFIG_FILE": str(folder / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


class _Crowd:
    """The clients: each is started again until it has done its part."""

    def __init__(self, size: Size, where: tuple[str, ...], weather: _Weather, came: Storm) -> None:
        self._folder = Path(where[0])
        self._where = (*where, str(size.sessions))
        self._size = size
        self._weather = weather
        self._came = came
        self._lock = threading.Lock()

    def run(self) -> None:
        size = self._size
        writers = [self._thread("writer", number) for number in range(size.writers)]
        others = [self._thread("reader", number) for number in range(size.readers)]
        others += [self._thread("compactor", number) for number in range(size.compactors)]
        for one in writers:
            one.join()
        (self._folder / CALM).touch()
        for one in others:
            one.join()

    def _thread(self, role: str, number: int) -> threading.Thread:
        thread = threading.Thread(target=self._attend, args=(role, number))
        thread.start()
        return thread

    def _attend(self, role: str, number: int) -> None:
        name = f"{role}-{number}"
        while True:
            log = self._folder / f"{name}.log"
            with log.open("ab") as errors:
                client = subprocess.Popen(
                    [sys.executable, str(PROGRAM), role, str(number), *self._where],
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environ(self._folder),
                )
            self._weather.clients[name] = client
            said, _ = client.communicate()
            with self._lock:
                self._came.commands.update(
                    line
                    for line in said.decode().splitlines()
                    if re.fullmatch(r"(push|pull|sync|compact) \d+", line)
                )
                if client.returncode not in (0, -signal.SIGKILL):
                    tail = log.read_text("utf-8", "replace").splitlines()[-1:]
                    self._came.problems.append(f"{name} ended with {client.returncode}: {tail}")
            if client.returncode != -signal.SIGKILL:
                return


def _look(folder: Path, remote: str, endpoint: str, size: Size, came: Storm) -> None:
    """Compare what is in the history with what was recorded."""
    for log in sorted(folder.glob("*.log")):
        strange = {
            line
            for line in log.read_text("utf-8", "replace").splitlines()
            if not _EXPECTED.fullmatch(line)
        }
        came.problems += [f"{log.stem} said: {line}" for line in sorted(strange)]
    writers = [database(folder, "writer", number) for number in range(size.writers)]
    expected: Counter[tuple[str, str]] = Counter()
    said: set[str] = set()
    for path in writers:
        own = _sessions(path, f"{path.stem}-*")
        finished = sum(state == "finished" for _, _, state in own)
        if finished != size.sessions:
            came.problems.append(f"{path.stem} has {finished} finished sessions")
        expected.update((uid, digest) for uid, digest, _ in own)
        said |= _annotations(path)
    look = _Look(folder, remote, endpoint, came)
    for turn in ("stormy", "compacted"):
        look.compare(folder / f"{turn}.db", expected, said)
        look.command("compact", remote, "--grace", "0s")
        look.command("compact", remote, "--grace", "0s")
    look.tidy()
    came.sessions, came.annotations = len(expected), len(said)


class _Look:
    def __init__(self, folder: Path, remote: str, endpoint: str, came: Storm) -> None:
        self._folder = folder
        self._remote = remote
        self._endpoint = endpoint
        self._came = came

    def command(self, *arguments: str) -> str:
        """Run a command, which must have nothing to complain of."""
        server = ("--endpoint-url", self._endpoint) if self._remote in arguments else ()
        done = Project(self._folder).benchdb(*arguments, *server)
        if done.code or done.err:
            ended = f"ended with {done.code}: {done.err.strip()}"
            self._came.problems.append(f"{' '.join(arguments)} {ended}")
        return done.out

    def compare(self, path: Path, expected: Counter[tuple[str, str]], said: set[str]) -> None:
        """Pull all of it into a new file, and compare."""
        self.command("pull", self._remote, "--db", str(path))
        self.command("db", "check", "--db", str(path))
        self.command("db", "check", self._remote)
        found = Counter((uid, digest) for uid, digest, _ in _sessions(path, "*"))
        missing, more = expected - found, found - expected
        self._came.problems += [f"{uid} is missing in {path.stem}" for uid, _ in missing]
        self._came.problems += [f"{uid} is there too often in {path.stem}" for uid, _ in more]
        if _annotations(path) != said:
            self._came.problems.append(f"{path.stem} has other annotations than were made")

    def tidy(self) -> None:
        """Look whether anything lies there that nobody needs."""
        objects = open_remote(self._remote, endpoint_url=self._endpoint)
        names = {one.name for one in objects.list("")}
        got = objects.read("manifest.json")
        manifest = json.loads(got.body if got else b"{}")
        if manifest.get("doomed"):
            self._came.problems.append("the manifest dooms objects that should be gone")
        needed = {
            one["name"]
            for month in manifest["months"].values()
            for one in (month["current"], *month["before"])
        }
        left = {name for name in names if segment_name(name)}
        # Orphans of who was killed stay for a day.
        lost = needed - {name for name in names if is_snapshot(name)}
        self._came.problems += [f"{name} was left behind" for name in sorted(left)]
        self._came.problems += [f"{name} is in the manifest only" for name in sorted(lost)]


def _sessions(path: Path, like: str) -> list[tuple[str, str, str]]:
    query = "SELECT uid, digest, state FROM session WHERE uid GLOB ?"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, (like,)).fetchall()


def _annotations(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM annotation")}


def main() -> int:
    """Let it storm, and say what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--server", choices=("moto", "radosgw"), default="moto")
    parser.add_argument("--keep", type=Path, help="a folder for the clients' files, which stay")
    for name, default in vars(Size()).items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"{default}")
    given = vars(parser.parse_args())
    size = Size(**{name: given[name] for name in vars(Size())})
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        start = moto_server if given["server"] == "moto" else radosgw_server
        server = stack.enter_context(start())
        folder = given["keep"] or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        came = storm(server, folder, size, given["seed"])
    print(f"{given['server']}, seed {given['seed']}, {size}: {time.monotonic() - began:.0f} s")
    print(f"requests: {came.requests.total():,} {dict(sorted(came.requests.items()))}")
    print(f"commands: {came.commands.total():,} {dict(sorted(came.commands.items()))}")
    print(f"killed: {came.kills}; there: {came.sessions} sessions, {came.annotations} annotations")
    for problem in came.problems:
        print(f"PROBLEM: {problem}")
    return 1 if came.problems else 0


if __name__ == "__main__":
    sys.exit(main())
