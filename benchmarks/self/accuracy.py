"""Measures how true the meters are and what they cost: ``python benchmarks/self/accuracy.py``.

`truths.py` has the workloads. ``--python`` names an interpreter with another version of
distributed, which is measured beside this one; ``--write`` puts the tables into
``docs/accuracy.md``. What is measured is kept in ``--results``, so that the parts of it may be
measured one by one: ``--parts cost``, or none of them, ``--parts``, to make the tables again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import truths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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

#: In the order of the tables; `meters` has what they do.
FIXTURES: Final = (
    "benchmark_time",
    "benchmark_memory()",
    "benchmark_memory(client)",
    "benchmark_task_durations",
    "benchmark_scheduler",
    "benchmark_all",
)

WORKERS: Final = 2
MANY_WORKERS: Final = 16

#: So many that their CPU time is well above the clock's 10 ms.
EMPTY_BLOCKS: Final = 20


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[Client]:
    """Start workers of one thread each, each a process."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit="3GB", dashboard_address=":0"
        ) as local,
        Client(local) as client,
    ):
        client.wait_for_workers(workers)
        yield client


def meters() -> dict[str, Any]:
    """Return what each fixture does, by its name."""
    from benchdb.collect.clock import Stopwatch
    from benchdb.collect.dask_memory import measure_memory
    from benchdb.collect.dask_scheduler import measure_scheduler
    from benchdb.collect.dask_tasks import measure_task_durations
    from benchdb.collect.process_memory import measure_process_memory

    def together(client: Client, readings: Any) -> contextlib.ExitStack:
        stack = contextlib.ExitStack()
        for meter in (measure_memory, measure_task_durations, measure_scheduler):
            stack.enter_context(meter(client, readings))
        stack.enter_context(Stopwatch(readings))
        return stack

    of_all = (
        lambda _, readings: Stopwatch(readings),
        lambda _, readings: measure_process_memory(readings),
        measure_memory,
        measure_task_durations,
        measure_scheduler,
        together,
    )
    return dict(zip(FIXTURES, of_all, strict=True))


def found(rounds: int) -> list[dict[str, Any]]:
    """Return what the meters say of the workloads of known truth, and the truth."""
    seen = []
    for seconds in (0.001, 0.01, 0.1, 1):
        seen += truths.time_blocks(seconds, rounds)
    seen += truths.typical(truths.process_and_child, rounds)
    works = (
        truths.transient,
        truths.transient_within_a_call,
        truths.plateau,
        truths.in_turn,
        truths.compute,
        truths.transfer,
        truths.spilling,
        truths.serialising,
        truths.scheduler_cpu,
        truths.ticks,
    )
    with cluster(3) as client:
        for work in works:
            seen += truths.typical(lambda work=work: work(client), rounds)  # type: ignore[misc]
    return [asdict(one) for one in seen]


def _cpu_seconds() -> float:
    """Return what this process and all that it started have used."""
    import psutil

    this = psutil.Process()
    spent = 0.0
    for process in (this, *this.children(recursive=True)):
        times = process.cpu_times()
        spent += times.user + times.system
    return spent


def costs(rounds: int, tasks: int, fixtures: list[str]) -> dict[str, Any]:
    """Return what fixtures cost, in CPU time of all processes.

    By fixture the ratios of a workload with it and without it, which run after each other, each
    first in turn; the seconds without; and by fixture the seconds of an empty block.
    """
    from benchdb.collect.readings import Readings

    ratios: dict[str, list[float]] = {name: [] for name in fixtures}
    empty: dict[str, list[float]] = {name: [] for name in FIXTURES}
    bare_seconds = []
    with cluster(WORKERS) as client:

        def spent(meter: Any) -> float:
            begun = _cpu_seconds()
            with meter(client, Readings()):
                client.gather(client.map(lambda number: number + 1, range(tasks), pure=False))
            return _cpu_seconds() - begun

        def bare(*_: object) -> Any:
            return contextlib.nullcontext()

        def of_empty_blocks(meter: Any) -> float:
            begun, start = _cpu_seconds(), time.perf_counter()
            for _ in range(EMPTY_BLOCKS):
                with meter(client, Readings()):
                    pass
            blocks, took = _cpu_seconds() - begun, time.perf_counter() - start
            # What a cluster uses meanwhile without any block.
            begun = _cpu_seconds()
            time.sleep(took)
            return (blocks - (_cpu_seconds() - begun)) / EMPTY_BLOCKS

        spent(bare)
        for turn in range(rounds):
            for name, meter in meters().items():
                empty[name].append(of_empty_blocks(meter))
            for name in fixtures:
                meter = meters()[name]
                if turn % 2:
                    with_it, without = spent(meter), spent(bare)
                else:
                    without, with_it = spent(bare), spent(meter)
                ratios[name].append(with_it / without)
                bare_seconds.append(without)
    return {"ratios": ratios, "bare": bare_seconds, "empty": empty}


def ends(rounds: int, workers: int) -> dict[str, Any]:
    """Return, by fixture, seconds from the last line of a block to the first after it."""
    from benchdb.collect.readings import Readings

    seconds: dict[str, list[float]] = {name: [] for name in meters()}
    with cluster(workers) as client:
        for _ in range(rounds):
            for name, meter in meters().items():
                with meter(client, Readings()):
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


