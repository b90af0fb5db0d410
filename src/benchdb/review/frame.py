"""The history as a pandas DataFrame, for notebooks: a row is a test run."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchdb.config import database_location, find_root, read_settings
from benchdb.errors import UserError
from benchdb.records import in_utc
from benchdb.report.text import cluster as described
from benchdb.review.cases import matching_cases
from benchdb.review.measurements import Ids, measurements, run_finder
from benchdb.review.nearness import nearest
from benchdb.review.renaming import current, former
from benchdb.review.series import is_trunk, shape
from benchdb.series import Case, conflicts_among
from benchdb.store.cases import column_metrics
from benchdb.store.opening import reading
from benchdb.store.queries import stored_clusters, stored_sessions
from benchdb.store.run_columns import chosen_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from benchdb.config import Settings
    from benchdb.records import Metric
    from benchdb.series import StoredSession
    from benchdb.store.connection import Connection

#: Columns of test runs by what becomes of them.
_NUMBERS: Final = ("ordinal", "attempt", "round", "beside")
_INSTANTS: Final = ("start", "end")
_WORDS: Final = (
    "setup_outcome",
    "call_outcome",
    "teardown_outcome",
    "state",
    "hang_class",
    "python_version",
    "platform",
    "dask_version",
    "distributed_version",
    "coiled_runtime_version",
    "coiled_software_name",
)
#: What test runs are of, and ran on.
_KEYS: Final = ("name", "path", "version", "cluster")


def read(
    db: str | Path | None = None,
    *,
    cases: str | Sequence[str] = (),
    metrics: str | Sequence[str] = (),
    since: str | date | None = None,
    trunk_only: bool = False,
) -> Any:
    """Return the test runs of a database as a pandas DataFrame, for notebooks.

    Parameters
    ----------
    db
        Path or URL; by default the database that the commands read here.
    cases
        As `benchdb show` takes them: names, ``path::name``, patterns with ``*`` and ``?``. All by
        default.
    metrics
        Names of the metrics to have as columns; all by default.
    since
        Leave out sessions that started before: a date or an instant, in UTC where it names no zone.
    trunk_only
        Whether to leave out sessions off the trunk.

    Returns
    -------
    pandas.DataFrame
        A row is a test run that ended, in the order of the places of sessions, then as they ran. A
        column is what is known of the session or the test run, or a metric, in seconds and bytes;
        NaN is what was not measured. Words are categories, instants are in UTC.
        ``attrs["units"]`` has the unit of each metric, ``attrs["directions"]`` which way it gets
        better, ``attrs["conflicts"]`` the uids of sessions that are left out, as there are several
        forms of them.

    Raises
    ------
    UserError
        If pandas is not installed, there is no such database or it can't be read, a case or metric
        means nothing, or `since` is no date.

    Examples
    --------
    >>> runs = benchdb.read(cases="test_read*", since="2026-10-01")
    >>> runs.groupby(["case", "commit:suite"], observed=True)["duration"].median()
    """
    try:
        import pandas as pd
    except ImportError:
        raise UserError(
            "benchdb.read needs pandas, which is not installed here: pip install 'benchdb[pandas]'"
        ) from None
    settings = read_settings(find_root(Path.cwd()))
    place = database_location(None if db is None else str(db), settings)
    named = [cases] if isinstance(cases, str) else list(cases)
    wanted = [metrics] if isinstance(metrics, str) else list(metrics)
    begin = _instant(since)
    with reading(place) as connection:
        every = stored_sessions(connection)
        used = [
            one
            for one in every
            if not one.conflict
            and (begin is None or one.started >= begin)
            and not (trunk_only and not is_trunk(one, settings.trunk))
        ]
        used.sort(key=lambda one: one.order)
        some = None if len(used) == len(every) else [one.row for one in used]
        chosen = None
        if named:
            found = matching_cases(connection, named)
            chosen = list(dict.fromkeys(current(one, settings.renamed) for one in found))
        runs = _Runs(connection, settings, used, some, chosen)
        values = _metrics(runs, connection, some, wanted)
    columns = {**_of_sessions(pd, used, runs.at, settings), **runs.columns(pd)}
    units = {}
    directions = {}
    for metric, column in values.items():
        name = _column_name(metric, columns, values)
        columns[name] = column
        units[name] = metric.unit
        directions[name] = None if metric.direction is None else str(metric.direction)
    frame = pd.DataFrame(columns, copy=False)
    frame.attrs.update(
        database=str(place),
        units=units,
        directions=directions,
        conflicts=list(conflicts_among(every)),
    )
    return frame


def _instant(since: str | date | None) -> datetime | None:
    if since is None:
        return None
    try:
        begin = datetime.fromisoformat(since.strip()) if isinstance(since, str) else since
        return in_utc(begin if isinstance(begin, datetime) else datetime.combine(begin, time()))
    except (ValueError, OverflowError):
        raise UserError(f"since={since!r} is no date: write it as '2026-01-31'") from None


class _Runs:
    """Test runs by column, in the order of the places of their sessions.

    Attributes
    ----------
    at
        Of each its session.
    """

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        used: Sequence[StoredSession],
        some: Sequence[int] | None,
        cases: Sequence[Case] | None,
    ) -> None:
        self.metrics = column_metrics(connection)
        known = connection.column_kinds("test_run")
        self._words = [name for name in _WORDS if name in known]
        names = ["session_id", *_KEYS, *_NUMBERS, *_INSTANTS, *self._words]
        blocks = chosen_columns(
            connection,
            [*names, *(metric.name for metric in self.metrics)],
            sessions=some,
            names=None if cases is None else _names_of(cases, settings),
        )
        self._index = {one.row: number for number, one in enumerate(used)}
        # Few combinations are met, so all of these words of a test run are looked up at once.
        self._coded = {_KEYS: Ids(), tuple(self._words): Ids()}
        parts: dict[str, list[NDArray[Any]]] = {}
        for block in blocks:
            for name, column in self._taken(dict(zip(names, block, strict=False)), block):
                parts.setdefault(name, []).append(column)
        read = {name: np.concatenate(found) for name, found in parts.items()}
        if not parts:
            read = dict(
                self._taken(dict.fromkeys(names, ()), [()] * (len(names) + len(self.metrics)))
            )
        self._cases, read["case"] = self._by_case(read, settings)
        kept = read["at"] >= 0
        if cases is not None:
            wanted = set(cases)
            kept &= np.array([one in wanted for one in self._cases], dtype=np.bool_)[read["case"]]
        order = np.flatnonzero(kept)
        order = order[np.lexsort((read["ordinal"][order], read["at"][order]))]
        self._read = {name: column[order] for name, column in read.items()}
        self.at = self._read["at"]
        self._clusters = stored_clusters(
            connection, {row for *_, row in self._coded[_KEYS] if row is not None}
        )

    def _taken(
        self, named: Mapping[str, Sequence[Any]], block: Sequence[Sequence[Any]]
    ) -> Iterable[tuple[str, NDArray[Any]]]:
        """Yield the columns of a block as arrays: words as numbers of `_coded`."""
        at = [self._index.get(row, -1) for row in named["session_id"]]
        yield "at", np.array(at, dtype=np.int64)
        for name in _NUMBERS:
            yield name, np.array(named[name], dtype=np.int64)
        for name in _INSTANTS:
            yield name, np.array(named[name], dtype="datetime64[us]")
        for names, codes in self._coded.items():
            words = zip(*(named[name] for name in names), strict=True)
            yield names[0], np.array([codes[some] for some in words], dtype=np.int32)
        for metric, column in zip(self.metrics, block[len(named) :], strict=True):
            yield f"metric {metric.name}", np.array(column, dtype=np.float64)

    def _by_case(
        self, read: Mapping[str, NDArray[Any]], settings: Settings
    ) -> tuple[list[Case], NDArray[Any]]:
        """Return the cases by the names that they have now, and of each test run its case."""
        numbers: dict[Case, int] = {}
        of_key = [
            numbers.setdefault(current(Case(path or "", name), settings.renamed), len(numbers))
            for name, path, *_ in self._coded[_KEYS]
        ]
        return list(numbers), np.array(of_key, dtype=np.int32)[read[_KEYS[0]]]

    def values(self, metric: Metric) -> NDArray[np.float64]:
        """Return the values of a metric that is a column."""
        found: NDArray[np.float64] = self._read[f"metric {metric.name}"]
        return found

    def finder(self) -> Callable[[Sequence[object], Sequence[object]], NDArray[np.int64]]:
        """Return what finds test runs by the ids of sessions and their ordinals."""
        find = run_finder(self.at, self._read["ordinal"])

        def found(sessions: Sequence[object], ordinals: Sequence[object]) -> NDArray[np.int64]:
            at = [self._index.get(row, -1) for row in sessions]  # type: ignore[call-overload]
            return find(np.array(at, dtype=np.int64), np.array(ordinals, dtype=np.int64))

        return found

    def columns(self, pd: Any) -> dict[str, Any]:
        """Return the columns of test runs."""
        case = self._read["case"]
        shown = {row: described(shape(one)) for row, one in self._clusters.items()}

        def words(names: tuple[str, ...], name: str) -> Any:
            place = names.index(name)
            return _category(pd, [one[place] for one in self._coded[names]], self._read[names[0]])

        keys = self._coded[_KEYS]
        return {
            "case": _category(pd, [one.id for one in self._cases], case),
            "path": _category(pd, [one.path or None for one in self._cases], case),
            "name": _category(pd, [one.name for one in self._cases], case),
            "originalname": _category(pd, [one.originalname for one in self._cases], case),
            **{name: self._read[name] for name in _NUMBERS},
            **{name: _instants(pd, self._read[name]) for name in _INSTANTS},
            "version": words(_KEYS, "version"),
            **{name: words(tuple(self._words), name) for name in self._words},
            "cluster": _category(pd, [shown.get(row) for *_, row in keys], self._read[_KEYS[0]]),
        }


def _names_of(cases: Sequence[Case], settings: Settings) -> list[str]:
    """Return the names that cases have and had."""
    return list({one.name for case in cases for one in (case, *former(case, settings.renamed))})


def _of_sessions(
    pd: Any, used: Sequence[StoredSession], at: NDArray[np.int64], settings: Settings
) -> dict[str, Any]:
    """Return what is known of the session of each test run."""

    def words(some: Iterable[str | None]) -> Any:
        codes = Ids()
        numbers = np.array([codes[word] for word in some], dtype=np.int32)
        return _category(pd, list(codes), numbers[at])

    def instants(some: Iterable[datetime]) -> Any:
        plain = [one.replace(tzinfo=None) for one in some]
        return _instants(pd, np.array(plain, dtype="datetime64[us]")[at])

    trunk = np.array([is_trunk(one, settings.trunk) for one in used], dtype=np.bool_)
    columns = {
        "session": words(one.uid for one in used),
        "started": instants(one.started for one in used),
        "place": instants(one.place for one in used),
        "branch": words(one.branch for one in used),
        "trunk": trunk[at],
        "dirty": pd.array([one.dirty for one in used], dtype="boolean").take(at),
        "environment": words(
            one.environment.fingerprint if one.environment else None for one in used
        ),
        "host": words(one.host for one in used),
        "xdist_workers": pd.array([one.xdist_workers for one in used], dtype="Int64").take(at),
    }
    tags = [dict(one.tags) for one in used]
    for key in sorted({key for some in tags for key in some}):
        columns[f"tag:{key}"] = words(some.get(key) for some in tags)
    subjects = [{one.name: one for one in session.subjects} for session in used]
    for name in sorted({name for some in subjects for name in some}):
        columns[f"version:{name}"] = words(
            some[name].version if name in some else None for some in subjects
        )
        columns[f"commit:{name}"] = words(
            some[name].commit if name in some else None for some in subjects
        )
    return columns


def _category(pd: Any, words: Sequence[str | None], codes: NDArray[Any]) -> Any:
    """Return a column of words; equal ones become one category, None is missing."""
    known = sorted({word for word in words if word is not None})
    number = {word: place for place, word in enumerate(known)}
    places = np.array([-1 if word is None else number[word] for word in words], dtype=np.int32)
    return pd.Categorical.from_codes(places[codes] if len(places) else codes, known)


def _instants(pd: Any, values: NDArray[Any]) -> Any:
    return pd.DatetimeIndex(values).tz_localize("UTC")


def _metrics(
    runs: _Runs, connection: Connection, some: Sequence[int] | None, wanted: Sequence[str]
) -> dict[Metric, NDArray[np.float64]]:
    """Return the values of each metric that was measured at all, those of columns first."""
    found = {}
    for metric in runs.metrics:
        values = runs.values(metric)
        if metric.name in wanted or not np.isnan(values).all():
            found[metric] = values
    for metric, rows, values in measurements(connection, runs.metrics, runs.finder(), some):
        column = found.get(metric)
        if column is None:
            column = found[metric] = np.full(len(runs.at), np.nan)
        # A column holds; one that was added later is empty in rows of before.
        column[rows] = np.where(np.isnan(column[rows]), values, column[rows])
    names = {metric.name for metric in found}
    for name in wanted:
        if name not in names:
            near = ", ".join(nearest(name, names) or sorted(names)) or "none"
            raise UserError(f"no metric {name!r} was measured here: use one of {near}")
    return {
        metric: values for metric, values in found.items() if not wanted or metric.name in wanted
    }


def _column_name(metric: Metric, columns: Mapping[str, Any], metrics: Iterable[Metric]) -> str:
    """Return a metric's name, with its unit where something else has the name."""
    same = [one for one in metrics if one.name == metric.name]
    if metric.name not in columns and same[0] == metric:
        return metric.name
    return f"{metric.name} [{metric.unit}]"
