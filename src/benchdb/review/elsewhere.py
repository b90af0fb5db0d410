"""What other machines measured of late: a cause that they showed before fails no second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchdb.metrics import counts_outcomes
from benchdb.review.expecting import LAST
from benchdb.review.history import read_history
from benchdb.review.lines import Line, is_judged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.config import Settings
    from benchdb.series import StoredSession
    from benchdb.store.connection import Connection
    from benchdb.verdicts import SeriesVerdict


def lines_elsewhere(
    connection: Connection,
    settings: Settings,
    base: Sequence[StoredSession],
    judged: Sequence[StoredSession],
    alarms: Sequence[SeriesVerdict],
) -> list[Line]:
    """Return the series of environments that ran before what is judged, and since alarms began.

    Parameters
    ----------
    connection, settings
        As `benchdb.review.gate.judge` takes them.
    base, judged
        The sessions of the trunk, in order of place, and those that are judged.
    alarms
        What is said of these: the regressions that nobody raised before, and that have a past.
    """
    here = {one.environment for one in judged}
    newest = min(one.order for one in judged)
    began = min((one.before.order for one in alarms if one.before), default=newest)
    earlier = [one for one in base if one.environment not in here and one.order < newest]
    rows: set[int] = set()
    for environment in {one.environment for one in earlier if one.order > began}:
        of_it = [one.row for one in earlier if one.environment == environment]
        rows.update(of_it[-LAST:])
    if not rows:
        return []
    history = read_history(connection, settings, sessions=rows, every_session=True)
    return [
        Line(one.key, [history.sessions[at] for at in one.at.tolist()], one.values, one.runs, [])
        for one in history.series
        if not counts_outcomes(one.key.metric) and is_judged(one.key, settings)
    ]