def measure(part: str, rounds: int, tasks: int, fixtures: list[str]) -> dict[str, Any]:
    """Measure a part of it with this interpreter."""
    if part == "truth":
        value: Any = found(rounds)
    elif part == "cost":
        value = costs(rounds, tasks, fixtures)
    else:
        value = {str(workers): ends(rounds, workers) for workers in (WORKERS, MANY_WORKERS)}
    return {
        "value": value,
        "rounds": rounds,
        "tasks": tasks,
        "python": sys.version.split()[0],
        "day": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


def measure_all(
    results: Path, parts: list[str], rounds: int, tasks: int, fixtures: list[str]
) -> None:
    """Measure parts of it, and add each to the results when it is there."""
    import distributed

    version = distributed.__version__
    results.parent.mkdir(parents=True, exist_ok=True)
    for part in parts:
        _progress(f"distributed {version}: {part} …")
        measured = measure(part, rounds, tasks, fixtures)
        all_ = json.loads(results.read_text()) if results.exists() else {}
        all_.setdefault(part, {})[version] = measured
        results.write_text(json.dumps(all_))


def _progress(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def measure_elsewhere(python: str, *arguments: str) -> None:
    """Measure with another interpreter, which gets benchdb from where this one has it."""
    import benchdb

    here = str(Path(benchdb.__file__).parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    subprocess.run(
        [python, __file__, *arguments],
        check=True,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
    )


# The tables


def truth_table(results: Results) -> str:
    """Return the errors as Markdown, a column for each version."""
    lines = [
        f"| what | metric | may be off by | {' | '.join(_versions(results))} |",
        "| --- | --- | --- |" + " --- |" * len(results),
    ]
    for of_one in zip(*(result["value"] for result in results.values()), strict=True):
        some = truths.Found(**of_one[0])
        allowed = "" if some.tolerance is None else f"{some.tolerance:.0%}"
        errors = [_error(truths.Found(**one)) for one in of_one]
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


def cost_table(results: Results) -> str:
    """Return what fixtures cost as Markdown, three columns for each version."""
    heads = [
        head
        for version in results
        for head in (f"{version}: a block", "of the workload", "in pairs")
    ]
    lines = [
        f"| fixture | may cost | {' | '.join(heads)} |",
        "| --- | --- |" + " --- |" * len(heads),
    ]
    for name in FIXTURES:
        most = MOST_CPU if name == "benchmark_all" else None
        cells = [cell for one in results.values() for cell in _cost(one["value"], name, most)]
        lines.append(f"| `{name}` | {f'{most} x' if most else ''} | {' | '.join(cells)} |")
    took = " and ".join(f"{median(one['value']['bare']):.1f} s" for one in results.values())
    said = f"Medians (and ranges). The workload takes {took} of CPU time without any fixture."
    return "\n".join([*lines, "", f"{said} {_where(results)}"])


def _cost(value: dict[str, Any], name: str, most: float | None) -> tuple[str, str, str]:
    """Return an empty block's CPU time, what that is of the workload's, and the ratio in pairs."""
    empty = value["empty"][name]
    share = 1 + median(empty) / median(value["bare"])
    return (
        _spread(empty, lambda seconds: f"{1000 * seconds:.0f} ms", None),
        f"{share:.3f} x" if most is None or share <= most else f"**{share:.3f} x**",
        _spread(value["ratios"].get(name), "{:.3f} x".format, most),
    )


def end_table(results: Results) -> str:
    """Return the seconds that blocks take to end as Markdown, by version and workers."""
    kinds = [
        (f"{version}, {workers} workers", ended)
        for version, result in results.items()
        for workers, ended in result["value"].items()
    ]
    lines = [
        f"| fixture | {' | '.join(head for head, _ in kinds)} |",
        "| --- |" + " --- |" * len(kinds),
    ]
    most = [MOST_HEARTBEATS * ended["heartbeat"] for _, ended in kinds]
    lines.append(f"| may take | {' | '.join(f'{one:.2f} s' for one in most)} |")
    for name in FIXTURES:
        cells = [
            _spread(ended["seconds"][name], "{:.3f} s".format, limit)
            for (_, ended), limit in zip(kinds, most, strict=True)
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Median (and range) of the rounds. {_where(results)}"])


def _versions(results: Results) -> list[str]:
    return [f"distributed {version}" for version in results]


def _spread(values: list[float] | None, form: Callable[[float], str], most: float | None) -> str:
    if not values:
        return "not measured"
    middle = median(values)
    shown = form(middle) if most is None or middle <= most else f"**{form(middle)}**"
    return f"{shown} ({form(min(values))} to {form(max(values))})"


def _where(results: Results) -> str:
    one = next(iter(results.values()))
    rounds = " and ".join(str(result["rounds"]) for result in results.values())
    loads = " and ".join(f"{result['load']:.1f}" for result in results.values())
    return (
        f"Rounds: {rounds}, on {one['day']} with {one['cores']} cores and Python {one['python']};"
        f" load average at the end: {loads}."
    )


TABLES: Final = {"truth": truth_table, "cost": cost_table, "end": end_table}


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
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--tasks", type=int, default=10_000, help="of which costs are measured")
    parser.add_argument("--python", help="an interpreter with another version of distributed")
    parser.add_argument("--parts", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument(
        "--fixtures",
        nargs="+",
        choices=FIXTURES,
        default=FIXTURES,
        help="whose costs; default: all",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/accuracy.md")
    arguments = parser.parse_args()
    fixtures = arguments.fixtures
    measure_all(arguments.results, arguments.parts, arguments.rounds, arguments.tasks, fixtures)
    if arguments.python:
        measure_elsewhere(
            arguments.python,
            *("--rounds", str(arguments.rounds), "--tasks", str(arguments.tasks)),
            *("--results", str(arguments.results.resolve()), "--parts", *arguments.parts),
            *("--fixtures", *fixtures),
        )
    measured = json.loads(arguments.results.read_text())
    tables = {name: table(measured[name]) for name, table in TABLES.items() if name in measured}
    for table in tables.values():
        print(table, end="\n\n")
    if arguments.write:
        write(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
