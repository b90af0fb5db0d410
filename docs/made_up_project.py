"""A made-up project with half a year of stories in its benchmarks, for the screenshots.

Each night it ran on two machines. The same call makes the same commits, values and session ids.
"""

from __future__ import annotations

import csv
import hashlib
import math
import random
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NIGHTS: Final = 200
FIRST: Final = datetime(2026, 5, 4, 2, tzinfo=UTC)
MACHINES: Final = {"py3.13-linux": 0, "py3.12-linux": 4}

#: Of each module its tests, and of each test its variants.
TESTS: Final = {
    "array": "sum[small] sum[large] mean[large] transpose map_blocks[wide] map_overlap",
    "bag": "fold groupby_keys frequencies",
    "csv": "read[1000-files] read[wide] write[gzip]",
    "dataframe": "filter[skewed] rolling[large] set_index[sorted] set_index[shuffled] quantile",
    "futures": "submit_many gather[large] scatter",
    "groupby": "sum[low] sum[high] nunique apply_udf",
    "join": "merge[tasks] merge[p2p] merge_many[tasks] merge_many[p2p] broadcast",
    "parquet": "read[columns] read[filters] write[partitioned] write[snappy] footer",
    "rechunk": "rechunk[tasks] rechunk[p2p] rechunk_pandas[disk]",
    "scheduler": "heartbeats order[deep] order[wide] stealing",
    "shuffle": "shuffle[tasks] shuffle[p2p] shuffle_spilled",
    "spill": "spill_to_disk unspill spill_many",
    "xarray": "climatology anomaly resample",
    "zarr": "store[zstd] load[zstd] region",
    "control": "control_cpu control_disk",
}

METRICS: Final = {"duration": (0.2, 60.0), "average_memory": (3e8, 3e9), "peak_memory": (6e8, 6e9)}
AUTHORS: Final = ("Ana Reis", "Ben Okafor", "Chiara Conti", "Emeka Obi", "Fatou Diallo")
SUBJECTS: Final = (
    "Document the retries of workers",
    "Add type hints to the scheduler's plugins",
    "Close connections of lost workers",
    "Test reading of empty partitions",
    "Drop support for Python 3.11",
    "Name threads after their task",
    "Fix a typo in the deployment guide",
    "Say which worker an error came from",
    "Let the dashboard bind to any port",
    "Pin the linter",
    "Split up the tests of spilling",
    "Give graphs a readable repr",
    "Accept paths for certificates",
    "Log the reason of a restart",
)


@dataclass(frozen=True)
class Story:
    """What happened in one night to some tests.

    Parameters
    ----------
    tests
        Words of which a test's id has one; none for all.
    effect
        What values are multiplied by: of a drift after a hundred nights.
    until
        The night it was gone again.
    """

    night: int
    what: str
    author: int
    tests: tuple[str, ...]
    effect: float
    metrics: tuple[str, ...] = ("duration",)
    until: int = NIGHTS
    drift: bool = False


STORIES: Final = (
    Story(34, "Compress what is spilled by default", 1, ("spill",), 1.12, ("duration",)),
    Story(34, "", 0, ("spill",), 0.78, ("average_memory", "peak_memory")),
    Story(58, "Use msgpack 1.1 for messages", 0, ("scheduler", "futures", "bag"), 1.15, until=79),
    Story(79, "Go back to msgpack 1.0", 0, (), 1.0),
    Story(96, "Fuse blocks of arrays before they are sent", 2, ("array", "xarray"), 0.88),
    Story(121, "", 0, (), 1.05),  # the machine
    Story(138, "Import pyarrow when it is needed", 1, ("csv", "write[", "zarr"), 1.09),
    Story(60, "", 0, ("test_unspill", "test_spill_many"), 1.11, ("peak_memory",), drift=True),
    Story(171, "Cache the footers of Parquet files", 3, ("parquet.py::test_read", "footer"), 0.72),
    Story(188, "Hold results until all is done", 4, ("test_groupby.py",), 1.22, ("peak_memory",)),
    Story(184, "Batch the heartbeats of idle workers", 3, ("p2p", "scheduler", "rolling"), 1.13),
    Story(184, "", 0, ("merge_many[p2p]", "order[deep]"), 1.24),
)

#: Nights with a new version of a package in the environment.
PACKAGES: Final = {
    "cloudpickle": ((0, "3.1.1"), (58, "3.1.2")),
    "numpy": ((0, "2.3.4"), (96, "2.4.0")),
    "pandas": ((0, "3.0.1"), (184, "3.0.2")),
    "msgpack": ((0, "1.0.8"), (58, "1.1.2"), (79, "1.0.8")),
}
RELEASES: Final = (0, 30, 62, 93, 124, 152, 178)

#: What people said of changes: a word in a case, how it stands, and why.
SETTLED: Final = (("test_zarr.py", "expected", "Start-up is measured with the first test now"),)

#: Tests that fail: which, from which night to which, how often.
FAILING: Final = (("stealing", 196, NIGHTS, 1.0), ("gather", 140, NIGHTS, 0.06))
LOST: Final = (("shuffle_spilled", 100, NIGHTS, 0.02),)


def tests() -> list[str]:
    """Return the ids of all tests."""
    return [
        f"tests/test_{module}.py::test_{name}"
        for module, names in TESTS.items()
        for name in names.split()
    ]


def make(folder: Path) -> tuple[Path, Path]:
    """Make the repository and the table of results; return both."""
    code, table = folder / "distlib", folder / "nightly.csv"
    code.mkdir(parents=True)
    nights = _commit(code)
    _record(table, nights)
    return code, table


