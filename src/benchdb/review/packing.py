"""Series and their points as bytes, to be kept beside the rows that they were made of."""

from __future__ import annotations

import json
import math
import secrets
import struct
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

import numpy as np

from benchdb.records import Cluster, Direction, Environment, Metric
from benchdb.review.series import rank
from benchdb.series import Case, Conditions, SeriesKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

#: How packed arrays begin, and a length or a checksum in them.
_MARK: Final = b"arrays1\n"
_HEAD: Final = struct.Struct("<I")


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as bytes.

    NumPy's own format, a zip file, takes ten times as long for the points of a small session.
    """
    head = json.dumps([[name, one.dtype.str, one.shape] for name, one in arrays.items()]).encode()
    content = b"".join([_HEAD.pack(len(head)), head, *(one.tobytes() for one in arrays.values())])
    return _MARK + _HEAD.pack(crc32(content)) + content


def unpacked(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays again.

    Raises
    ------
    ValueError
        If these are none.
    """
    begin = len(_MARK) + _HEAD.size
    if content[:begin] != _MARK + _HEAD.pack(crc32(memoryview(content)[begin:])):
        raise ValueError("it is something else, or was damaged")
    try:
        (length,) = _HEAD.unpack(content[begin : begin + _HEAD.size])
        at = begin + _HEAD.size + length
        found = {}
        for name, kind, shape in json.loads(content[at - length : at]):
            dtype = np.dtype(kind)
            count = math.prod(shape)
            found[name] = np.frombuffer(content, dtype, count, at).reshape(shape).copy()
            at += count * dtype.itemsize
        return found
    except Exception as error:  # whatever is wrong about bytes that somebody else wrote
        raise ValueError(str(error)) from None


class SessionPoints(NamedTuple):
    """The points of one session.

    Parameters
    ----------
    series
        Numbers of series, ascending.
    values
        In the metrics' units.
    runs
        How many test runs each is made of.
    """

    series: NDArray[np.int64]
    values: NDArray[np.float64]
    runs: NDArray[np.int64]

    def pack(self, stamp: int) -> bytes:
        """Return it as bytes: ranges of numbers, as most sessions measure nearly everything.

        Parameters
        ----------
        stamp
            Of the catalogue that the numbers are of.
        """
        zero = self.values == 0
        arrays = {
            "some": _ranges(self.series[~zero]),
            "zero": _ranges(self.series[zero]),
            "values": self.values[~zero],
            "stamp": np.array([stamp], dtype=np.uint64),
        }
        if (self.runs != 1).any():
            arrays["runs"] = self.runs
        return packed(arrays)

    @classmethod
    def unpack(cls, content: bytes, sizes: Mapping[int, int]) -> SessionPoints:
        """Return it again; raises ValueError if it is something else, or of another catalogue.

        Parameters
        ----------
        sizes
            From `Catalogue.sizes`.
        """
        found = unpacked(content)
        try:
            size = sizes[int(found["stamp"][0])]
            some, zero = _numbers(found["some"]), _numbers(found["zero"])
            values = np.concatenate([found["values"], np.zeros(len(zero))])
            series = np.concatenate([some, zero])
            order = np.argsort(series, kind="stable")
            runs = found.get("runs", np.ones(len(series), dtype=np.int64))
            whole = len(values) == len(series) == len(runs)
            if not whole or (len(series) and int(series.max()) >= size):
                raise ValueError("its arrays don't fit together")
            return cls(series[order], values[order], runs)
        except (KeyError, IndexError) as error:
            raise ValueError(str(error)) from None


