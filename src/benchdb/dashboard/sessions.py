"""The sessions' columns: what ran when, of which commit, and what changed around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchdb.dashboard.data import Sessions
from benchdb.dashboard.releases import main_of
from benchdb.dashboard.survey import machine
from benchdb.store.circumstances import package_sets, stored_packages

if TYPE_CHECKING:
    from benchdb.dashboard.outcomes import Outcomes
    from benchdb.dashboard.repository import Repository
    from benchdb.dashboard.survey import Survey
    from benchdb.store.connection import Connection


class PackageChanges:
    """What packages changed between sessions, beside those on trial.

    Parameters
    ----------
    before
        Of each session the trunk's before it on its environment; -1 without one.
    """

    def __init__(self, connection: Connection, survey: Survey) -> None:
        self._sets: dict[int, dict[str, str]] = {}
        sets = package_sets(connection, [one.row for one in survey.sessions])
        self._set_of = {survey.numbers[row]: one for row, one in sets.items()}
        self._connection = connection
        self._between: dict[tuple[int, int], list[list[str]]] = {}
        last: dict[Any, int] = {}
        standing = set(survey.standing.tolist())
        self.before: list[int] = []
        # what is on trial has a commit and a version of its own
        self._subjects = [{each.name for each in one.subjects} for one in survey.sessions]
        for number, one in enumerate(survey.sessions):
            environment = one.environment and one.environment.fingerprint
            self.before.append(last.get(environment, -1))
            if number in standing:
                last[environment] = number

    def of(self, number: int) -> list[list[str]]:
        """Return what changed with a session: package, before, after."""
        before = self.before[number]
        old, new = self._set_of.get(before), self._set_of.get(number)
        if old is None or new is None or old == new:
            return []
        if (old, new) not in self._between:
            one, two = self._packages(old), self._packages(new)
            if not one or not two:
                return []
            self._between[old, new] = [
                [name, one.get(name, ""), two.get(name, "")]
                for name in sorted(one.keys() | two.keys())
                if one.get(name) != two.get(name)
            ]
        return [one for one in self._between[old, new] if one[0] not in self._subjects[number]]

    def _packages(self, package_set: int) -> dict[str, str]:
        if package_set not in self._sets:
            self._sets[package_set] = dict(stored_packages(self._connection, package_set))
        return self._sets[package_set]


def sessions(
    survey: Survey,
    outcomes: Outcomes,
    repository: Repository,
    packages: PackageChanges,
    leading: tuple[str, ...],
) -> Sessions:
    """Return the columns of all sessions."""
    every = survey.sessions
    mains = [main_of(one, leading) for one in every]
    commits = [repository.commit(one.commit if one else None) for one in mains]
    labels = {one.fingerprint: machine(one) for each in every if (one := each.environment)}
    return Sessions(
        uid=[one.uid for one in every],
        started=[int(one.started.timestamp()) for one in every],
        place=[int(one.place.timestamp()) for one in every],
        trunk=survey.history.trunk.tolist(),
        commit=[(one and one.commit) or "" for one in mains],
        version=[one.version if one else "" for one in mains],
        branch=[one.branch or "" for one in every],
        dirty=[bool(one.dirty) for one in every],
        subject=[one.subject if one else "" for one in commits],
        author=[one.author if one else "" for one in commits],
        conditions=[
            labels[one.environment.fingerprint] if one.environment else "" for one in every
        ],
        host=[one.host or "" for one in every],
        ci=[web_address(one.ci_run_url) for one in every],
        state=[one.state for one in every],
        runs=outcomes.runs.tolist(),
        failed=outcomes.failed.tolist(),
        lost=outcomes.lost.tolist(),
        packages=[packages.of(number) for number in range(len(every))],
    )


def web_address(url: str | None) -> str:
    """Return a URL that a page may link to: of http or https; else nothing."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return ""
    return (url or "") if parts.scheme in ("http", "https") and parts.netloc else ""
