"""What the site's pages are given: the records that become data files, and the types of the page.

A data file is a script that calls ``benchdb(NAME, CONTENT)``: scripts alone may be loaded where a
page was opened from a folder. Columns stand for rows, so that a million points stay small. Numbers
that name something (a session, a case) are its index in the column of the index file. Shares are
relative: 0.1 for 10 %. An effect is None where it is infinite, as the old level was 0. Instants are
seconds since 1970 in UTC. Long columns of sessions are packed (`benchdb.dashboard.packing`).
``dashboard/generate_types.py`` makes the page's types of these classes, so a field is a number, a
string, a bool, None, a list or another of these classes.
"""

from __future__ import annotations

from typing import Final

from benchdb.dashboard.data.cases import (
    Artifact,
    CaseHistory,
    CaseShard,
    Change,
    Drift,
    PointSeries,
    Segment,
)
from benchdb.dashboard.data.comparisons import HeatMap, HeatMetric, Pair
from benchdb.dashboard.data.events import Commit, CommitRange, Event, Moved, Release, Side
from benchdb.dashboard.data.health import Flaky, Health, Host, Longest, Missing
from benchdb.dashboard.data.index import (
    Cases,
    Conditions,
    Index,
    Links,
    Metric,
    SeriesTable,
    Sessions,
    Shards,
    Summary,
)
from benchdb.dashboard.data.sessions import CaseArtifact, SessionPage, SessionShard, Unusual
from benchdb.dashboard.data.sources import Source, SourceShard

#: A page refuses data of another number.
SCHEMA: Final = 1

__all__ = [
    "SCHEMA",
    "Artifact",
    "CaseArtifact",
    "CaseHistory",
    "CaseShard",
    "Cases",
    "Change",
    "Commit",
    "CommitRange",
    "Conditions",
    "Drift",
    "Event",
    "Flaky",
    "Health",
    "HeatMap",
    "HeatMetric",
    "Host",
    "Index",
    "Links",
    "Longest",
    "Metric",
    "Missing",
    "Moved",
    "Pair",
    "PointSeries",
    "Release",
    "Segment",
    "SeriesTable",
    "SessionPage",
    "SessionShard",
    "Sessions",
    "Shards",
    "Side",
    "Source",
    "SourceShard",
    "Summary",
    "Unusual",
]
