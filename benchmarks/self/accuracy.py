"""Measures how true the meters are and what they cost: ``python benchmarks/self/accuracy.py``.

`truths.py` has the workloads, `kinds.py` the clusters. Each ``--python`` names an interpreter with
a version of distributed, which gets a column; ``--write`` puts the tables into
``docs/accuracy.md``. All that is measured in one run is kept in ``--results``, in the place of an
earlier run's: ``--parts`` with nothing after it makes the tables of it again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import kinds
import truths

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from distributed import Client

    #: What was measured of a part, by the version of distributed.
    Results: TypeAlias = dict[str, dict[str, Any]]

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "accuracy.md"
RESULTS: Final = ROOT / ".venvs" / "accuracy.json"

#: What all meters together may cost, as a ratio of CPU time.
MOST_CPU: Final = 1.03
#: Heartbeats that may pass from the end of a block to the end of its metering.
MOST_HEARTBEATS: Final = 1.5

#: By the name of a fixture, in the order of the tables, a block under it.
FIXTURES: Final[dict[str, Callable[[Client], Any]]] = {
    "benchmark_time": lambda _: _stopwatch(),
    "benchmark_memory()": lambda _: _meters().memory(),
    "benchmark_memory(client)": lambda client: _meters().memory(client),
    "benchmark_task_durations": lambda client: _meters().task_durations(client),
    "benchmark_scheduler": lambda client: _meters().scheduler(client),
    "benchmark_all": lambda client: _meters().everything(client),
}

WORKERS: Final = 2
MANY_WORKERS: Final = 16

#: Clusters beside that of three processes, and what the page calls them.
CLUSTERS: Final = {
    ("processes", 1): "1 process",
    ("processes", MANY_WORKERS): "16 processes",
    ("threads", 1): "1 thread",
    ("threads", MANY_WORKERS): "16 threads",
    ("commands", 1): "1 by command",
    ("commands", MANY_WORKERS): "16 by command",
}

#: So many that their CPU time is well above the clock's 10 ms.
EMPTY_BLOCKS: Final = 20


def _stopwatch() -> Any:
    from benchdb.collect.clock import Stopwatch
    from benchdb.collect.readings import Readings

    return Stopwatch(Readings())


def _meters() -> Any:
    """Return what the fixtures of a test give."""
    from benchdb.collect.clock import Stopwatch
    from benchdb.collect.readings import Readings
    from benchdb.plugin.meters import Meters

    readings = Readings()
    return Meters(readings, Stopwatch(readings), versions={})


def found(rounds: int) -> list[dict[str, Any]]:
    """Return what the meters say of the workloads of known truth, and the truth."""
    seen = []
    for seconds in (0.001, 0.01, 0.1, 1):
        seen += truths.time_blocks(seconds, rounds)
    seen += truths.typical(truths.process_and_child, rounds)
    works = (truths.transient, truths.transient_within_a_call, *truths.ON_ALL)
    with kinds.local(3) as client:
        for work in dict.fromkeys(works):
            seen += truths.typical(lambda work=work: work(client), rounds)  # type: ignore[misc]
    return [asdict(one) for one in seen]


def found_elsewhere(rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Return the same, by the cluster's name, of what can be tried on every kind of cluster."""
    by_cluster = {}
    for (kind, workers), name in CLUSTERS.items():
        seen = []
        with kinds.KINDS[kind](workers) as client:
            for work in truths.for_cluster(kind, workers):
                seen += truths.typical(lambda work=work: work(client), rounds)  # type: ignore[misc]
        by_cluster[name] = [asdict(one) for one in seen]
    return by_cluster


def _cpu_seconds() -> float:
    """Return what this process and all that it started have used."""
    import psutil

    this = psutil.Process()
    spent = 0.0
    for process in (this, *this.children(recursive=True)):
        times = process.cpu_times()
        spent += times.user + times.system
    return spent


