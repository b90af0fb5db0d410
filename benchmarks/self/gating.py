"""How often the gate is wrong, and how soon it sees: ``python benchmarks/self/gating.py [WHAT]``.

``worlds``: a suite of one test in four worlds of noise. False alarms per 100 sessions of a trunk
without a change (confirmed, and suspects), and of contenders; how many of +10 % steps are confirmed
within 3, 5 and 10 sessions, and suspected of a contender at once. ``suite``: 500 tests with three
metrics and no change for 100 sessions after the first 50, from a file, replayed by
`benchdb backtest`. ``step``: the same with a step of 8 % in three tests at the 76th session. What
was measured stands in docs/figures.md.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchdb.cli import main as benchdb
from benchdb.config import Settings
from benchdb.records import Direction, Verdict
from benchdb.review.backtest import replay
from benchdb.review.judged import Rule, same_event
from benchdb.review.judging import judge_contenders, judge_newest
from benchdb.store.opening import reading
from benchdb.store.progress import untold

if TYPE_CHECKING:
    from benchdb.review.judged import Judged

World = "Callable[[np.random.Generator, int], np.ndarray]"

#: Sessions before any is judged, and the step.
BEFORE, STEP = 100, math.log(1.1)


def drift(dice: np.random.Generator, n: int) -> np.ndarray:
    """Return an autoregressive process of the first order: 0.9, with a deviation of 3 %."""
    moves = dice.normal(0, 0.03 * math.sqrt(1 - 0.9**2), n + 100)
    values = np.zeros(n + 100)
    for at in range(1, n + 100):
        values[at] = 0.9 * values[at - 1] + moves[at]
    return values[100:]


#: Logarithms of values, by the name of a world.
WORLDS: dict[str, World] = {
    "Gaussian 2 %": lambda dice, n: dice.normal(0, 0.02, n),
    "3 %, spikes": lambda dice, n: (
        dice.normal(0, 0.03, n) + math.log(1.3) * (dice.random(n) < 0.05)
    ),
    "two machines": lambda dice, n: (
        dice.normal(0, 0.02, n) + math.log(1.15) * (dice.random(n) < 0.5)
    ),
    "slow drift": drift,
}


def false_alarms(
    world: World, dice: np.random.Generator, series: int, sessions: int, rule: Rule
) -> dict[str, float]:
    """Return alarms per 100 sessions in which nothing changed, by kind."""
    values = [100 * np.exp(world(dice, BEFORE + sessions)) for _ in range(series)]
    raised: list[list[Judged]] = [[] for _ in values]
    counts = dict.fromkeys(("confirmed", "suspect", "contender"), 0)
    for n in range(BEFORE + 1, BEFORE + sessions + 1):
        rules = [rule] * series
        for one, before in zip(
            judge_newest([some[:n] for some in values], rules, first=False), raised, strict=True
        ):
            if one.certainty and one.verdict is Verdict.REGRESSED:
                counts[one.certainty] += not any(same_event(one, other) for other in before)
                before.append(one)
        past, new = [some[: n - 1] for some in values], [some[n - 1 : n] for some in values]
        found = judge_contenders(past, new, rules)
        counts["contender"] += sum(one.verdict is Verdict.REGRESSED for one in found)
    return {kind: 100 * count / (series * sessions) for kind, count in counts.items()}


def seen(
    world: World, dice: np.random.Generator, series: int, rule: Rule
) -> tuple[dict[int, float], float]:
    """Return the share of steps that are confirmed within some sessions, and suspected at once."""
    step = STEP * (np.arange(BEFORE + 10) >= BEFORE)
    values = [100 * np.exp(world(dice, BEFORE + 10) + step) for _ in range(series)]
    first = np.full(series, 99)
    for after in range(1, 11):
        now = judge_newest(
            [some[: BEFORE + after] for some in values], [rule] * series, first=False
        )
        for number, one in enumerate(now):
            if one.certainty == "confirmed" and one.verdict is Verdict.REGRESSED:
                first[number] = min(first[number], after)
    found = judge_contenders(
        [some[:BEFORE] for some in values],
        [some[BEFORE : BEFORE + 1] for some in values],
        [rule] * series,
    )
    suspected = sum(one.verdict is Verdict.REGRESSED for one in found) / series
    return {within: float((first <= within).mean()) for within in (3, 5, 10)}, suspected


def smallest(world: World, dice: np.random.Generator, series: int, rule: Rule) -> float:
    """Return the smallest detectable slowdown that is printed, of the middle series."""
    values = [100 * np.exp(world(dice, BEFORE)) for _ in range(series)]
    return float(np.median([one.smallest for one in judge_newest(values, [rule] * series)]))


def worlds(series: int, sessions: int, family: int) -> None:
    """Print what happens in each world to a suite of so many series."""
    rule = Rule(0.01 / family, 0.02, Direction.LOWER_IS_BETTER)
    print(f"{family} series judged; {series} x {sessions} sessions without a change")
    for name, world in WORLDS.items():
        dice = np.random.default_rng(family)
        wrong = false_alarms(world, dice, series, sessions, rule)
        right, suspected = seen(world, dice, max(series, 200), rule)
        alarms = ", ".join(f"{kind} {rate:.2f}" for kind, rate in wrong.items())
        shares = ", ".join(f"{share:.2f} in {within}" for within, share in right.items())
        printed = smallest(world, dice, 50, rule)
        print(
            f"{name:13} false per 100: {alarms} | +10 % confirmed: {shares}; suspected of a "
            f"contender at once {suspected:.2f} | printed as smallest: {100 * printed:.1f} %",
            flush=True,
        )


def write_history(
    path: Path, tests: int, sessions: int, *, stepped: int, at: int, seed: int
) -> None:
    """Write a CSV file with three metrics, and a step of 8 % in some tests from a session on."""
    dice = np.random.default_rng(seed)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    with path.open("w") as file:
        file.write("session,test,start,commit,branch,duration,peak_memory,average_memory\n")
        for number in range(sessions):
            commit = hashlib.sha1(b"%d" % number).hexdigest()
            start = (begin + timedelta(days=number)).isoformat()
            noise = np.exp(dice.normal(0, 0.02, (tests, 3)))
            for test in range(tests):
                slower = 1.08 if test < stepped and number >= at else 1.0
                time_, peak, mean = noise[test]
                file.write(
                    f"s{number},tests/test_{test // 20}.py::test_{test},{start},{commit},main,"
                    f"{(1 + test % 7) * slower * time_},{1e9 * peak},{5e8 * mean}\n"
                )


def suite(stepped: int, seed: int, tests: int, sessions: int, before: int) -> None:
    """Replay a suite, and print what fails."""
    at = before + sessions // 4
    with tempfile.TemporaryDirectory() as folder:
        csv, database = Path(folder, "history.csv"), Path(folder, "history.db")
        write_history(csv, tests, before + sessions, stepped=stepped, at=at, seed=seed)
        if benchdb(["import", "csv", str(csv), "--db", str(database)]):
            sys.exit("the import failed")
        began = time.process_time()
        with reading(database) as connection:
            found = replay(connection, Settings(Path(folder)), untold, last=sessions)
        took = time.process_time() - began
    print(
        f"{tests} tests x 3 metrics, seed {seed}: {found.failing} of {found.sessions} sessions "
        f"failed ({took:.0f} s of CPU)"
    )
    right = hashlib.sha1(b"%d" % at).hexdigest()
    for one in found.alarms:
        said = one.verdict
        place = "right" if said.since and said.since.subjects[0].commit == right else "wrong"
        name = f"{said.key.case.name} {said.key.metric.name}"
        print(f"  {name} {100 * said.effect:+.1f} % after {said.points} sessions, {place} commit")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    parts = ("worlds", "suite", "step")
    add("what", nargs="*", default=parts, help=", ".join(parts))
    add("--series", type=int, default=150)
    add("--sessions", type=int, default=40)
    add("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    if "worlds" in chosen.what:
        for family in (1, 1500):
            worlds(chosen.series, chosen.sessions, family)
    for seed in range(chosen.seeds):
        if "suite" in chosen.what:
            suite(0, seed, 500, 100, 50)
        if "step" in chosen.what:
            suite(3, seed, 500, 40, 60)


if __name__ == "__main__":
    main()
