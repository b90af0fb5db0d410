"""How well change points are found: on made-up histories with known changes, and in four worlds.

    python benchmarks/self/detection.py            # all, ten fresh sets: some minutes
    python benchmarks/self/detection.py offline online worlds compare null speed --sets 4 --seed 7

A set is 420 histories of twelve kinds: flat ones (with spikes, with a spread that changes, of two
machines, with drift), single steps, several, short episodes, steps among spikes and drift. Noise
is normal, heavy-tailed, skewed, and remembers in a third of them. What is printed beside a mean is
its standard error over the sets. No set was used to choose a constant: choose another seed.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchdb import compare, find_change_points_many, judge_points

#: The kinds of histories in a set, and how many there are of each.
KINDS = {
    "flat": 70,
    "flat_outliers": 30,
    "flat_spread": 18,
    "flat_bimodal": 20,
    "flat_drift": 17,
    "step": 85,
    "step_outliers": 45,
    "several": 45,
    "episode": 35,
    "short_step": 30,
    "step_bimodal": 15,
    "step_drift": 10,
}
#: Changes below this signal-to-noise ratio are neither found nor missed in the figure `det`.
DETECTABLE = 5


def log_uniform(random, low, high):
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def noise(random, points, memory):
    shape = random.choice(4, p=[0.5, 0.2, 0.2, 0.1])
    if shape == 0:
        drawn = random.normal(size=points)
    elif shape == 1:
        drawn = random.standard_t(5, size=points) / np.sqrt(5 / 3)
    elif shape == 2:
        skew = log_uniform(random, 2, 8)
        drawn = (random.gamma(skew, size=points) - skew) / np.sqrt(skew)
    else:
        drawn = random.laplace(size=points) / np.sqrt(2)
    for at in range(1, points if memory else 0):
        drawn[at] = memory * drawn[at - 1] + np.sqrt(1 - memory**2) * drawn[at]
    return drawn


def changes_of(random, kind, points):
    """Return where the level changes, and by what share each time."""

    def share():
        size = log_uniform(random, 0.02, 0.5)
        return size if random.random() < 0.65 else -size / (1 + size)

    if kind == "several":
        number = min(
            int(random.choice([2, 3, 4, 5, 6, 7], p=[0.16, 0.24, 0.16, 0.3, 0.07, 0.07])),
            points // 8,
        )
        while True:
            places = np.sort(random.choice(np.arange(6, points - 5), number, replace=False))
            if number == 1 or np.diff(places).min() >= 6:
                return places.tolist(), [share() for _ in places]
    if kind == "episode":
        width = int(random.integers(5, max(6, points // 3) + 1))
        start = int(random.integers(5, points - width - 4))
        size = log_uniform(random, 0.04, 0.5)
        both = [size, -size / (1 + size)]
        return [start, start + width], both if random.random() < 0.8 else both[::-1]
    if "step" in kind:
        margin = 4 if kind == "short_step" else min(max(4, points // 10), points // 3)
        return [int(random.integers(margin, points - margin + 1))], [share()]
    return [], []


def history(random, kind):
    """Return the values of one history, its changes and their signal-to-noise ratios."""
    short = kind == "short_step" or (kind == "flat" and random.random() < 0.4)
    longest = 530 if kind == "several" else 600
    shortest = 60 if kind == "several" else 30
    points = int(random.integers(12, 31)) if short else int(log_uniform(random, shortest, longest))
    still = kind in {"flat", "step", "several"} and random.random() < 0.06
    spread = 0.0 if still else log_uniform(random, 0.005, 0.15)
    memory = random.uniform(0.15, 0.45) if not still and random.random() < 0.35 else 0.0
    drawn = noise(random, points, memory) * spread
    sigma = max(spread, 1e-10)
    places, shares = changes_of(random, kind, points)
    heights = np.zeros(points)
    for place, share in zip(places, shares, strict=True):
        heights[place:] += np.log1p(share)
    if kind == "flat_spread":
        later = int(random.integers(points // 4, 3 * points // 4))
        drawn[later:] *= random.choice(
            [log_uniform(random, 0.25, 0.6), log_uniform(random, 1.6, 4)]
        )
    if kind.endswith("bimodal"):
        gap = log_uniform(random, 0.02, 0.16) * random.choice([-1, 1])
        often = random.uniform(0.12, 0.5)
        drawn += gap * (random.random(points) < often)
        sigma = np.sqrt(sigma**2 + often * (1 - often) * gap**2)
    if kind.endswith("drift"):
        past = np.linspace(0, 1, points)
        total = log_uniform(random, 0.015, 0.1) * random.choice([-1, 1])
        wave = 0.6 * np.sin(2 * np.pi * (random.uniform(0.7, 1.4) * past + random.random()))
        drawn += total * (past if random.random() < 0.55 else wave)
    if kind.endswith("outliers"):
        number = max(1, round(random.uniform(0.01, 0.08) * points))
        at = random.choice(points, number, replace=False)
        sizes = np.log1p(np.exp(random.uniform(np.log(0.1), np.log(1.5), number)))
        drawn[at] += 0.8 * sizes * np.where(random.random(number) < 0.9, 1, -1)
    elif not still and random.random() < 0.15:
        at = random.choice(points, max(1, points // 200), replace=False)
        drawn[at] += np.log1p(np.exp(random.uniform(np.log(0.1), 0, len(at))))
    edges = [0, *places, points]
    ratios = []
    for number, (place, share) in enumerate(zip(places, shares, strict=True)):
        before, after = place - edges[number], edges[number + 2] - place
        ratios.append(abs(np.log1p(share)) / sigma * np.sqrt(before * after / (before + after)))
    return log_uniform(random, 1e-3, 100) * np.exp(heights + drawn), places, ratios


def histories(seed):
    random = np.random.default_rng(seed)
    return [history(random, kind) for kind, number in KINDS.items() for _ in range(number)]


def pairs(true, found, window):
    """Pair true changes with found ones, nearest first."""
    near = sorted(
        (abs(a - b), i, j)
        for i, a in enumerate(true)
        for j, b in enumerate(found)
        if abs(a - b) <= window
    )
    paired = {}
    for _, i, j in near:
        if i not in paired and j not in paired.values():
            paired[i] = j
    return paired


def offline(seed):
    made = histories(seed)
    everything = find_change_points_many([values for values, _, _ in made])
    score = {}
    for name, least in (("det F1", DETECTABLE), ("all F1", 0)):
        hit = missed = false = exact = 0
        for (values, places, ratios), changes in zip(made, everything, strict=True):
            window = 2 if len(values) < 60 else 3
            weak = [place for place, ratio in zip(places, ratios, strict=True) if ratio < least]
            true = [place for place in places if place not in weak]
            found = [change.index for change in changes]
            paired = pairs(true, found, window)
            rest = [place for at, place in enumerate(found) if at not in paired.values()]
            false += sum(all(abs(a - b) > max(window, 5) for b in weak) for a in rest)
            hit, missed = hit + len(paired), missed + len(true) - len(paired)
            exact += sum(true[i] == found[j] for i, j in paired.items())
        score[name] = 2 * hit / (2 * hit + false + missed)
        if least:
            score["on the exact run"] = exact / hit
    flat = [
        bool(found) for (_, places, _), found in zip(made, everything, strict=True) if not places
    ]
    score["flat alarmed"] = sum(flat) / len(flat)
    return score


def online(seed, sensitivity="confirmed", mixed=True):
    """Feed histories run by run, as a gate sees them: what is alarmed, and how late.

    Of each set 120 are taken: of all kinds, if mixed; else the first ones, which are mostly single
    steps and noise that stays as it is.
    """
    random = np.random.default_rng(seed)
    made = histories(seed)
    if mixed:
        random.shuffle(made)
    made = [one for one in made if 20 <= len(one[0]) <= 160]
    made = [one for one in made if one[1]][:80] + [one for one in made if not one[1]][:40]
    prefixes = [values[:points] for values, _, _ in made for points in range(8, len(values) + 1)]
    judged = iter(find_change_points_many(prefixes, sensitivity=sensitivity))
    delays, false = [], 0
    for values, places, ratios in made:
        seen, hits = [], {}
        for points in range(8, len(values) + 1):
            for change in next(judged):
                if any(abs(change.index - place) <= 5 for place in seen):
                    continue
                seen.append(change.index)
                near = [
                    i
                    for i, place in enumerate(places)
                    if abs(place - change.index) <= 5 and points > place
                ]
                false += not near
                for i in near[:1]:
                    hits.setdefault(i, points - 1 - places[i])
        for i, (place, ratio) in enumerate(zip(places, ratios, strict=True)):
            if ratio >= DETECTABLE and place >= 8:
                delays.append(hits.get(i, np.inf))
    late = np.array(delays)
    score = {"false per 1000 runs": 1000 * false / len(prefixes)}
    return score | {f"within {runs}": float((late <= runs).mean()) for runs in (2, 3, 5, 10)}


def world(name, random, points):
    """Return logarithms of one null history."""
    if name == "gaussian":
        return random.normal(0, 0.02, points)
    if name == "spikes":
        return random.normal(0, 0.03, points) + np.log(1.3) * (random.random(points) < 0.05)
    if name == "two machines":
        return random.normal(0, 0.02, points) + np.log(1.15) * (random.random(points) < 0.5)
    drift = random.normal(0, 0.03, points)
    for at in range(1, points):
        drift[at] = 0.9 * drift[at - 1] + np.sqrt(1 - 0.81) * drift[at]
    return drift


WORLDS = ("gaussian", "spikes", "two machines", "drift")


def worlds(seed, tests=60, before=60, runs=100):
    """False alarms per 100 null runs of one test, and the chance to see +10 % within some runs."""
    for name in WORLDS:
        random = np.random.default_rng(seed)
        null = [world(name, random, before + runs) for _ in range(tests)]
        prefixes = [
            np.exp(one[:points]) for one in null for points in range(before, before + runs + 1)
        ]
        judged = iter(find_change_points_many(prefixes, sensitivity="confirmed"))
        false = 0
        for _ in null:
            seen = []
            for points in range(before, before + runs + 1):
                for change in next(judged):
                    if all(abs(change.index - place) > 5 for place in seen):
                        seen.append(change.index)
                        false += points > before
        told = f"{name}: {100 * false / (tests * runs):.2f} false per 100 runs; +10 % seen within"
        steps = [np.exp(world(name, random, before + 10)) for _ in range(tests * 3)]
        for one in steps:
            one[before:] *= 1.1
        floors = find_change_points_many([one[:before] for one in steps])
        for after in (1, 3, 5, 10):
            found = find_change_points_many(
                [one[: before + after] for one in steps], sensitivity="confirmed"
            )
            seen = sum(any(abs(change.index - before) <= 5 for change in one) for one in found)
            told += f" {after}: {seen / len(steps):.2f}"
        print(told + f"; noise floor {np.median([one.noise_floor for one in floors]):.1%}")


def coverage(seed, times=1000):
    """How often the 95 % interval of a comparison holds the true ratio."""
    random = np.random.default_rng(seed)
    for name in WORLDS:
        for one, two in ((1, 10), (3, 3), (5, 5), (10, 10), (30, 10), (60, 60)):
            held = 0
            for _ in range(times):
                both = world(name, random, one + two)  # of the drift: one after the other
                found = compare(np.exp(both[:one]), 1.1 * np.exp(both[one:]))
                held += found.low <= 0.1 <= found.high
            print(f"{name}, {one} runs against {two}: the interval holds it in {held / times:.3f}")


def null(seed, series=4000):
    """How often p is as small as it says with no change: of a whole series, and of one point."""
    random = np.random.default_rng(seed)

    def remembers(shape):
        drawn = random.normal(size=shape)
        for at in range(1, shape[1]):
            drawn[:, at] = 0.3 * drawn[:, at - 1] + np.sqrt(1 - 0.09) * drawn[:, at]
        return drawn

    shapes = {
        "normal": lambda shape: random.normal(size=shape),
        "heavy tails": lambda shape: random.standard_t(5, size=shape),
        "skewed": lambda shape: random.gamma(3, size=shape),
        "remembers (.3)": remembers,
        "spikes (5 %)": lambda shape: random.normal(size=shape) + 8 * (random.random(shape) < 0.05),
    }
    for points in (20, 60, 200):
        for name, draw in shapes.items():
            values = np.exp(0.03 * draw((series, points + 1)))
            found = find_change_points_many(list(values[:, :-1]))
            least = np.array(
                [min((c.p for c in (*one.steps, *one.candidates)), default=1.0) for one in found]
            )
            last = np.array(
                [
                    judge_points(one.baseline, value).p_above
                    for one, value in zip(found, values[:, -1], strict=True)
                ]
            )
            shares = ", ".join(
                f"p <= {p}: {(least <= p).mean():.4f}, point {(last <= p).mean():.4f}"
                for p in (0.05, 0.01, 0.001)
            )
            print(f"{points} points, {name}: {shares}")


def speed(seed):
    random = np.random.default_rng(seed)
    values = np.exp(random.normal(0, 0.03, (1000, 200)))
    values[:500, 120:] *= 1.1
    long = np.exp(random.normal(0, 0.03, 100_000))
    sets = [one for one, _, _ in histories(seed)]
    for name, series in (
        ("1000 series of 200 points, half with a step", list(values)),
        (f"a set: 420 series, {sum(map(len, sets))} points", sets),
        ("one series of 100,000 points", [long]),
    ):
        took = []
        for _ in range(3):
            started = time.process_time()
            find_change_points_many(series)
            took.append(time.process_time() - started)
        print(f"{name}: {min(took):.2f} s of CPU")


def told(name, scores):
    print(f"{name}, {len(scores)} sets")
    for figure in scores[0]:
        values = np.array([score[figure] for score in scores])
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        print(f"  {figure}: {values.mean():.3f} (standard error {error:.3f})")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("offline", "online", "worlds", "compare", "null", "speed")
    parser.add_argument("parts", nargs="*", default=parts, help=", ".join(parts))
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.sets)
    if "offline" in options.parts:
        told("offline", [offline(seed) for seed in seeds])
    if "online" in options.parts:
        for sensitivity in ("confirmed", "suspect"):
            told(f"online, {sensitivity}", [online(seed, sensitivity) for seed in seeds])
            first = [online(seed, sensitivity, mixed=False) for seed in seeds]
            told(f"online, {sensitivity}, the first of each set", first)
    if "worlds" in options.parts:
        worlds(options.seed)
    if "compare" in options.parts:
        coverage(options.seed)
    if "null" in options.parts:
        null(options.seed)
    if "speed" in options.parts:
        speed(options.seed)


if __name__ == "__main__":
    main()
