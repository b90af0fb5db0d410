"""Measures the commands on releases: ``python benchmarks/self/releases.py [--rounds N]``.

Makes a channel of stubs, packages of metadata with a module or two, and runs `benchdb release`
build, solve, install and check on it, one after the other, each a process of its own, and nothing
kept of earlier rounds. Prints a line of JSON for each command and one for all: the fastest round
and the median in seconds, and the median of CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from conda_channels import Stub, make_channel, module_stub, python_stub  # noqa: E402 see above

#: Packages beside the two that have modules, as many as a runtime pins.
_OTHERS: Final = 30

_COMMANDS: Final = {
    "build": ("build", "recipe", "-c", "channel", "-o", "dist"),
    "solve": ("solve", "recipe", "-c", "channel"),
    "install": ("install", "stack", "prefix", "-c", "dist", "-c", "channel"),
    "check": ("check", "prefix", "--recipe", "recipe", "-c", "channel"),
}


def make(folder: Path) -> None:
    """Make the channel and the recipe in a folder."""
    stubs = [python_stub(), module_stub("one", "1.0"), module_stub("two", "1.0", "", "one")]
    stubs += [
        Stub(f"other-{number}", version, ("python >=3.11",))
        for number in range(_OTHERS)
        for version in ("1.0", "1.1", "2.0")
    ]
    make_channel(folder / "channel", *stubs)
    (folder / "recipe").mkdir()
    pins = ["python", "one ==1.0", "two ==1.0"]
    pins += [f"other-{number} ==1.1" for number in range(_OTHERS)]
    lines = "".join(f"    - {pin}\n" for pin in pins)
    (folder / "recipe/meta.yaml").write_text(
        "package: {name: stack, version: 1.0}\nbuild: {noarch: generic}\n"
        f"requirements:\n  run:\n{lines}test: {{imports: [one, two]}}\n"
    )


def run(folder: Path, arguments: tuple[str, ...]) -> tuple[float, float]:
    """Run a command; return seconds and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "benchdb", "release", *arguments],
        cwd=folder,
        env={**os.environ, "RATTLER_CACHE_DIR": str(folder / "cache")},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    took = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in (*_COMMANDS, "together")}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make(folder)
            found = {what: run(folder, given) for what, given in _COMMANDS.items()}
        for what, seconds in found.items():
            took[what].append(seconds)
        wall, cpu = zip(*found.values(), strict=True)
        took["together"].append((sum(wall), sum(cpu)))
    for what, some in took.items():
        wall, cpu = zip(*some, strict=True)
        said = {
            "what": what,
            "fastest": round(min(wall), 2),
            "median": round(statistics.median(wall), 2),
            "cpu": round(statistics.median(cpu), 2),
        }
        print(json.dumps(said))


if __name__ == "__main__":
    main()
