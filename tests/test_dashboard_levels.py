"""What the dashboard says that a series has come to: a level, a slope, or a share of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from made_up import History, add, project, step
from sites import Site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.portable

DRIFTS = "t.py::test_03"


def test_what_drifts_has_come_to_the_end_of_its_slope(tmp_path: Path) -> None:
    made = History(60, 8, effects={DRIFTS: lambda session: 1 + 0.004 * session})
    site = Site(project(tmp_path / "p", made))
    (series,) = site.case(DRIFTS)["series"]
    drift = series["drift"]
    assert drift["first"] == pytest.approx(4.0, rel=0.03)
    assert drift["last"] == pytest.approx(4.0 * (1 + 0.004 * 59), rel=0.03)
    assert site.series(DRIFTS)["now"] == drift["last"]
    assert min(series["values"]) <= drift["first"] < drift["last"] <= max(series["values"])


def test_what_drifts_beside_a_step_keeps_its_levels(tmp_path: Path) -> None:
    def both(session: int) -> float:
        return (1 + 0.003 * session) * step(100, 2.0)(session)

    site = Site(project(tmp_path / "p", History(140, 4, noise=0.005, effects={DRIFTS: both})))
    (series,) = site.case(DRIFTS)["series"]
    assert len(series["segments"]) > 1
    if drift := series["drift"]:
        assert (drift["first"], drift["last"]) == (None, None)
    assert site.series(DRIFTS)["now"] == series["segments"][-1]["level"]


def test_what_fails_now_and_then_is_told_by_the_share_of_its_sessions(tmp_path: Path) -> None:
    of = project(tmp_path / "p")
    rows = History(60, 2).rows()
    for at, row in enumerate(rows):
        session, case = divmod(at, 2)
        if case == 1 and (session < 30 or session % 10 == 0):
            row.update(outcome="failed", duration="")
        else:
            row["outcome"] = ""
    add(of, rows)
    site = Site(of)
    found = site.series("t.py::test_01", "failed")
    assert found["now"] == pytest.approx(2 / 29, rel=1e-4)  # all until the 30th, which failed too
    (series,) = (
        one for one in site.case("t.py::test_01")["series"] if one["series"] == found["number"]
    )
    assert [one["level"] for one in series["segments"]] == [1, found["now"]]


def test_the_headline_lists_what_became_worse_as_people_do(tmp_path: Path) -> None:
    of = project(tmp_path / "p")
    rows = History(40, 6, effects={DRIFTS: step(25, 1.3)}).rows()
    for at, row in enumerate(rows):
        session, case = divmod(at, 6)
        slower = 1.4 if session >= 25 else 1.0
        row["peak_memory"] = str(round(1e8 * (slower if case == 1 else 1) * (1 + at % 7 / 200)))
        row["depth [m lower]"] = str(5 * (slower if case == 2 else 1) * (1 + at % 5 / 200))
    add(of, rows)
    assert "3 series got slower, worse or heavier" in Site(of).summary["headline"]
