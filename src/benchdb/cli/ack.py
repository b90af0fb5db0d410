"""``benchdb ack``: says how an event stands."""

from __future__ import annotations

import hashlib
import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.options import database_option, format_option, locate, rate_option
from benchdb.cli.output import say, write, write_tables
from benchdb.cli.saying import add, checked, said_state, saying_options, stored, this_user
from benchdb.errors import UserError, reason

if TYPE_CHECKING:
    from benchdb.config import Location, Settings
    from benchdb.findings import Saying

#: The name that stands for the standard input or output.
_STREAM: Final = "-"


@click.command("ack", short_help="Say how an event stands: expected, noise, fixed, won't fix.")
@click.argument("event", metavar="[EVENT]", required=False)
@saying_options
@click.option("--list", "listing", is_flag=True, help="List what was said.")
@click.option(
    "--write-toml",
    "target",
    metavar="FILE",
    help="Write all that was said into a file; - is the standard output.",
)
@click.option(
    "--read-toml",
    "source",
    metavar="FILE",
    help="Take in what a file says; - is the standard input.",
)
@rate_option
@click.option("--all", "every_session", is_flag=True, help="As in `benchdb changes`.")
@database_option
@format_option
def command(
    *,
    event: str | None,
    text: str | None,
    author: str | None,
    listing: bool,
    target: str | None,
    source: str | None,
    rate: float,
    every_session: bool,
    db: str | None,
    form: str,
    **states: Any,
) -> None:
    """Say how an EVENT of `benchdb changes` stands.

    It is noted with the series and the range of commits that it is about. So it holds when all is
    computed anew, with more sessions too, and travels with `merge` and `sync`. Nothing is removed:
    of several the latest holds. An expected level, or one that stays, is the baseline at once.
    """
    context = click.get_current_context()
    state = said_state(states)
    others = sum((listing, target is not None, source is not None))
    if (event is None) is (others == 0) or others > 1:
        raise click.UsageError("give an EVENT, --list, --write-toml or --read-toml", context)
    if event is not None and state is None:
        raise click.UsageError(
            "give one of --expected, --noise, --fixed-by, --wont-fix, --open", context
        )
    if event is None and state is not None:
        raise click.UsageError("name the EVENT: `benchdb changes` lists them", context)
    path, settings = locate(db)
    if listing:
        _list(path, form)
    elif target is not None:
        _write_toml(path, target)
    elif source is not None:
        _read_toml(path, source, author or this_user())
    elif event is not None and state is not None:
        _acknowledge(
            path,
            settings,
            event,
            rate=rate,
            every_session=every_session,
            state=state,
            commit=states["commit"],
            text=text,
            author=author or this_user(),
        )


def _list(path: Location, form: str) -> None:
    from benchdb.report import schemas
    from benchdb.report.sayings import sayings_content, sayings_table
    from benchdb.review.naming import holding

    every = holding(stored(path))
    if form == "json":
        write(schemas.document(schemas.SAYINGS, path, sayings_content(every)))
    elif every:
        write_tables([sayings_table(every)], form)
    else:
        say("nothing was said of any event yet: `benchdb changes` lists the events")


def _acknowledge(
    path: Location,
    settings: Settings,
    given: str,
    *,
    rate: float,
    every_session: bool,
    author: str | None,
    commit: str | None,
    **about: Any,
) -> None:
    from benchdb.report.sayings import said
    from benchdb.report.text import counted, literal
    from benchdb.review.events import find_changes
    from benchdb.review.naming import event_called, saying_about
    from benchdb.review.raised import raised_since, saying_of_raised
    from benchdb.store.opening import reading
    from benchdb.store.values import new_uid

    keep_freed_memory()
    event, raised = None, []
    with reading(path, say) as connection:
        changes = find_changes(connection, settings, rate=rate, every_session=every_session)
        try:
            event = event_called(changes, given)
        except UserError:
            raised = raised_since(connection, settings, given)  # what a gate saw at once
            if not raised:
                raise
    before = event.earliest if event else next(one.before for one in raised if one.before)
    note = None
    if commit is not None:
        commit, note = checked(path, settings, commit, before)
    about |= {"key": new_uid(), "author": author, "commit": commit}
    one = add(path, [saying_about(event, **about) if event else saying_of_raised(raised, **about)])
    series = counted(len(event.moved if event else raised), "series", "series")
    write(literal(f"event {event.id if event else given} ({series}): {said(one[0])}") + "\n")
    if note is not None:
        write(literal(note) + "\n")


def _write_toml(path: Location, target: str) -> None:
    from benchdb.report.sayings import as_toml
    from benchdb.report.text import counted

    every = stored(path)
    if target == _STREAM:
        write(as_toml(every))
        return
    try:
        Path(target).write_text(as_toml(every), "utf-8")
    except OSError as error:
        raise UserError(
            f"{target} can't be written ({error.strerror}): name another file"
        ) from None
    write(f"{target}: {counted(len(every), 'entry', 'entries')}\n")


def _read_toml(path: Location, source: str, author: str | None) -> None:
    """Take in what isn't known; an entry that was changed follows the one that it was."""
    from datetime import UTC, datetime

    from benchdb.findings import Saying
    from benchdb.report.sayings import from_toml
    from benchdb.report.text import counted

    try:
        content = sys.stdin.read() if source == _STREAM else Path(source).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{source} can't be read ({reason(error)}): name another file") from None
    known = {one.key: one for one in stored(path)}
    new = []
    for given in from_toml(content, source):
        before = known.get(given["key"] or "")
        if before is not None and _same(before, given):
            continue
        key = given["key"] if given["key"] and before is None else _key(given)
        if key in known:
            continue
        fields = {**given, "key": key, "author": given["author"] or author}
        fields["made"] = (None if before else given["made"]) or datetime.now(UTC)
        if before is not None:
            fields["follows"] = before.key
        known[key] = Saying(**fields)
        new.append(known[key])
    if new:
        add(path, new)
    write(f"{source}: {counted(len(new), 'new entry', 'new entries')}\n")


def _same(one: Saying, given: dict[str, Any]) -> bool:
    """Tell whether an entry says what is stored."""
    return all(getattr(one, name) == value for name, value in given.items() if name != "made")


def _key(given: dict[str, Any]) -> str:
    """Return a key made of what an entry says, so that reading it twice adds it once."""
    said = json.dumps(
        {name: value for name, value in given.items() if name not in ("made", "author")},
        sort_keys=True,
    )
    return str(uuid.UUID(bytes=hashlib.sha256(said.encode()).digest()[:16]))