def costs(rounds: int, tasks: int) -> dict[str, Any]:
    """Return what fixtures cost, in CPU time of all processes.

    By fixture the ratios of a workload with it and without it, and the seconds of an empty block;
    and the seconds without. Each run without a fixture stands between two with one, and makes a
    pair with both of them; the fixtures change places from round to round.
    """
    ratios: dict[str, list[float]] = {name: [] for name in FIXTURES}
    empty: dict[str, list[float]] = {name: [] for name in FIXTURES}
    bare = []
    with kinds.local(WORKERS) as client:

        def spent(block: Callable[[Client], Any]) -> float:
            begun = _cpu_seconds()
            with block(client):
                client.gather(client.map(lambda number: number + 1, range(tasks), pure=False))
            return _cpu_seconds() - begun

        def of_empty_blocks(block: Callable[[Client], Any]) -> float:
            begun, start = _cpu_seconds(), time.perf_counter()
            for _ in range(EMPTY_BLOCKS):
                with block(client):
                    pass
            blocks, took = _cpu_seconds() - begun, time.perf_counter() - start
            # What a cluster uses meanwhile without any block.
            begun = _cpu_seconds()
            time.sleep(took)
            return (blocks - (_cpu_seconds() - begun)) / EMPTY_BLOCKS

        spent(lambda _: contextlib.nullcontext())
        names = list(FIXTURES)
        for turn in range(rounds):
            for name in names:
                empty[name].append(of_empty_blocks(FIXTURES[name]))
            shift = turn % len(names)
            order = [*names[shift:], *names[:shift]]
            for first, second in zip(order[::2], order[1::2], strict=True):
                before = spent(FIXTURES[first])
                bare.append(spent(lambda _: contextlib.nullcontext()))
                ratios[first].append(before / bare[-1])
                ratios[second].append(spent(FIXTURES[second]) / bare[-1])
    return {"ratios": ratios, "bare": bare, "empty": empty}


def ends(rounds: int, workers: int) -> dict[str, Any]:
    """Return, by fixture, seconds from the last line of a block to the first after it."""
    seconds: dict[str, list[float]] = {name: [] for name in FIXTURES}
    with kinds.local(workers) as client:
        for _ in range(rounds):
            for name, block in FIXTURES.items():
                with block(client):
                    client.gather(client.map(lambda number: number + 1, range(200), pure=False))
                    left = time.perf_counter()
                seconds[name].append(time.perf_counter() - left)
        heartbeat = client.run_on_scheduler(_heartbeat_function())
    return {"heartbeat": heartbeat, "seconds": seconds}


def _heartbeat_function() -> Callable[..., float]:
    def heartbeat(dask_scheduler: Any) -> float:
        from distributed.scheduler import heartbeat_interval

        return float(heartbeat_interval(len(dask_scheduler.workers)))

    return heartbeat


#: By part what measures it, given rounds and tasks.
PARTS: Final[dict[str, Callable[[int, int], Any]]] = {
    "truth": lambda rounds, _: found(rounds),
    "clusters": lambda rounds, _: found_elsewhere(rounds),
    "cost": costs,
    "end": lambda rounds, _: {str(many): ends(rounds, many) for many in (WORKERS, MANY_WORKERS)},
}


def measure(part: str, rounds: int, tasks: int) -> dict[str, Any]:
    """Measure a part of it with this interpreter."""
    import distributed

    return {
        "version": distributed.__version__,
        "value": PARTS[part](rounds, tasks),
        "rounds": rounds,
        "tasks": tasks,
        "python": sys.version.split()[0],
        "load": os.getloadavg()[0],
    }


