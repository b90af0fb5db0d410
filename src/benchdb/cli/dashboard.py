"""``benchdb dashboard``: the static site of a history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from benchdb.cli.allocation import keep_freed_memory
from benchdb.cli.options import database_option, files_folder, leading_subjects, locate
from benchdb.cli.output import say, write
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchdb.config import Location, Settings
    from benchdb.dashboard.build import Built, Request


@click.command("dashboard", short_help="A static site of it all, that opens offline.")
@click.option("-o", "--output", "folder", metavar="DIR", help="Where the site goes.")
@database_option
@click.option(
    "--last",
    metavar="N",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="The newest N sessions count as recent.",
)
@click.option(
    "--only",
    metavar="GLOB",
    multiple=True,
    help="Only tests of this name or pattern, as `benchdb show` takes them; may be repeated.",
)
@click.option("--single-file", is_flag=True, help="Put everything into one index.html.")
@click.option(
    "--source",
    metavar="DIR",
    help="A checkout of the code: of commits and tests' sources; by default the rootdir.",
)
@click.option("--open", "shown", is_flag=True, help="Open it in the browser.")
@click.option(
    "--serve",
    is_flag=True,
    help="Serve it on this machine, and build it again when the database changes.",
)
def command(
    *,
    folder: str | None,
    db: str | None,
    last: int,
    only: tuple[str, ...],
    single_file: bool,
    source: str | None,
    shown: bool,
    serve: bool,
) -> None:
    """Build a static site of the history into DIR: what changed, every test, comparisons.

    It needs no server: index.html opens by a double-click, without a network. It may lie on any web
    server, GitHub's pages, a bucket, or among a CI job's files. A file is written only if its bytes
    change. Beside it are summary.json, summary.csv, summary.md and feed.xml.
    """
    keep_freed_memory()
    if not folder and (folder is not None or not serve):  # a variable that is empty is no folder
        raise click.UsageError(
            "say where the site goes with -o DIR, or --serve it", click.get_current_context()
        )
    path, settings = locate(db)
    code = _source(source, settings)

    from benchdb.dashboard.build import Request
    from benchdb.dashboard.survey import Wanted

    def request(at: Path) -> Request:
        return Request(
            folder=at,
            wanted=Wanted(last, only),
            leading=leading_subjects(settings),
            source=code,
            files=files_folder(path, settings),
            single=single_file,
        )

    if serve:
        _serve(path, settings, request, folder, shown=shown)
        return
    assert folder is not None
    made = request(Path(folder))
    built = _build(path, settings, made)
    write(f"{built.headline}\n{_counts(built)}: {made.folder / 'index.html'}\n")
    if shown:
        _open((made.folder / "index.html").resolve().as_uri())


def _source(given: str | None, settings: Settings) -> Path:
    if given is None:
        return settings.root
    folder = Path(given)
    if not folder.is_dir():
        raise click.UsageError(f"{given} is no folder", click.get_current_context())
    return folder


def _counts(built: Built) -> str:
    from benchdb.report.text import counted

    gone = f", {built.removed:,} removed" if built.removed else ""
    return f"{counted(built.files, 'file')}, {built.written:,} written{gone}"


def _build(path: Location, settings: Settings, request: Request) -> Built:
    """Build it from one state of the database, and keep there what makes the next build short."""
    from benchdb.dashboard.build import build
    from benchdb.review.remembered import Kept
    from benchdb.store.opening import reading

    kept = Kept()
    with reading(path, say) as connection:
        built = build(connection, settings, request, kept)
    kept.store(path)
    return built


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        say(f"there is no browser here: open {address}")


#: Seconds between two looks at the database, and how much longer than a build to wait after it.
_LOOK: Final = 1.0
_REST: Final = 3.0


def _serve(
    path: Location,
    settings: Settings,
    request: Callable[[Path], Request],
    folder: str | None,
    *,
    shown: bool,
) -> None:
    """Serve the site until it is interrupted, and build it again when the database changes."""
    import tempfile
    import time

    from benchdb.cli.interrupts import heeding_sigterm
    from benchdb.dashboard.serve import Serving

    with heeding_sigterm(), tempfile.TemporaryDirectory(prefix="benchdb-dashboard-") as temporary:
        made = request(Path(folder or temporary))
        seen = _mark(path)
        built = _build(path, settings, made)
        serving = Serving(made.folder, single=made.single)
        write(f"{built.headline}\nserving {serving.address} (Ctrl-C ends it)\n")
        try:
            if shown:
                _open(serving.address)
            rest = _LOOK
            while True:
                time.sleep(rest)
                rest, seen = _again(path, settings, made, seen)
        except KeyboardInterrupt:
            pass
        finally:
            serving.stop()


def _mark(path: Location) -> tuple[object, ...]:
    from benchdb.store.opening import reading
    from benchdb.store.queries import content_mark

    with reading(path) as connection:
        return content_mark(connection)


def _again(
    path: Location, settings: Settings, made: Request, seen: tuple[object, ...]
) -> tuple[float, tuple[object, ...]]:
    """Build it again if the database changed; return how long to wait, and what was seen."""
    import time

    began = time.monotonic()
    try:
        now = _mark(path)
        if now == seen:
            return _LOOK, seen
        built = _build(path, settings, made)
        say(f"built again: {built.headline}")
    except UserError as error:
        now = (str(error),)
        if now != seen:
            say(str(error))
    return max(_LOOK, _REST * (time.monotonic() - began)), now
