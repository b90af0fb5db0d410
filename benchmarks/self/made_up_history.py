"""Makes a large history with known causes, as CSV, and imports it: see `--help`.

``python benchmarks/self/made_up_history.py --series 5000 --sessions 200 --metrics 3 --db FILE``

One session a night, all on one machine unless said otherwise. Beside the noise there are *causes*,
each in some tests, from one session on: steps at a commit, and steps with a new version of a
package. Control tests are moved by none. From one session on the machine is slower, and with it
every test, the controls too. Some test runs fail, some are lost. ``truth.json`` beside the CSV file
lists what was put in. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

FIRST: Final = datetime(2026, 1, 1, 2, tzinfo=UTC)
EVERY: Final = timedelta(days=1)

#: Headings of the metrics, the first as many as are asked for; more are numbered.
METRICS: Final = ("duration", "peak_memory", "throughput [MB/s]", "cpu_time")

#: Packages to the number of sessions that each version of them lasts.
PACKAGES: Final = {"dask": 14, "distributed": 14, "numpy": 45, "pandas": 60}

#: One of so many tests is a control.
CONTROLS: Final = 50

#: Share of test runs that fail, and that are lost.
FAILED: Final = 0.002
LOST: Final = 0.0005


@dataclass(frozen=True)
class Cause:
    """Something that changed, and from when.

    Parameters
    ----------
    kind
        ``"commit"``, ``"package"`` or ``"machine"``.
    session
        The first that has it, from 0.
    name
        The commit, the package and its version, or the machine.
    effect
        What times are multiplied by, less 1.
    tests
        Those it is seen in; empty for all.
    metrics
        Headings that it is seen in.
    """

    kind: str
    session: int
    name: str
    effect: float
    tests: tuple[str, ...]
    metrics: tuple[str, ...]


def commit(seed: int, session: int) -> str:
    """Return the commit of a session."""
    return hashlib.sha1(f"{seed} {session}".encode(), usedforsecurity=False).hexdigest()


def version(package: str, session: int) -> str:
    """Return the version of a package in a session."""
    return f"2026.{session // PACKAGES[package]}.0"


def test_name(number: int) -> str:
    """Return the case with a number; controls say so."""
    kind = "control" if is_control(number) else "case"
    return f"tests/test_module_{number // 50}.py::test_{kind}_{number // 5}[size-{number % 5}]"


def is_control(number: int) -> bool:
    """Tell whether a case does nothing of the project's."""
    return number % CONTROLS == CONTROLS - 1


def headings(count: int) -> list[str]:
    """Return the headings of so many metrics."""
    more = (f"metric_{number} [ms]" for number in range(len(METRICS), count))
    return [*METRICS[:count], *more]


def causes(options: argparse.Namespace) -> list[Cause]:
    """Return what is put in: by the seed alone, and apart from each other."""
    chance = random.Random(options.seed)
    names = [test_name(n) for n in range(options.series) if not is_control(n)]
    metrics = headings(options.metrics)
    made: list[Cause] = []
    places = [
        round(options.sessions * (number + 1) / (options.steps + 1))
        for number in range(options.steps)
    ]
    for number, place in enumerate(places):
        effect = chance.choice([-0.1, 0.05, 0.08, 0.15, 0.3])
        tests = chance.sample(names, max(1, round(len(names) * chance.choice([0.002, 0.02, 0.2]))))
        session, kind, name = place, "commit", commit(options.seed, place)
        if number % 3 == 2:  # a package's version begins there
            package = chance.choice(sorted(PACKAGES))
            session = place - place % PACKAGES[package]
            kind, name = "package", f"{package} {version(package, session)}"
        if session > 0:
            made.append(
                Cause(kind, session, name, effect, tuple(sorted(tests)), tuple(metrics[:1]))
            )
    if options.slower_machine:
        slow = round(options.sessions * 0.6)
        made.append(Cause("machine", slow, "slower", 0.07, (), tuple(metrics[:1])))
    return made


def lines(options: argparse.Namespace, found: Sequence[Cause]) -> Iterator[str]:
    """Give the lines of the CSV file, in order of time."""
    chance = random.Random(options.seed + 1)
    gauss = chance.gauss
    metrics = headings(options.metrics)
    packages = sorted(PACKAGES)
    named = ",".join(f"version:{one}" for one in packages)
    yield f"test,start,commit,branch,environment,{named},outcome,{','.join(metrics)}\n"
    names = [test_name(number) for number in range(options.series)]
    numbers = {name: number for number, name in enumerate(names)}
    levels = [
        [math.exp(chance.uniform(math.log(0.02), math.log(60))) for _ in metrics] for _ in names
    ]
    for session in range(options.sessions):
        for cause in found:
            if cause.session == session:
                for name in cause.tests or names:
                    for metric in cause.metrics:
                        levels[numbers[name]][metrics.index(metric)] *= 1 + cause.effect
        began = FIRST + EVERY * session
        versions = ",".join(version(one, session) for one in packages)
        shared = f"{commit(options.seed, session)},main,runner,{versions}"
        for number, name in enumerate(names):
            start = (began + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
            ended = chance.random()
            outcome = "lost" if ended < LOST else "failed" if ended < LOST + FAILED else ""
            values = ",".join(
                "" if outcome else f"{level * math.exp(gauss(0, options.noise)):.6g}"
                for level in levels[number]
            )
            yield f"{name},{start},{shared},{outcome},{values}\n"


def write(options: argparse.Namespace, folder: Path) -> Path:
    """Write the CSV file and what was put into it; return the former."""
    found = causes(options)
    truth = {**{key: value for key, value in vars(options).items() if key not in ("o", "db")}}
    truth["controls"] = [test_name(n) for n in range(options.series) if is_control(n)]
    truth["causes"] = [asdict(cause) for cause in found]
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", "utf-8")
    path = folder / "history.csv"
    file: TextIO
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines(options, found))
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    add = parser.add_argument
    add("--series", type=int, default=500, help="cases; each has a series for every metric")
    add("--sessions", type=int, default=200)
    add("--metrics", type=int, default=3)
    add("--steps", type=int, default=9, help="causes: commits, and each third a package's version")
    add("--slower-machine", action="store_true", help="at 60 %% of the sessions, in every test")
    add("--noise", type=float, default=0.02, help="standard deviation of the logarithm")
    add("--seed", type=int, default=1)
    add("-o", type=Path, metavar="DIR", help="keep the CSV file and truth.json there")
    add("--db", metavar="PATH_OR_URL", help="import it into this database")
    options = parser.parse_args(arguments)
    if options.o is None and options.db is None:
        parser.error("name a folder by -o, a database by --db, or both")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.o or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = write(options, folder)
        rows = options.series * options.sessions
        print(f"{path}: {rows:,} test runs in {time.perf_counter() - began:.0f} s", flush=True)
        if options.db is None:
            return 0
        command = [sys.executable, "-m", "benchdb", "import", "csv", str(path)]
        return subprocess.run([*command, "--db", options.db, "--subject", "project"]).returncode


if __name__ == "__main__":
    sys.exit(main())