def _commit(code: Path) -> list[str]:
    """Make a repository with some commits for each night; return the newest of each."""
    chance = random.Random(5)
    stream, marks, last = [], 0, []
    for path, text in _sources().items():
        (code / path).parent.mkdir(parents=True, exist_ok=True)
        (code / path).write_text(text, "utf-8")
    for night in range(NIGHTS):
        told = [one for one in STORIES if one.night == night and one.what]
        subjects = [(chance.choice(SUBJECTS), chance.choice(AUTHORS))] * (chance.random() < 0.45)
        subjects += [(one.what, AUTHORS[one.author]) for one in told]
        subjects = subjects or [(chance.choice(SUBJECTS), chance.choice(AUTHORS))]
        for number, (subject, author) in enumerate(subjects):
            marks += 1
            at = int((FIRST + timedelta(days=night)).timestamp()) - 36000 + 1900 * number
            who = f"{author} <{author.split()[0].lower()}@example.org> {at} +0000"
            said = f"{subject} (#{1000 + 3 * marks})"
            stream.append(
                f"commit refs/heads/main\nmark :{marks}\nauthor {who}\ncommitter {who}\n"
                f"data {len(said.encode())}\n{said}\n"
            )
        last.append(f":{marks}")
    _git(code, "init", "--quiet", "--initial-branch=main")
    _git(code, "remote", "add", "origin", "https://github.com/example/distlib.git")
    exported = code / ".git" / "marks"
    _git(code, "fast-import", "--quiet", f"--export-marks={exported}", said="".join(stream))
    hashes = dict(line.split() for line in exported.read_text("utf-8").splitlines())
    return [hashes[one] for one in last]


def _git(folder: Path, *arguments: str, said: str = "") -> None:
    subprocess.run(["git", *arguments], cwd=folder, input=said.encode(), check=True)


def _sources() -> dict[str, str]:
    """Return the files of the repository."""
    files = {
        "pyproject.toml": '[project]\nname = "distlib"\nversion = "2026.11"\n\n'
        '[tool.benchdb]\nsubjects = ["distlib"]\ncontrols = ["*control*"]\n'
    }
    for module, names in TESTS.items():
        lines = ["import pytest", "", "from distlib import make", ""]
        variants: dict[str, list[str]] = {}
        for name in names.split():
            head, _, tail = name.rstrip("]").partition("[")
            variants.setdefault(head, []).append(tail)
        for name, kinds in variants.items():
            some = any(kinds)
            if some:
                lines += ["", f'@pytest.mark.parametrize("kind", {kinds})'.replace("'", '"')]
            else:
                lines += [""]
            lines += [
                f"def test_{name}(client, benchmark_all{', kind' if some else ''}):",
                f'    data = make("{module}"{", kind" if some else ""}).persist()',
                "    with benchmark_all(client):",
                f"        data.{name}().compute()",
                "",
            ]
        files[f"tests/test_{module}.py"] = "\n".join(lines)
    return files


def _record(table: Path, nights: list[str]) -> None:
    """Write what was measured, a line for a test run."""
    names = tests()
    fields = ["test", "start", "commit", "branch", "environment", "version:distlib"]
    fields += [f"version:{one}" for one in PACKAGES] + ["outcome", *METRICS]
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(fields)
        for night, commit in enumerate(nights):
            version = _version(night, commit)
            packages = [
                [name for since, name in one if since <= night][-1] for one in PACKAGES.values()
            ]
            for machine, hours in MACHINES.items():
                if machine == "py3.12-linux" and night in range(110, 116):
                    continue  # nobody noticed until Monday
                chance = random.Random(f"{night} {machine}")
                began = FIRST + timedelta(days=night, hours=hours)
                for number, name in enumerate(names):
                    start = (began + timedelta(seconds=20 * number)).isoformat()
                    row = [name, start, commit, "main", machine, version, *packages]
                    outcome = _outcome(name, night, machine, chance)
                    values = [_value(name, night, machine, metric, chance) for metric in METRICS]
                    shown = ["" if outcome else f"{value:.6g}" for value in values]
                    if _ran(name, night):
                        writer.writerow([*row, outcome, *shown])


def _version(night: int, commit: str) -> str:
    number = max(at for at, since in enumerate(RELEASES) if since <= night)
    release = f"2026.{5 + number}.0"
    return release if night in RELEASES else f"{release}+{night - RELEASES[number]}.g{commit[:7]}"


def _ran(name: str, night: int) -> bool:
    """Tell whether there was such a test."""
    if "region" in name:
        return night >= 90
    return not ("broadcast" in name and night >= 188)


def _outcome(name: str, night: int, machine: str, chance: random.Random) -> str:
    for cases, outcome in ((FAILING, "failed"), (LOST, "lost")):
        for word, first, end, often in cases:
            if word in name and first <= night < end and chance.random() < often:
                return outcome if machine == "py3.13-linux" or often < 1 else ""
    return ""


def _value(name: str, night: int, machine: str, metric: str, chance: random.Random) -> float:
    share = int(hashlib.sha256(f"{name} {metric}".encode()).hexdigest()[:8], 16) / 2**32
    low, high = METRICS[metric]
    level = low * math.pow(high / low, share)
    noise = (0.009 if metric == "duration" else 0.006) * (1 + 3 * (share > 0.85))
    value = level * chance.lognormvariate(0, noise) * (1.06 if machine == "py3.12-linux" else 1)
    if chance.random() < 0.008:
        value *= chance.uniform(1.15, 1.6)  # somebody else was on the machine
    for one in STORIES:
        fits = not one.tests or any(word in name for word in one.tests)
        if metric in one.metrics and fits and one.night <= night < one.until:
            if one.night == 121 and machine != "py3.13-linux":
                continue
            past = (night - one.night) / 100 if one.drift else 1.0
            value *= math.pow(one.effect, past)
    return value
