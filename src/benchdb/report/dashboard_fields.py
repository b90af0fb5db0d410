"""The fields of the JSON summary that lies in a dashboard's folder, for the manual."""

from __future__ import annotations

from typing import Final

from benchdb.report import schemas
from benchdb.report.finding_fields import DRIFTS, KEY

_SUMMARY: Final = {
    "schema": "benchdb/dashboard/1",
    "project": "name of the project",
    "headline": "the finding in a sentence",
    "newest": "when the newest session started; null where there is none",
    "sessions": "number of sessions",
    "window": "how many of the newest count as recent",
    "metrics": "every metric that was measured",
    "metrics[].metric": "name of the metric",
    "metrics[].unit": "s, B, 1 or the user's word",
    "metrics[].headline": "the finding of this metric",
    "metrics[].regressed": "number of series that got worse in the recent sessions, without "
    "what people settled",
    "metrics[].improved": "number of series that got better",
    "metrics[].suite": "geometric mean of the suite now / before the recent sessions - 1; null "
    "where that can't be said",
    "metrics[].suite_low": "lower bound of its 95 % interval",
    "metrics[].suite_high": "upper bound",
    "metrics[].noise": "median of the series' noise, relative",
    "changes": "the newest change of each series in the recent sessions, in the order of events",
    **{f"changes{key}": said for key, said in KEY.items()},
    "changes[].verdict": "REGRESSED, IMPROVED or null",
    "changes[].effect": "new level / old level - 1; null where the old level was 0",
    "changes[].low": "lower bound of its 95 % interval",
    "changes[].high": "upper bound",
    "changes[].before": "old level, in the unit",
    "changes[].after": "new level",
    "changes[].since": "uid of the first session of the new level",
    "changes[].event": "id of the event",
    "changes[].state": "open, expected, noise, fixed or wont-fix",
    **DRIFTS,
    "events": "all events, ranked: one event, one cause",
    "events[].id": "what people call it by: the end of the uid of its first session",
    "events[].verdict": "REGRESSED where anything got worse, else IMPROVED; null where no way "
    "is better",
    "events[].state": "open, expected, noise, fixed or wont-fix",
    "events[].cause": "what is to be suspected: environment, code, packages, platform or unknown",
    "events[].suspect": "that in words",
    "events[].back": "whether all of it went back to the old level since",
    "events[].since": "uid of the first session of the new level",
    "events[].started": "when that session started",
    "events[].tests": "number of tests with a series that moved",
    "events[].series": "number of series that moved",
    "failing": "cases that failed or were lost in one of their newest sessions: path::name",
    "conflicts": "uids of sessions that are not used, as there are several forms of them",
}

#: Path of a field to its meaning, by schema.
DASHBOARD_FIELDS: Final[dict[str, dict[str, str]]] = {schemas.DASHBOARD: _SUMMARY}
