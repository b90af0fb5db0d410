"""Comparisons of the dashboard are those of `benchdb compare`, row by row."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from made_up import History, add, project, step
from sites import Site

from benchdb.dashboard.shards import pair_name

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Project


def rows_of(site: Site, pair: Any) -> dict[tuple[str, str], tuple[list[float | None], str]]:
    """Return by case and metric the numbers of a comparison, and what the page says of them."""
    index = site.index
    table, tolerance = index["series"], index["tolerance"]
    found = {}
    for at, number in enumerate(pair["series"]):
        low, high = pair["low"][at], pair["high"][at]
        beyond = (low is not None and low > 0) or (high is not None and high < 0)
        within = None not in (low, high) and -tolerance <= low and high <= tolerance
        said = "same" if within else "chance" if at in pair["chance"] else "sure" * beyond
        name = index["cases"]["id"][table["case"][number]]
        numbers = [pair[key][at] for key in ("effect", "low", "high", "before", "after")]
        found[name, index["metrics"][table["metric"][number]]["name"]] = numbers, said
    return found


def hold(of: Project, site: Site, kinds: tuple[str, ...]) -> list[Any]:
    """Hold the comparisons of some kinds of sides against the command; return the site's."""
    index = site.index
    held = []
    for numbers in index["pairs"]:
        sides = [index["sides"][number] for number in numbers]
        if tuple(one["kind"] for one in sides) != kinds:
            continue
        pair = site.data(f"compare/{pair_name(*(one['key'] for one in sides))}")
        said = of.benchdb("compare", *(one["asked"] for one in sides), "--format", "json").json
        rows = rows_of(site, pair)
        assert len(said["cases"]) == len(rows)
        for one in said["cases"]:
            found, told = rows[one["case"], one["metric"]]
            wanted = [one[key] for key in ("effect", "low", "high", "baseline", "contender")]
            for here, there in zip(found, wanted, strict=True):
                assert here == (there if there is None else pytest.approx(there, rel=1e-3))
            if one["verdict"] in ("REGRESSED", "IMPROVED"):
                assert told == "sure"
            elif one["verdict"] == "UNCHANGED":
                assert told == "same"
            elif abs(one["effect"]) > one["tolerance"]:
                assert told in ("", "chance")
        held.append(pair)
    return held


def test_single_sessions_are_compared_by_their_test_runs_and_across_machines(
    tmp_path: Path,
) -> None:
    made = History(
        6,
        5,
        effects={"t.py::test_03": step(3, 1.5)},
        more={"environment": lambda session: ("fast", "slow")[session % 2]},
    )
    of = project(tmp_path / "p")
    dice = random.Random(1)
    add(
        of,
        [
            {**row, "duration": repr(float(row["duration"]) * dice.lognormvariate(0, 0.01))}
            for row in made.rows()
            for _ in range(4)
        ],
    )
    site = Site(of)
    held = hold(of, site, ("session", "session"))
    assert len(held) == 3
    index = site.index
    conditions = index["series"]["conditions"]
    apart = [one for one in held if one["against"]]
    assert len(apart) == 2
    for one in apart:
        assert all(
            conditions[a] != conditions[b]
            for a, b in zip(one["against"], one["series"], strict=True)
        )
    assert all(None not in one["low"] for one in held)


def test_what_chance_explains_among_many_is_told_as_undecided(tmp_path: Path) -> None:
    made = History(
        40,
        120,
        seed=3,
        noise=0.1,
        effects={"t.py::test_05": step(20, 1.6)},
        more={"tag:half": lambda session: "first" if session < 20 else "second"},
    )
    of = project(tmp_path / "p", made)
    site = Site(of)
    (pair,) = hold(of, site, ("tag", "tag"))
    assert pair["chance"]
    sure = [said for _, said in rows_of(site, pair).values()].count("sure")
    assert sure == 1
