"""Which sessions decide a release, and how many don't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchdb.collect.ancestry import head
from benchdb.findings import Differs
from benchdb.recipes import Finding
from benchdb.release.conda.specs import satisfies
from benchdb.report.text import counted
from benchdb.review.series import is_trunk
from benchdb.store.circumstances import stored_circumstances
from benchdb.store.packages import sessions_by_runtime
from benchdb.store.queries import recorded_here, stored_sessions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from benchdb.config import Settings
    from benchdb.recipes import Recipe
    from benchdb.store.connection import Connection


class Deciding:
    """The sessions that decide: anybody's pull request says which runtime it ran in.

    They are those of the trunk, those that were recorded into this file, and those at the commit
    that is checked out; of the contender's, those that ran with what is pinned now.

    Parameters
    ----------
    connection
        From `benchdb.store.opening.reading`.
    settings
        They name the trunk, and the folder where git is asked.
    recipe
        Of the contender.
    at_head
        Whether those at the commit count, whoever recorded them.

    Attributes
    ----------
    sessions
        The sessions.
    """

    def __init__(
        self, connection: Connection, settings: Settings, recipe: Recipe, *, at_head: bool
    ) -> None:
        self._connection = connection
        self._recipe = recipe
        every = stored_sessions(connection)
        here = recorded_here(connection)
        commit = head(settings.root) if at_head else None
        trusted = [
            one
            for one in every
            if is_trunk(one, settings.trunk)
            or one.uid in here
            or (commit is not None and any(it.commit == commit for it in one.subjects))
        ]
        rows = {one.row for one in trusted}
        self._untrusted = {one.row for one in every} - rows
        self._of_other_pins = self._with_other_pins(rows)
        self.sessions = [one for one in trusted if one.row not in self._of_other_pins]

    def left_out(self, runtimes: Collection[str]) -> Iterator[Finding]:
        """Say how many sessions of these runtimes don't decide, and why."""
        by_runtime = sessions_by_runtime(self._connection)
        rows = set().union(*(by_runtime.get(one, ()) for one in runtimes))
        if left := rows & self._untrusted:
            said = (
                f"{counted(len(left), 'session')} left out: off the trunk, not recorded into this "
                "file, and not at what is checked out"
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
        by_runtime = sessions_by_runtime(self._connection)
        ran = by_runtime.get(self._recipe.version, set()).intersection(rows)
        pins = {one.name: one for one in self._recipe.pins if one.versions}
        found: dict[int, str] = {}
        for row, circumstances in stored_circumstances(self._connection, ran).items():
            for (kind, name), versions in circumstances.said.items():
                pin = pins.get(name.lower())
                if (
                    pin is not None
                    and kind in (Differs.PACKAGE, Differs.PLATFORM)
                    and not all(satisfies(one, pin) for one in versions)
                ):
                    found.setdefault(row, name)
        return found
