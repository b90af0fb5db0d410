"""Where the trunk ran before, when it hardly ever ran where a session did."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING

from benchdb.review.judged import LEAST_PAST
from benchdb.verdicts import OtherEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchdb.records import Environment
    from benchdb.series import StoredSession


def other_environments(
    judged: Sequence[StoredSession], base: Sequence[StoredSession]
) -> tuple[OtherEnvironment, ...]:
    """Return the environments that the trunk ran in, if it is too new to that of a session.

    Parameters
    ----------
    judged
        What is judged.
    base
        The trunk's sessions, those among them.
    """
    rows = {one.row for one in judged}
    here = {one.environment for one in judged}
    counts = Counter(one.environment for one in base if one.row not in rows)
    if sum(counts[one] for one in here) >= LEAST_PAST:
        return ()
    return tuple(
        OtherEnvironment(one, count, tuple(_differences(one, judged[0].environment)))
        for one, count in counts.most_common()
        if one is not None and one not in here
    )


def _differences(
    there: Environment, here: Environment | None
) -> Iterator[tuple[str, str | None, str | None]]:
    for name in (field.name for field in fields(there)):
        if name in ("fingerprint", "extra"):
            continue
        values = [getattr(there, name), None if here is None else getattr(here, name)]
        if values[0] != values[1]:
            old, new = (None if one is None else str(one) for one in values)
            yield name, old, new
    before, now = dict(there.extra), dict(here.extra if here else ())
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield name, before.get(name), now.get(name)
