"""``--save``: what a command says, into files as well."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from benchdb.errors import UserError, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: What a file's ending says of the format.
_ENDINGS: Final = {".html": "html", ".json": "json", ".md": "markdown", ".txt": "table"}


def save_option(formats: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--save``, of some formats; the command gets pairs of a format and a file."""
    endings = ", ".join(end for end, form in _ENDINGS.items() if form in formats)

    def told(
        _: click.Context, __: click.Parameter, given: tuple[str, ...]
    ) -> tuple[tuple[str, Path], ...]:
        return tuple(_told(one, formats, endings) for one in given)

    return click.option(
        "--save",
        metavar="[FORMAT=]FILE",
        multiple=True,
        callback=told,
        help=f"Write it into a file, too: in the format of its ending ({endings}), or in the one "
        "that is named; may be repeated.",
    )


def _told(given: str, formats: Sequence[str], endings: str) -> tuple[str, Path]:
    form, path = _parted(given, formats, endings)
    # Now, not when all is done: what is saved may take hours to find out.
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}: make it, or name another")
    if path.is_dir():
        raise click.BadParameter(f"{path} is a folder: name a file in it")
    return form, path


def _parted(given: str, formats: Sequence[str], endings: str) -> tuple[str, Path]:
    form, is_named, file = given.partition("=")
    if is_named and form in formats and file:
        return form, Path(file)
    found = _ENDINGS.get(Path(given).suffix.lower(), "")
    if found not in formats:
        raise click.BadParameter(
            f"the format of {given!r} isn't known: let it end in one of {endings}, or write "
            f"FORMAT=FILE, with {', '.join(formats)}"
        )
    return found, Path(given)


def save(files: Sequence[tuple[str, Path]], text: Callable[[str], Iterable[str]]) -> None:
    """Write files.

    Parameters
    ----------
    files
        From `save_option`.
    text
        Gives the parts of what is written in a format.

    Raises
    ------
    UserError
        If one can't be written.
    """
    for form, file in files:
        try:
            with file.open("w", encoding="utf-8") as stream:
                stream.writelines(text(form))
        except OSError as error:
            raise UserError(f"{file} can't be written ({reason(error)}): name another") from None
