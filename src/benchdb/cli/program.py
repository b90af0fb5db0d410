"""The verbs, and what becomes of errors."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

import click

from benchdb import __version__
from benchdb.cli.output import flush_quietly, say, say_traceback, use_streams
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: A wrong call, or a failure of ours.
FAILURE: Final = 2
_INTERRUPTED: Final = 130

_CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class LazyGroup(click.Group):
    """A group whose verbs are imported when they are asked for.

    Parameters
    ----------
    verbs
        Name of a verb to the module that defines it, as ``command``.
    """

    def __init__(self, *arguments: Any, verbs: Mapping[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order that people need them."""
        return [*self._verbs, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb, after importing it."""
        module = self._verbs.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        return command


_DATABASE_VERBS: Final = {
    "info": "benchdb.cli.db_info",
    "upgrade": "benchdb.cli.db_upgrade",
    "check": "benchdb.cli.db_check",
    "prune": "benchdb.cli.db_prune",
}

_ANNOTATE_VERBS: Final = {
    "artifact": "benchdb.cli.annotate_artifact",
    "series": "benchdb.cli.annotate_series",
    "session": "benchdb.cli.annotate_session",
}


@click.group("db", cls=LazyGroup, verbs=_DATABASE_VERBS)
def database() -> None:
    """The database file itself: what it holds, upgrade, check, prune."""


@click.group("annotate", cls=LazyGroup, verbs=_ANNOTATE_VERBS)
def annotate() -> None:
    """Record what people decided; it travels with the sessions."""


_IMPORT_VERBS: Final = {"csv": "benchdb.cli.import_csv"}


@click.group("import", cls=LazyGroup, verbs=_IMPORT_VERBS)
def imports() -> None:
    """Take in what other tools recorded, by format."""


_RELEASE_VERBS: Final = {
    "build": "benchdb.cli.release_build",
    "solve": "benchdb.cli.release_solve",
    "install": "benchdb.cli.release_install",
    "env": "benchdb.cli.release_env",
    "check": "benchdb.cli.release_check",
    "bump": "benchdb.cli.release_bump",
    "validate": "benchdb.cli.release_validate",
}


@click.group("release", cls=LazyGroup, verbs=_RELEASE_VERBS)
def release() -> None:
    """A conda metapackage: build, solve, install, check, bump its pins, validate."""


_VERBS: Final = {
    "show": "benchdb.cli.show",
    "changes": "benchdb.cli.changes",
    "gate": "benchdb.cli.gate",
    "backtest": "benchdb.cli.backtest",
    "explain": "benchdb.cli.explain",
    "compare": "benchdb.cli.compare",
    "dashboard": "benchdb.cli.dashboard",
    "ack": "benchdb.cli.ack",
    "merge": "benchdb.cli.merge",
    "sync": "benchdb.cli.sync",
    "push": "benchdb.cli.push",
    "pull": "benchdb.cli.pull",
    "compact": "benchdb.cli.compact",
}


@click.group("benchdb", cls=LazyGroup, verbs=_VERBS, context_settings=_CONTEXT)
@click.version_option(__version__, message="benchdb %(version)s")
def program() -> None:
    """What `pytest --benchmark` recorded: look at it, merge it, look after it.

    The database is the one that pytest would record into here: --db, else BENCHDB_URL or DB_NAME,
    else db in [tool.benchdb] of pyproject.toml, else benchmark.db, found upward from this folder.
    """


program.add_command(imports)
program.add_command(annotate)
program.add_command(release)
program.add_command(database)


def run(arguments: Sequence[str] | None) -> int:
    """Run a command; return its exit code."""
    use_streams()
    try:
        code = program.main(
            None if arguments is None else list(arguments), "benchdb", standalone_mode=False
        )
    except UserError as error:
        say(error.with_option("--db"))
        code = FAILURE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 0
    except click.ClickException as error:
        say(_wrong_call(error))
        code = FAILURE
    except (click.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except Exception as error:  # 1 would mean that something regressed
        say_traceback(error)
        say(
            f"that is a bug of benchdb {__version__}, not what was asked for: "
            "report it with all of the above"
        )
        code = FAILURE
    flush_quietly()
    return code if isinstance(code, int) else 0


def _wrong_call(error: click.ClickException) -> str:
    """Return one line for what was wrong about a call, and where to read what is right."""
    said = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    called = context.command_path if context is not None else "benchdb"
    return f"{said[:1].lower()}{said[1:]}: see `{called} --help`"
