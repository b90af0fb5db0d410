"""What people say of changes: the options that say it, who says so, and where it is stored."""

from __future__ import annotations

import contextlib
import getpass
from typing import TYPE_CHECKING, Any, Final

import click

from benchdb.cli.options import prepare
from benchdb.cli.output import say
from benchdb.cli.progress import progress_bar
from benchdb.findings import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchdb.config import Location, Settings
    from benchdb.findings import Saying
    from benchdb.series import StoredSession

#: The option of each state: by which names, what it means, and what a value of it is called.
_OPTIONS: Final[dict[State, tuple[tuple[str, ...], str, str | None]]] = {
    State.EXPECTED: (("--expected",), "It is meant to be so: the new baseline.", None),
    State.NOISE: (("--noise",), "It is none.", None),
    State.FIXED: (("--fixed-by", "commit"), "It is mended by this commit.", "COMMIT"),
    State.WONT_FIX: (("--wont-fix",), "It stays as it is: the new baseline.", None),
    State.OPEN: (("--open", "reopen"), "Take back what was said.", None),
}


def author_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add why something is said, and who says so."""
    command = click.option(
        "--by", "author", metavar="WHO", help="Who says so; by default this user."
    )(command)
    return click.option("-m", "--message", "text", metavar="TEXT", help="Why.")(command)


def saying_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says how a change stands, why, and who says so."""
    command = author_options(command)
    for names, meaning, value in reversed(_OPTIONS.values()):
        command = click.option(*names, is_flag=value is None, metavar=value, help=meaning)(command)
    return command


def said_state(given: Mapping[str, object]) -> State | None:
    """Return the state that the options say; None where they say none.

    Raises
    ------
    click.UsageError
        If they say several.
    """
    states = [
        state
        for state, (names, _, _) in _OPTIONS.items()
        if given[names[-1].removeprefix("--").replace("-", "_")] not in (None, False)
    ]
    if len(states) > 1:
        raise click.UsageError(
            "give one of --expected, --noise, --fixed-by, --wont-fix, --open",
            click.get_current_context(),
        )
    return states[0] if states else None


def this_user() -> str | None:
    """Return who runs the command; None where the system doesn't know."""
    with contextlib.suppress(Exception):  # a container's user may have no name
        return getpass.getuser()
    return None


def stored(path: Location) -> list[Saying]:
    """Return all that was said in a database, the earliest first."""
    from benchdb.store.opening import reading
    from benchdb.store.sayings import stored_sayings

    with reading(path, say) as connection:
        return stored_sayings(connection)


def checked(
    path: Location, settings: Settings, given: str, before: StoredSession | None = None
) -> tuple[str, str | None]:
    """Return the commit of a fix, and what to say of it: none of before what it is to mend.

    Raises
    ------
    UserError
        If nothing is called so, or sessions had it before the change.
    """
    from benchdb.review.fixes import checked_fix
    from benchdb.store.opening import reading
    from benchdb.store.queries import stored_sessions

    with reading(path, say) as connection:
        sessions = sorted(stored_sessions(connection), key=lambda one: one.order)
    commit, ran = checked_fix(settings.root, given, sessions, before)
    note = f"no session here ran at commit {commit} yet: it is open again if three show it still"
    return commit, None if ran else note


def add(path: Location, some: list[Saying]) -> list[Saying]:
    """Store what is said; return it as it is stored.

    Raises
    ------
    UserError
        If a range ends before it begins: what is said of it would never hold.
    """
    from benchdb.review.anchors import unplaced
    from benchdb.store.opening import connected, explaining, reading
    from benchdb.store.queries import stored_sessions
    from benchdb.store.sayings import add_saying

    with reading(path, say) as connection:
        sessions = stored_sessions(connection)
    unknown = [found for one in some for found in unplaced(one, sessions)]

    with progress_bar() as progress:
        prepare(path, progress)
    with explaining(path), connected(path, write=True) as connection:
        added = [add_saying(connection, one) for one in some]
    for found in dict.fromkeys(unknown):
        say(f"no session here is at {found!r}: what was said holds once there is one")
    return added
