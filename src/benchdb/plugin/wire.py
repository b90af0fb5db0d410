"""A closed test run as plain values, which a worker's report carries to the controller."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

from benchdb.records import Artifact, ClosedTestRun, Cluster, Measurement
from benchdb.store.values import shown

_MOST_BITS = 1000

#: A dict with this key stands for an instant.
_INSTANT = "benchdb-instant"


def to_wire(run: ClosedTestRun) -> dict[str, Any]:
    """Return dicts, lists, strings and numbers only; `from_wire` takes them back."""
    sent = {field.name: plain(getattr(run, field.name)) for field in fields(run)}
    sent["columns"] = {str(name): _column(value) for name, value in run.columns.items()}
    return sent


def _column(value: object) -> Any:
    try:
        return scalar(value)
    except Exception:  # an object of the user's may raise anything
        return shown(value)


def from_wire(sent: dict[str, Any]) -> ClosedTestRun:
    """Return what `to_wire` was given; values of columns are as plain as they travelled."""
    values = {name: _whole(value) for name, value in sent.items()}
    values["columns"] = {name: _whole(value) for name, value in sent["columns"].items()}
    values["measurements"] = tuple(
        Measurement(**{**one, "rounds": tuple(one["rounds"])}) for one in sent["measurements"]
    )
    values["artifacts"] = tuple(Artifact(**one) for one in sent["artifacts"])
    if sent["cluster"] is not None:
        cluster = dict(sent["cluster"])
        for name in ("scheduler_versions", "worker_versions"):
            cluster[name] = tuple((package, version) for package, version in cluster[name])
        values["cluster"] = Cluster(**cluster)
    for name in ("unknown", "notes"):
        values[name] = tuple(sent[name])
    return ClosedTestRun(**values)


def plain(value: Any) -> Any:
    """Return a value of ours, or one that a user set, as plain values that travel."""
    try:
        if is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        if type(value) is dict:
            return {str(key): plain(one) for key, one in value.items()}
        if type(value) in (list, tuple):
            return [plain(one) for one in value]
        return scalar(value)
    except Exception:  # an object of the user's may raise anything
        return shown(value)


def scalar(value: Any) -> Any:
    """Return a single value as a plain one; what is none is taken by its text."""
    if value is None or type(value) in (bool, float):
        return value
    if isinstance(value, str):
        # Lone surrogates don't travel; the store would write them so, too.
        return str.encode(value, "utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        # The longest don't travel either, and no column holds them.
        return int(value) if value.bit_length() < _MOST_BITS else shown(value)
    if isinstance(value, datetime):
        if value != value:  # noqa: PLR0124  pandas' NaT
            return None
        return {_INSTANT: datetime.fromisoformat(value.isoformat()).isoformat()}
    if isinstance(value, timedelta):
        return value.total_seconds()
    for convert in (_item, float, str):
        try:
            return convert(value)
        except Exception:  # noqa: S112  an object of the user's may raise anything
            continue
    return shown(value)


def _item(value: Any) -> Any:
    """Return the Python number in a numpy scalar or an array of one."""
    item = value.item()
    if hasattr(item, "item"):
        raise TypeError
    return scalar(item)


def _whole(value: Any) -> Any:
    if isinstance(value, dict) and _INSTANT in value:
        return datetime.fromisoformat(value[_INSTANT])
    return value
