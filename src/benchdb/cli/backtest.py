"""``benchdb backtest``: what the gate would have said."""

from __future__ import annotations

from pathlib import Path

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.options import database_option, format_option, locate
from benchdb.cli.output import say, write, write_tables
from benchdb.cli.progress import progress_bar


@click.command("backtest", short_help="What the gate would have said of the history.")
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take [tool.benchdb] from this TOML file instead of pyproject.toml.",
)
@click.option(
    "--last",
    metavar="N",
    type=click.IntRange(1),
    help="Judge the newest N sessions; by default all.",
)
@click.option("--verbose", is_flag=True, help="Show every row.")
@database_option
@format_option
def command(
    *, config: Path | None, last: int | None, verbose: bool, db: str | None, form: str
) -> None:
    """Replay the history of the trunk as if each session had been judged when it was the newest.

    Lists the regressions that would have failed a session, how many sessions that took, and for
    how many each stayed listed. With --config, other settings can be tried before they are used:
    tolerance, false_alarms, metrics, fail_on, controls.
    """
    from benchdb.config import read_settings_file
    from benchdb.report import schemas
    from benchdb.report.backtest import backtest_content, backtest_tables
    from benchdb.review.backtest import replay
    from benchdb.store.opening import reading

    keep_freed_memory()
    path, settings = locate(db)
    if config is not None:
        settings = read_settings_file(config, settings.root)
    with reading(path, say) as connection, progress_bar() as progress:
        found = replay(connection, settings, progress, last=last)
    if form == "json":
        for part in schemas.parts(schemas.BACKTEST, path, backtest_content(found)):
            write(part)
    elif not found.sessions:
        say("there is no session of the trunk to judge: `benchdb show` lists sessions")
    else:
        write_tables(backtest_tables(found, verbose=verbose), form)
