"""Databases of all kinds, and their sites: imported, recorded by pytest, empty, small, hostile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from made_up import History, add, project, step
from recorded import new_project
from sites import Site

if TYPE_CHECKING:
    from pathlib import Path

    from recorded import Project

#: What the imported history holds.
SLOWER, FASTER, HEAVIER, DRIFTING = (f"t.py::test_{at:02}" for at in (3, 7, 5, 9))
FAILING, LOST, CONTROL = "t.py::test_01", "t.py::test_02", "u.py::test_control"
SESSIONS, SLOW_FROM, FAST_FROM = 60, 45, 30

#: Names of anybody's.
HOSTILE = (
    "t.py::test_<img src=x onerror=alert(1)>",
    "t.py::test_</script><script>alert(1)</script>&amp;\"'`",
    "javascript:alert(1)//t.py::test_link",
    "t.py::test_\u2069\u202egnp.exe\u2066 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "t.py::test_\U0001f9d1\u200d\U0001f680 \u2028\u2029 [=1+1|`x`] #/?&=%2F+\\",
    f"t.py::test_{'very_long_' * 60}",
)


def imported(folder: Path) -> tuple[Project, Site]:
    """Three metrics with known steps, a drift, releases, packages, failures, and a gap."""
    versions = ("1.0", "1.1", "1.1+7.gabc", "1.2")
    made = History(
        SESSIONS,
        12,
        effects={
            SLOWER: step(SLOW_FROM, 1.2),
            FASTER: step(FAST_FROM, 0.8),
            DRIFTING: lambda session: 1 + 0.004 * session,
            CONTROL: lambda _: 1.0,
        },
        more={
            "version:suite": lambda session: versions[session * 4 // SESSIONS],
            "version:numpy": lambda session: "2.4.0" if session >= SLOW_FROM else "2.3.4",
            "tag:half": lambda session: "first" if session < SESSIONS // 2 else "second",
        },
    )
    rows = made.rows()
    for at, row in enumerate(rows):
        session = at // len(made.names())
        heavier = 1.5 if row["test"] == HEAVIER and session >= SLOW_FROM else 1.0
        row["peak_memory"] = str(round(1e8 * heavier * (1 + at % 7 / 200)))
        row["throughput [MB/s]"] = repr(100 / float(row["duration"]))
        lost = row["test"] == LOST and session == 40
        failed = row["test"] == FAILING and session >= SESSIONS - 3
        row["outcome"] = "lost" if lost else "failed" if failed else ""
        if row["outcome"]:
            row.update(dict.fromkeys(("duration", "peak_memory", "throughput [MB/s]"), ""))
    of = project(folder)
    add(of, [row for row in rows if not (row["test"] == LOST and row["start"] < "2026-01-20")])
    return of, Site(of)


def recorded(folder: Path) -> tuple[Project, Site]:
    """A suite that pytest ran, with a test that fails, and its sources."""
    of = new_project(folder)
    of.record()
    return of, Site(of)


def empty(folder: Path) -> tuple[Project, Site]:
    """Nothing: the only session was withdrawn."""
    of = project(folder, History(sessions=1, cases=1))
    ((uid,),) = of.query("SELECT uid FROM session")
    assert of.benchdb("annotate", "session", uid, "--withdraw").code == 0
    return of, Site(of)


def single(folder: Path) -> tuple[Project, Site]:
    """One test run."""
    of = project(folder, History(sessions=1, cases=1))
    return of, Site(of)


def hostile(folder: Path) -> tuple[Project, Site]:
    """Names of tests, metrics, branches, machines, packages and tags that are no names."""
    markup = "<b onclick=alert(1)>'\"</b></script>\u202e\u2028\U0001f600"
    made = History(
        40,
        2,
        effects={name: step(25, 1.1 + at / 10) for at, name in enumerate(HOSTILE)},
        more={
            "<u>rows</u> [</script>]": lambda session: str(5 + session % 3),
            f"version:{markup}": lambda session: f"{markup}{session // 20}",
            f"tag:{markup}": lambda session: f"{markup}{session // 20}",
            "environment": lambda _: markup,
        },
    )
    of = project(folder, made)
    return of, Site(of)
