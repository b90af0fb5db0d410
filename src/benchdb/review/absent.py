"""What a session lacks of what the trunk's last ones had: cases, and values of their metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from benchdb.metrics import counts_outcomes
from benchdb.review.lines import is_judged
from benchdb.review.renaming import current
from benchdb.review.selection import selected
from benchdb.store.cases import ran_cases

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from benchdb.config import Settings
    from benchdb.review.history import History
    from benchdb.series import Case, SeriesKey, StoredSession
    from benchdb.store.connection import Connection

_Item = TypeVar("_Item")

#: So many sessions of the trunk tell what is usual: what the last has, or most of them.
_LATELY: Final = 10


class Absent(NamedTuple):
    """What the trunk's last sessions had, and what is judged doesn't.

    Parameters
    ----------
    missing
        Cases that have no test run.
    deselected
        How many more have none as the call selected others.
    skipped
        Cases that were skipped each time.
    no_value
        Series without a value, though their test ran and did not fail.
    ran
        Whether any case was not skipped.
    """

    missing: tuple[Case, ...] = ()
    deselected: int = 0
    skipped: tuple[Case, ...] = ()
    no_value: tuple[SeriesKey, ...] = ()
    ran: bool = True


def absent(
    connection: Connection,
    settings: Settings,
    history: History,
    judged: Sequence[StoredSession],
    like: Sequence[StoredSession],
) -> Absent:
    """Return what sessions lack.

    Parameters
    ----------
    connection, settings
        As `benchdb.review.gate.judge` takes them.
    history
        What was measured in all these sessions.
    judged
        The sessions.
    like
        Those of the trunk before, in the same environments, in order of place.
    """
    missing: dict[Case, bool] = {}
    skipped: set[Case] = set()
    no_value: dict[object, SeriesKey] = {}
    ran_at_all = False
    for environment in {one.environment for one in judged}:
        mine = [one for one in judged if one.environment == environment]
        lately = [one for one in like if one.environment == environment][-_LATELY:]
        ran = _Ran(connection, settings, [*lately, *mine])
        present, here = ran.present(mine), ran.at_work(mine)
        ran_at_all |= bool(here)
        usual = _usual([ran.at_work([one]) for one in lately])
        for case in usual - present:
            last = next(one for one in reversed(lately) if case in ran.at_work([one]))
            calls = [one.command_line for one in mine]
            missing[case] = missing.get(case, False) or selected(case, calls, last)
        skipped |= (usual & present) - here
        values = _values(history, settings, [*lately, *mine])
        now = {name for one in mine for name in values.at[one.row]}
        for name in _usual([values.at[one.row].keys() for one in lately]) - now:
            key = next(at[name] for one in reversed(lately) if name in (at := values.at[one.row]))
            if key.case in here - values.harmed(mine):
                no_value[name] = key
    meant = sorted(case for case, is_meant in missing.items() if is_meant)
    return Absent(
        tuple(meant),
        len(missing) - len(meant),
        tuple(sorted(skipped)),
        tuple(sorted(no_value.values(), key=lambda one: (one.metric.name, one.case))),
        ran_at_all,
    )


def _usual(lately: Sequence[Collection[_Item]]) -> set[_Item]:
    """Return what the last of some sessions has, and what most of them have."""
    counts = Counter(item for some in lately for item in some)
    most = {item for item, count in counts.items() if 2 * count > len(lately)}
    return most | set(lately[-1] if lately else ())


class _Ran:
    """Which cases have test runs in sessions, and which of them were not skipped."""

    def __init__(
        self, connection: Connection, settings: Settings, sessions: Iterable[StoredSession]
    ) -> None:
        self._at: dict[int, dict[Case, bool]] = defaultdict(dict)
        names: dict[Case, Case] = {}
        for row, case, at_work in ran_cases(connection, {one.row for one in sessions}):
            if case not in names:
                names[case] = current(case, settings.renamed)
            of = self._at[row]
            of[names[case]] = of.get(names[case], False) or at_work

    def present(self, sessions: Sequence[StoredSession]) -> set[Case]:
        """Return the cases with test runs, skipped ones among them."""
        return {case for one in sessions for case in self._at[one.row]}

    def at_work(self, sessions: Sequence[StoredSession]) -> set[Case]:
        """Return the cases that were not skipped each time."""
        return {case for one in sessions for case, said in self._at[one.row].items() if said}


class _Values(NamedTuple):
    """By session what it measured, each case and metric once; and the cases that came to harm."""

    at: Mapping[int, dict[tuple[Case, str, str], SeriesKey]]
    bad: Mapping[int, set[Case]]

    def harmed(self, sessions: Sequence[StoredSession]) -> set[Case]:
        """Return the cases of which test runs failed, were lost or hung."""
        return {case for one in sessions for case in self.bad[one.row]}


def _values(history: History, settings: Settings, sessions: Sequence[StoredSession]) -> _Values:
    wanted = {one.row for one in sessions}
    rows = {number: one.row for number, one in enumerate(history.sessions) if one.row in wanted}
    found = _Values(defaultdict(dict), defaultdict(set))
    first = min(rows, default=0)
    for one in (*history.series, *history.infinite):
        case, metric = one.key.case, one.key.metric
        counted = counts_outcomes(metric)
        if not counted and not is_judged(one.key, settings):
            continue
        near = slice(int(one.at.searchsorted(first)), None)
        for number in one.at[near][one.values[near] > 0 if counted else ...].tolist():
            if number not in rows:
                continue
            if counted:
                found.bad[rows[number]].add(case)
            else:
                found.at[rows[number]][case, metric.name, metric.unit] = one.key
    return found
