"""A closed test run as plain values, which a worker's report carries to the controller."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

from benchdb.records import Artifact, ClosedTestRun, Cluster, Measurement

#: A dict with this key stands for an instant.
_INSTANT = "benchdb-instant"


def to_wire(run: ClosedTestRun) -> dict[str, Any]:
    """Return dicts, lists, strings and numbers only; `from_wire` takes them back."""
    return {field.name: plain(getattr(run, field.name)) for field in fields(run)}


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
    """Return a value as plain ones; what is none is taken by its text."""
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):
        # Lone surrogates don't travel; the store would write them so, too.
        return value.encode("utf-8", "backslashreplace").decode()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return {_INSTANT: value.isoformat()}
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    for convert in (_item, float, str):
        try:
            return convert(value)
        except Exception:  # noqa: S112  an object of the user's may raise anything
            continue
    return f"<{type(value).__name__}>"


def _item(value: Any) -> Any:
    """Return the Python number in a numpy scalar or an array of one."""
    return plain(value.item())


def _whole(value: Any) -> Any:
    if isinstance(value, dict) and _INSTANT in value:
        return datetime.fromisoformat(value[_INSTANT])
    return value