def measure_all(pythons: list[str], parts: list[str], rounds: int, tasks: int) -> dict[str, Any]:
    """Measure parts of it with several interpreters, which get benchdb from this repository."""
    begun = time.monotonic()
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    all_: dict[str, Results] = {part: {} for part in parts}
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        file = Path(folder, "measured.json")
        for part in parts:
            for python in pythons:
                _progress(f"{(time.monotonic() - begun) / 60:4.1f} min: {part} with {python}")
                command = [python, __file__, "--parts", part, "--into", str(file)]
                subprocess.run(
                    [*command, "--rounds", str(rounds), "--tasks", str(tasks)],
                    check=True,
                    env={**os.environ, "PYTHONPATH": path},
                )
                measured = json.loads(file.read_text("utf-8"))
                all_[part][measured.pop("version")] = measured
    run = {
        "day": time.strftime("%Y-%m-%d"),
        "minutes": (time.monotonic() - begun) / 60,
        "cores": os.cpu_count(),
        "parts": parts,
    }
    return {"run": run, **all_}


def _progress(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


# The tables


def run_line(run: dict[str, Any]) -> str:
    """Return when all of it was measured, and what that took."""
    what = "All tables were" if set(run["parts"]) == set(PARTS) else f"{', '.join(run['parts'])}:"
    return (
        f"{what} measured in one run of {run['minutes']:.0f} minutes on {run['day']}, with"
        f" {run['cores']} cores."
    )


def _rows(lists: list[list[dict[str, Any]]]) -> list[tuple[truths.Found, list[Any]]]:
    """Return each value that any of the lists has, and what all of them have of it."""
    by_key = [{(one["what"], one["metric"]): truths.Found(**one) for one in of} for of in lists]
    keys = dict.fromkeys(key for of in by_key for key in of)
    rows = [[of.get(key) for of in by_key] for key in keys]
    return [(next(filter(None, row)), row) for row in rows]


def truth_table(results: Results) -> str:
    """Return the errors as Markdown, a column for each version."""
    heads = " | ".join(f"distributed {version}" for version in results)
    lines = [
        f"| what | metric | may be off by | {heads} |",
        "| --- | --- | --- |" + " --- |" * len(results),
    ]
    for some, row in _rows([result["value"] for result in results.values()]):
        allowed = "" if some.tolerance is None else f"{some.tolerance:.0%}"
        errors = [_error(one) if one else "not measured" for one in row]
        lines.append(f"| {some.what} | `{some.metric}` | {allowed} | {' | '.join(errors)} |")
    return "\n".join(
        [*lines, "", f"Of the rounds the one with the median error. {_where(results)}"]
    )


def _error(one: truths.Found) -> str:
    big = one.truth > 1000
    shown = f"{one.truth / truths.MB:,.0f} MB" if big else f"{one.truth:.3g}"
    if not big and one.metric != "scheduler_cpu_avg":
        shown += " s"
    error = f"{one.error:+.2%} of {shown}"
    return error if one.met else f"**{error}**"


def clusters_table(results: Results) -> str:
    """Return the errors on every kind of cluster as Markdown, a column for each kind."""
    names = list(dict.fromkeys(name for one in results.values() for name in one["value"]))
    lines = [
        f"| what | metric | {' | '.join(names)} |",
        "| --- | --- |" + " --- |" * len(names),
    ]
    lists = [one["value"].get(name, []) for name in names for one in results.values()]
    for some, row in _rows(lists):
        if some.tolerance is None:
            continue
        each = iter(_bare_error(one) for one in row)
        cells = [", ".join(next(each) for _ in results) for _ in names]
        cells = ["" if set(cell) <= set(", -") else cell for cell in cells]
        lines.append(f"| {some.what} | `{some.metric}` | {' | '.join(cells)} |")
    of = " and ".join(f"distributed {version}" for version in results)
    return "\n".join([*lines, "", f"With {of}, in this order. {_where(results)}"])


def _bare_error(one: truths.Found | None) -> str:
    if one is None:
        return "-"
    return f"{one.error:+.1%}" if one.met else f"**{one.error:+.1%}**"


def cost_table(results: Results) -> str:
    """Return what fixtures cost as Markdown, two columns for each version."""
    heads = [head for version in results for head in (f"{version}: a block", "the workload")]
    lines = [
        f"| fixture | may cost | {' | '.join(heads)} |",
        "| --- | --- |" + " --- |" * len(heads),
    ]
    for name in FIXTURES:
        most = MOST_CPU if name == "benchmark_all" else None
        cells = [cell for one in results.values() for cell in _cost(one["value"], name, most)]
        lines.append(f"| `{name}` | {f'{most} x' if most else ''} | {' | '.join(cells)} |")
    took = " and ".join(f"{median(one['value']['bare']):.1f} s" for one in results.values())
    tasks = " and ".join(dict.fromkeys(f"{one['tasks']:,}" for one in results.values()))
    said = f"Medians (and ranges). {tasks} tasks take {took} of CPU time without any fixture."
    return "\n".join([*lines, "", f"{said} {_where(results)}"])


def _cost(value: dict[str, Any], name: str, most: float | None) -> tuple[str, str]:
    """Return the CPU time of an empty block, and the ratio of the workload in pairs."""
    return (
        _spread(value["empty"][name], lambda seconds: f"{1000 * seconds:.0f} ms", None),
        _spread(value["ratios"][name], "{:.3f} x".format, most),
    )


def end_table(results: Results) -> str:
    """Return the seconds that blocks take to end as Markdown, by version and workers."""
    of_kinds = [
        (f"{version}, {workers} workers", ended)
        for version, result in results.items()
        for workers, ended in result["value"].items()
    ]
    lines = [
        f"| fixture | {' | '.join(head for head, _ in of_kinds)} |",
        "| --- |" + " --- |" * len(of_kinds),
    ]
    most = [MOST_HEARTBEATS * ended["heartbeat"] for _, ended in of_kinds]
    lines.append(f"| may take | {' | '.join(f'{one:.2f} s' for one in most)} |")
    for name in FIXTURES:
        cells = [
            _spread(ended["seconds"][name], "{:.3f} s".format, limit)
            for (_, ended), limit in zip(of_kinds, most, strict=True)
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Median (and range) of the rounds. {_where(results)}"])


def _spread(values: list[float], form: Callable[[float], str], most: float | None) -> str:
    middle = median(values)
    shown = form(middle) if most is None or middle <= most else f"**{form(middle)}**"
    return f"{shown} ({form(min(values))} to {form(max(values))})"


def _where(results: Results) -> str:
    rounds, pythons = (
        " and ".join(dict.fromkeys(str(one[key]) for one in results.values()))
        for key in ("rounds", "python")
    )
    loads = " and ".join(f"{one['load']:.1f}" for one in results.values())
    return f"Rounds: {rounds}. Python {pythons}. Load average at the end: {loads}."


TABLES: Final = {
    "run": run_line,
    "truth": truth_table,
    "clusters": clusters_table,
    "cost": cost_table,
    "end": end_table,
}


def write(tables: dict[str, str], page: Path = PAGE) -> None:
    """Put the tables into the page, in the place of those that were there.

    Raises
    ------
    LookupError
        If the page has no place for one of them.
    """
    text = page.read_text("utf-8")
    for name, table in tables.items():
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found_begin and found_end):
            raise LookupError(f"{page} should have a block from {name}:begin to {name}:end")
        text = f"{before}{begin}{table}\n{end}{after}"
    page.write_text(text, "utf-8")


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--tasks", type=int, default=10_000, help="of which costs are measured")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        help="an interpreter with a version of distributed, may be repeated; default: this one",
    )
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--results", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/accuracy.md")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.into:
        measured = measure(given.parts[0], given.rounds, given.tasks)
        given.into.write_text(json.dumps(measured), "utf-8")
        return 0
    if given.parts:
        pythons = given.python or [sys.executable]
        results = measure_all(pythons, given.parts, given.rounds, given.tasks)
        given.results.parent.mkdir(parents=True, exist_ok=True)
        given.results.write_text(json.dumps(results), "utf-8")
    measured = json.loads(given.results.read_text("utf-8"))
    tables = {name: table(measured[name]) for name, table in TABLES.items() if name in measured}
    for table in tables.values():
        print(table, end="\n\n")
    if given.write:
        write(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
