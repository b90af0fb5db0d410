"""Which cases are meant by what a person typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchdb.errors import UserError
from benchdb.globs import matches
from benchdb.review.nearness import nearest
from benchdb.store.cases import cases_called, stored_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchdb.series import Case
    from benchdb.store.connection import Connection


def matching_cases(connection: Connection, given: Sequence[str]) -> list[Case]:
    """Return the cases that are meant, each once, sorted.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    given
        Each a name, the name of a test with all its parameter values, ``path::name``, a name
        without its class, a path, or a pattern of these in which ``*`` stands for anything and
        ``?`` for one character. Whole names go before the others.

    Raises
    ------
    UserError
        If one means nothing; it names what is near.
    """
    every: list[Case] | None = None
    found: set[Case] = set()
    for one in given:
        some = cases_called(connection, one)
        if not some:
            # Only now: listing takes longer the more cases there are.
            every = stored_cases(connection) if every is None else every
            some = cases_among(one, every)
        if not some:
            raise UserError(_unknown(one, every or ()))
        found.update(some)
    return sorted(found)


def cases_among(given: str, every: Sequence[Case]) -> list[Case]:
    """Return of some cases those that a name or a pattern means; maybe none."""
    some = [case for case in every if given in _names(case)]
    if not some and ("*" in given or "?" in given):
        some = [case for case in every if any(matches(given, name) for name in _names(case))]
    return some


def _names(case: Case) -> set[str]:
    """Return all that a case is called, from its bare name to ``path::Class::name``."""
    names = {case.path} - {""}
    for name in (case.name, case.originalname):
        head, bracket, parameters = name.partition("[")
        parts = head.split("::")
        tails = ["::".join(parts[start:]) for start in range(len(parts))]
        names.update(tail + bracket + parameters for tail in tails)
        if case.path:
            names.add(f"{case.path}::{name}")
    return names


def _unknown(given: str, every: Sequence[Case]) -> str:
    if not every:
        return f"no case {given!r}: nothing is recorded yet, record with `pytest --benchmark`"
    if given and (said := _near(given, every)):
        return f"no case {given!r}: did you mean {' or '.join(repr(name) for name in said)}?"
    return f"no case {given!r}: `benchdb show '*'` shows all {len(every):,}"


def _near(given: str, every: Sequence[Case]) -> list[str]:
    """Return what is like the name given: tests and files, then the cases of such tests."""

    def called(case: Case, name: str) -> str:
        return f"{case.path}::{name}" if "::" in given and case.path else name

    tests = {called(case, case.originalname) for case in every}
    test = given.partition("[")[0]
    near = [test] if test in tests else nearest(test, tests | {case.path for case in every})
    if "[" not in given:
        return near
    named = {called(case, case.name) for case in every if called(case, case.originalname) in near}
    return nearest(given, named) or near
