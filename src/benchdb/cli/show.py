"""``benchdb show``: recent sessions; the series of cases."""

from __future__ import annotations

from typing import Final

import click

from benchdb.cli.options import database_option, format_option, leading_subjects, locate
from benchdb.cli.output import say, write, write_tables

#: More sessions than any file has; what counts them takes no number of any size.
_MOST: Final = 10**9


@click.command("show", short_help="Recent sessions; the series of a case, with its trend.")
@click.argument("cases", metavar="[CASE]...", nargs=-1)
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True, help="Only this metric; may be repeated."
)
@click.option(
    "--last",
    metavar="N",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="The newest N sessions, or points of a series.",
)
@click.option(
    "--all", "every_session", is_flag=True, help="Use sessions off the trunk in series too."
)
@database_option
@format_option
def command(
    *,
    cases: tuple[str, ...],
    metrics: tuple[str, ...],
    last: int,
    every_session: bool,
    db: str | None,
    form: str,
) -> None:
    """Show recent sessions; or the series of a CASE, one for each metric, with its trend.

    A CASE is the name of a test, with or without parameters, its path::name, its name without its
    class, the path of its file, or a pattern of these with * and ?: the first that there is.

    A series has one point a session: the median over the case's test runs that passed. It stands on
    trunk sessions: clean ones on a branch that [tool.benchdb] trunk names (main and master by
    default), and all of them outside of a repository. Where a case has none, every session is used.
    """
    from benchdb.report import schemas
    from benchdb.store.opening import reading

    if metrics and not cases:
        raise click.UsageError("--metric needs a CASE", click.get_current_context())
    last = min(last, _MOST)
    path, settings = locate(db)
    preferred = leading_subjects(settings)
    with reading(path, say) as connection:
        if not cases:
            from benchdb.report.sessions import sessions_content, sessions_table
            from benchdb.store.queries import counted_sessions

            found = counted_sessions(connection, last=last)
            if form == "json":
                write(schemas.document(schemas.SESSIONS, path, sessions_content(found)))
            elif found:
                write_tables([sessions_table(found, preferred)], form)
            elif hidden := len(counted_sessions(connection, hidden=True)):
                say(
                    f"no session is shown of {path}: {hidden:,} withdrawn; `benchdb annotate "
                    "session UID --keep DIGEST` takes that back"
                )
            else:
                say(f"no session is in {path} yet: record one with `pytest --benchmark`")
            return

        from benchdb.report.series import series_content, series_tables
        from benchdb.review.cases import matching_cases
        from benchdb.review.series import case_series

        every = case_series(
            connection,
            matching_cases(connection, cases),
            settings,
            last=last,
            metrics=metrics,
            every_session=every_session,
        )
    if form == "json":
        for part in schemas.parts(schemas.SERIES, path, series_content(every)):
            write(part)
    else:
        tables = series_tables(every, settings.trunk, preferred, zeros=bool(metrics))
        write_tables(tables, form)
