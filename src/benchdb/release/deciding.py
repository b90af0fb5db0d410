"""Which sessions decide a release, and how many don't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchdb.collect.ancestry import head
from benchdb.findings import Differs
from benchdb.recipes import Finding
from benchdb.release.conda.specs import satisfies
from benchdb.release.environments import on_pypi
from benchdb.release.requirements import normalized
from benchdb.report.text import counted
from benchdb.review.series import is_trunk
from benchdb.store.circumstances import stored_circumstances
from benchdb.store.packages import sessions_by_runtime
from benchdb.store.queries import recorded_here, stored_sessions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from benchdb.config import Settings
    from benchdb.recipes import Recipe
    from benchdb.series import StoredSession
    from benchdb.store.connection import Connection


#: So many branches are named where sessions are left out.
_NAMED: Final = 3


class Deciding:
    """The sessions that decide: anybody's pull request says which runtime it ran in.

    They are those of the trunk and of the branches that were named. The contender's may have been
    recorded for this, too, or here at the commit that is checked out; and they must have run with
    what is pinned now.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        They name the trunk, and the folder where git is asked.
    recipe
        Of the contender.
    branches
        Those whose sessions count as the trunk's do, whoever recorded them.
    ran
        Uids of the sessions that were recorded for this; None where none was to be.

    Attributes
    ----------
    sessions
        The sessions.
    """

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        recipe: Recipe,
        *,
        branches: Collection[str] = (),
        ran: Collection[str] | None = None,
    ) -> None:
        self._connection = connection
        self._recipe = recipe
        self._by_runtime = sessions_by_runtime(connection)
        every = stored_sessions(connection)
        here = recorded_here(connection)
        commit = head(settings.root) if ran is None else None
        of_contender = self._by_runtime.get(recipe.version, set())

        def counts(one: StoredSession) -> bool:
            if is_trunk(one, settings.trunk) or one.branch in branches:
                return True
            if one.row not in of_contender or one.uid not in here:
                return False
            return one.uid in (ran or ()) or (commit is not None and one.ran_at(commit))

        trusted = [one for one in every if counts(one)]
        rows = {one.row for one in trusted}
        self._untrusted = {one.row: one.branch for one in every if one.row not in rows}
        self._of_other_pins = self._with_other_pins(rows)
        self.sessions = [one for one in trusted if one.row not in self._of_other_pins]

    def has_others_of(self, runtime: str) -> bool:
        """Tell whether sessions off the trunk ran in a runtime, and don't decide."""
        return not self._by_runtime.get(runtime, set()).isdisjoint(self._untrusted)

    def left_out(self) -> Iterator[Finding]:
        """Say how many sessions of releases don't decide, and why."""
        runs = set().union(*self._by_runtime.values())
        left = {row: branch for row, branch in self._untrusted.items() if row in runs}
        if left:
            named = sorted({branch for branch in left.values() if branch})
            more = ", …" if len(named) > _NAMED else ""
            of = f", of {', '.join(named[:_NAMED])}{more}" if named else ""
            said = (
                f"{counted(len(left), 'session')} off the trunk left out{of}: "
                "--branch counts those of one, too"
            )
            yield Finding("note", "measured", said)
        if self._of_other_pins:
            packages = ", ".join(sorted(set(self._of_other_pins.values())))
            said = (
                f"{counted(len(self._of_other_pins), 'session')} of {self._recipe.version} left "
                f"out: they ran with other versions than those pinned, as of {packages}"
            )
            yield Finding("note", "measured", said)

    def _with_other_pins(self, rows: Collection[int]) -> dict[int, str]:
        """Return sessions of the contender that ran with what isn't pinned now, and a package."""
        ran = self._by_runtime.get(self._recipe.version, set()).intersection(rows)
        pins = {
            normalized(name): one
            for one in self._recipe.pins
            if one.versions
            for name in (one.name, on_pypi(one.name))
            if name is not None
        }
        found: dict[int, str] = {}
        for row, circumstances in stored_circumstances(self._connection, ran).items():
            for (kind, name), versions in circumstances.said.items():
                pin = pins.get(normalized(name))
                if (
                    pin is not None
                    and kind in (Differs.PACKAGE, Differs.PLATFORM)
                    and not all(satisfies(_bare(one), pin) for one in versions)
                ):
                    found.setdefault(row, name)
        return found


def _bare(version: str) -> str:
    """Return a version without where it came from: ``3.11.7 (conda)``, ``2.0+5.gabc (git+…)``."""
    return version.partition(" ")[0]
