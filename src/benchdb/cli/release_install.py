"""``benchdb release install``: an environment in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from benchdb.cli.output import say, write, write_tables
from benchdb.cli.release_options import channel_option, opened_channels, platform_option


@click.command("install", short_help="An environment in a folder.")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.argument("prefix", metavar="PREFIX", type=click.Path(path_type=Path))
@channel_option
@platform_option
def command(
    *, specs: tuple[str, ...], prefix: Path, channels: tuple[str, ...], platform: str | None
) -> int:
    """Install what each SPEC needs, as 'benchdb-runtime ==1.2', into the folder PREFIX.

    Exits with 1, and the reason, where it can't be solved. What else is in the environment goes: it
    becomes what was solved. No script of a package is run.
    """
    from benchdb.release.conda.solving import install

    done = install(specs, prefix, opened_channels(channels, platform))
    if done.why:
        from benchdb.report.release import solved_tables

        write_tables(solved_tables(", ".join(specs), [done]), "table")
        say("nothing was installed: not all of it can be had together")
        return 1
    write(f"installed {len(done.packages):,} packages into {prefix}\n")
    return 0
