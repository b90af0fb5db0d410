"""Which conditions of two sides belong together: equal ones, but for what is on trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchdb.review.series import rank_of_conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchdb.series import Conditions


@dataclass(frozen=True, slots=True)
class Pair:
    """Conditions of either side that are compared with each other.

    Parameters
    ----------
    on_trial
        What differs between them: ``environment``, ``cluster``, ``tag KEY``.
    """

    baseline: Conditions
    contender: Conditions
    on_trial: tuple[str, ...]


def conditions_in_pairs(
    baseline: Mapping[Conditions, int], contender: Mapping[Conditions, int]
) -> list[Pair]:
    """Return the conditions of one case and metric that are to be compared.

    What has no value in common between the sides is on trial: two machines, two sizes of a cluster.
    All else must be equal. A test of another version is another test, and is never compared.

    Parameters
    ----------
    baseline, contender
        The conditions of each side, with the number of sessions under them. Where several differ in
        what is on trial alone, those with the most sessions are taken.
    """
    fields = {one: _fields(one) for one in (*baseline, *contender)}
    names = sorted({name for some in fields.values() for name in some})
    on_trial = tuple(
        name
        for name in names
        if name != "version"
        and not _values(name, baseline, fields) & _values(name, contender, fields)
    )
    same = [name for name in names if name not in on_trial]

    def most_used(side: Mapping[Conditions, int]) -> dict[tuple[object, ...], Conditions]:
        found: dict[tuple[object, ...], Conditions] = {}
        for one in sorted(side, key=lambda one: (side[one], rank_of_conditions(one))):
            found[tuple(fields[one].get(name) for name in same)] = one
        return found

    one, two = most_used(baseline), most_used(contender)
    return [Pair(one[key], two[key], on_trial) for key in one if key in two]


def _fields(one: Conditions) -> dict[str, object]:
    return {
        "version": one.version,
        "environment": one.environment and one.environment.fingerprint,
        "cluster": one.cluster,
        **{f"tag {key}": value for key, value in one.tags},
    }


def _values(
    name: str, some: Iterable[Conditions], fields: Mapping[Conditions, dict[str, object]]
) -> set[object]:
    return {fields[one].get(name) for one in some}