def _ranges(ascending: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return where each run of consecutive numbers begins, and how long it is."""
    begins = np.flatnonzero(np.diff(ascending, prepend=-2) != 1)
    lengths = np.diff(begins, append=len(ascending))
    return np.column_stack([ascending[begins], lengths]).astype(np.int32)


def _numbers(ranges: NDArray[np.int32]) -> NDArray[np.int64]:
    starts, lengths = ranges.reshape(-1, 2).astype(np.int64).T
    ends = np.cumsum(lengths)
    numbers: NDArray[np.int64] = np.arange(int(lengths.sum())) + np.repeat(
        starts - (ends - lengths), lengths
    )
    return numbers


class Catalogue:
    """Series by number; numbers are given once and stay.

    Each time that it grows it gets a stamp, drawn by lot. What was numbered by a catalogue that two
    processes let grow at once, and that the other one kept, is known by that.

    Attributes
    ----------
    sizes : dict
        How many series it had, by stamp.
    """

    def __init__(self) -> None:
        self._cases: dict[Case, int] = {}
        self._conditions: dict[Conditions, int] = {}
        self._metrics: dict[tuple[str, str], int] = {}
        self._ways: list[Direction | None] = []
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._by_identity: dict[int, tuple[Conditions, int]] = {}
        self._order: NDArray[np.int64] | None = None
        self.sizes: dict[int, int] = {}

    @property
    def stamp(self) -> int:
        """The latest."""
        return next(reversed(self.sizes))

    def seeds(self) -> NDArray[np.uint64]:
        """Return a number for each series that no other series has, in whatever catalogue."""
        found = np.arange(len(self), dtype=np.uint64)
        first = 0
        for stamp, size in self.sizes.items():
            found[first:size] += np.uint64(stamp)
            first = size
        return found

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self, keys: Iterable[SeriesKey]) -> list[int]:
        """Return the numbers of series; new ones get the next."""
        known = len(self._numbers)
        found = [self._number(key) for key in keys]
        if len(self._numbers) > known or not self.sizes:
            self._order = None
            self.sizes[secrets.randbits(63)] = len(self._numbers)
        return found

    def _number(self, key: SeriesKey) -> int:
        case = self._cases.setdefault(key.case, len(self._cases))
        said = self._by_identity.get(id(key.conditions))
        if said is None:
            number = self._conditions.setdefault(key.conditions, len(self._conditions))
            said = self._by_identity[id(key.conditions)] = key.conditions, number
        name = (key.metric.name, key.metric.unit)
        metric = self._metrics.setdefault(name, len(self._metrics))
        if metric == len(self._ways):
            self._ways.append(key.metric.direction)
        elif self._ways[metric] is None:
            self._ways[metric] = key.metric.direction
        of = (case, said[1], metric)
        return self._numbers.setdefault(of, len(self._numbers))

    def keys(self, metrics: Mapping[tuple[str, str], Metric]) -> list[SeriesKey]:
        """Return the series by number.

        Parameters
        ----------
        metrics
            The built-in ones, by name and unit: with what they mean.
        """
        cases, conditions = list(self._cases), list(self._conditions)
        made = [
            metrics.get(name) or Metric(*name, way)
            for name, way in zip(self._metrics, self._ways, strict=True)
        ]
        return [SeriesKey(cases[a], conditions[b], made[c]) for a, b, c in self._numbers]

    def case_numbers(self) -> NDArray[np.int64]:
        """Return the number of each series' case."""
        return np.array([case for case, *_ in self._numbers], dtype=np.int64)

    def order(self, keys: Sequence[SeriesKey]) -> NDArray[np.int64]:
        """Return the numbers in the order of case, conditions and metric."""
        if self._order is None:
            by = sorted(range(len(keys)), key=lambda at: (keys[at].case, rank(keys[at])))
            self._order = np.array(by, dtype=np.int64)
        return self._order

    def pack(self, order: NDArray[np.int64]) -> bytes:
        """Return it as bytes."""
        said = {
            "cases": [[one.path, one.name] for one in self._cases],
            "conditions": [_told(one) for one in self._conditions],
            "metrics": [[*name, way] for name, way in zip(self._metrics, self._ways, strict=True)],
            "sizes": list(self.sizes.items()),
        }
        text = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)
        numbers = np.array(list(self._numbers), dtype=np.int32).reshape(-1, 3)
        return packed({"text": text, "numbers": numbers, "order": order})

    @classmethod
    def unpack(cls, content: bytes, environments: Mapping[str, Environment]) -> Catalogue:
        """Return it again; raises ValueError if it is something else.

        Parameters
        ----------
        environments
            By fingerprint.
        """
        found = unpacked(content)
        made = cls()
        try:
            said = json.loads(found["text"].tobytes().decode())
            made._cases = {Case(*one): at for at, one in enumerate(said["cases"])}
            for at, one in enumerate(said["conditions"]):
                conditions = _conditions(one, environments)
                made._conditions[conditions] = at
            for at, (name, unit, way) in enumerate(said["metrics"]):
                made._metrics[name, unit] = at
                made._ways.append(Direction(way) if way else None)
            numbers = map(tuple, found["numbers"].tolist())
            made._numbers = {of: at for at, of in enumerate(numbers)}
            order = found["order"]
            made.sizes = {int(stamp): int(size) for stamp, size in said["sizes"]}
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(str(error)) from None
        if (
            len(made._conditions) != len(said["conditions"])
            or len(order) != len(made)
            or not made.sizes
        ):
            raise ValueError("its parts don't fit together")
        made._order = order
        return made


def _told(one: Conditions) -> dict[str, Any]:
    return {
        "version": one.version,
        "environment": one.environment and one.environment.fingerprint,
        "cluster": one.cluster and asdict(one.cluster),
        "tags": one.tags,
    }


def _conditions(said: dict[str, Any], environments: Mapping[str, Environment]) -> Conditions:
    cluster = said["cluster"]
    if cluster is not None:
        versions = {
            name: tuple(tuple(pair) for pair in cluster[name])
            for name in ("scheduler_versions", "worker_versions")
        }
        cluster = Cluster(**{**cluster, **versions})
    fingerprint = said["environment"]
    return Conditions(
        said["version"],
        None if fingerprint is None else environments[fingerprint],
        cluster,
        tuple(tuple(pair) for pair in said["tags"]),
    )
