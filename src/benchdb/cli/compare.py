"""``benchdb compare``: two sides of a history against each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.options import database_option, format_option, leading_subjects, locate
from benchdb.cli.output import say, write, write_tables

if TYPE_CHECKING:
    from benchdb.review.comparison import Order


def _share(_: click.Context, __: click.Parameter, given: str | None) -> float | None:
    """Return a share that was written as one, or in per cent."""
    if given is None:
        return None
    number, percent, rest = given.partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = math.nan
    # 3 is rather 3 % than the 300 % that it says.
    if not 0 <= share < (math.inf if percent else 1) or rest.strip():
        raise click.BadParameter(f"{given!r} is no share: write it as 2% or 0.02")
    return share


@click.command("compare", short_help="Two sides: sessions, commits, tags, versions, dates.")
@click.argument("baseline")
@click.argument("contender")
@click.argument("cases", metavar="[CASE]...", nargs=-1)
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True, help="Only this metric; may be repeated."
)
@click.option(
    "--tolerance",
    metavar="SHARE",
    callback=_share,
    help="The effect that doesn't matter, as 5% or 0.05; by default what [tool.benchdb] tolerance "
    "says, 2%.",
)
@click.option(
    "--sort",
    "order",
    type=click.Choice(["worst", "effect", "case", "p"]),
    default="worst",
    show_default=True,
    help="The order of rows.",
)
@click.option("--trunk", is_flag=True, help="Use sessions of the trunk alone.")
@click.option("--verbose", is_flag=True, help="Show every row, also what is unchanged.")
@click.option("--fail-on-regression", is_flag=True, help="Exit with 1 if a case regressed.")
@database_option
@format_option
def command(
    *,
    baseline: str,
    contender: str,
    cases: tuple[str, ...],
    metrics: tuple[str, ...],
    tolerance: float | None,
    order: Order,
    trunk: bool,
    verbose: bool,
    fail_on_regression: bool,
    db: str | None,
    form: str,
) -> int:
    """Compare the CONTENDER with the BASELINE, per case and metric and over all.

    \b
    Each is one of these; of several sessions each is a run of the side:
      session:UID        a session, by the beginning or end of its uid
      commit:COMMIT      a commit or its start, or what git calls it: main, v1.2, HEAD~3
      branch:NAME        the branch that was recorded
      tag:KEY=VALUE      a tag of --benchmark-tag
      package:NAME==V    a version of a package, installed or on trial; * for anything
      runtime:NAME       the runtime that was installed: COILED_RUNTIME_VERSION, or the name of a
                         software environment, COILED_SOFTWARE_NAME
      last:N             the newest N sessions
      date:DAY           sessions that started on a day or in a month (UTC): 2026-10-01, 2026-10
      date:DAY..DAY      or between two, both included; either may be left out
    The word before the colon may be left out where only one fits. A session that both sides name
    is the contender's alone.

    CASE narrows it down, as in `benchdb show`.

    A session gives one value: the median over a case's test runs that passed. Where both sides have
    fewer than 3 sessions, test runs are compared instead (--benchmark-repeat). Conditions that the
    sides have in common must be equal: environment, shape of the cluster, series_tags. Those of
    which they share no value are on trial, and are named.
    """  # noqa: D301
    from benchdb.report import schemas
    from benchdb.report.comparison import comparison_tables
    from benchdb.report.comparison_content import comparison_content
    from benchdb.report.sessions import conflict_line
    from benchdb.report.text import database, plain
    from benchdb.review.cases import matching_cases
    from benchdb.review.comparison import compare_sides
    from benchdb.review.sides import Sides
    from benchdb.series import conflicts_among
    from benchdb.store.opening import reading
    from benchdb.store.queries import stored_sessions

    keep_freed_memory()
    path, settings = locate(db)
    with reading(path, say) as connection:
        every = stored_sessions(connection)
        one, two = Sides(connection, settings, every, trunk_only=trunk).pair(baseline, contender)
        found = compare_sides(
            connection,
            settings,
            one,
            two,
            cases=matching_cases(connection, cases) if cases else None,
            metrics=metrics,
            tolerance=tolerance,
            order=order,
        )
    if conflicts := conflicts_among(every):
        say(plain(conflict_line(conflicts)))
    if form == "json":
        for part in schemas.parts(schemas.COMPARISON, path, comparison_content(found)):
            write(part)
    else:
        whole = verbose or form == "markdown"
        subjects = leading_subjects(settings)
        tables = comparison_tables(found, subjects, verbose=whole, place=database(db))
        write_tables(tables, form)
    return 1 if fail_on_regression and found.regressed else 0
