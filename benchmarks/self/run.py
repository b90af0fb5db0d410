"""Measures benchdb beside its peers and prints the figures: ``python benchmarks/self/run.py``.

Makes an environment for each plugin under ``.venvs/figures`` (with uv, which is fetched where it
isn't there), records into ``benchmark.db`` beside them, and prints what `report.py` makes of it;
``--write`` puts that into ``docs/figures.md``. Five rounds take less than ten minutes, in which
nothing else should run. Linux and macOS.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import environments
import report


def main() -> int:
    """Build, measure, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--db", type=Path, default=environments.FOLDER / "benchmark.db")
    parser.add_argument("--write", action="store_true", help="put the table into docs/figures.md")
    parser.add_argument("-k", metavar="EXPRESSION", help="measure only what fits, as in pytest")
    arguments = parser.parse_args()
    if arguments.write and arguments.k:
        parser.error("--write puts down the whole table: leave out -k")
    print("making the environments …", file=sys.stderr)
    environments.build()
    tags = [f"--benchmark-tag={name}={one}" for name, one in environments.versions().items()]
    measuring = subprocess.run(
        [
            *(environments.python("benchdb"), "-m", "pytest", "-v", "figures.py"),
            *("--benchmark", f"--benchmark-repeat={arguments.rounds}"),
            *(f"--benchmark-db={arguments.db.resolve()}", *tags),
            *(("-k", arguments.k) if arguments.k else ()),
        ],
        cwd=Path(__file__).parent,
        env=environments.environ(),
        stdout=sys.stderr,
    )
    table = report.report(arguments.db)
    print(table)
    if arguments.write and measuring.returncode == 0:
        report.write(table)
    return measuring.returncode


if __name__ == "__main__":
    sys.exit(main())
