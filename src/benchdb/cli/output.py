"""Where output goes: a terminal, a pipe, a pipe that closed; and in which format."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchdb.report.table import Medium, Table


def use_streams() -> None:
    """Let no character fail that the terminal's encoding can't show."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def say(line: str) -> None:
    """Tell the user one line that is no part of the output: on standard error."""
    from benchdb.report.text import literal

    _write(sys.stderr, f"benchdb: {literal(line)}\n")


def say_traceback(error: BaseException) -> None:
    """Tell where an error came from, as Python does: on standard error."""
    import traceback

    _write(sys.stderr, "".join(traceback.format_exception(error)))


def write(text: str) -> None:
    """Write output; who reads it may stop at any time, as ``| head`` does."""
    _write(sys.stdout, text)


def flush_quietly() -> None:
    """Write what is still held back, so that Python need not when it ends."""
    _write(sys.stdout, "")


def _write(stream: Any, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # The command goes on to its end and keeps its exit code; nobody reads on.
        _leave(stream)
    except OSError as error:  # a full disk
        _leave(stream)
        if stream is sys.stdout:
            from benchdb.errors import UserError, reason

            raise UserError(
                f"the output can't be written ({reason(error)}): write it elsewhere"
            ) from None


def _leave(stream: Any) -> None:
    """Let what is written to a stream from now on go nowhere, and what it holds back."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def on_terminal() -> bool:
    """Tell whether a person sees the output and can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def medium() -> Medium:
    """Return what the output is written to; a pipe has no width, unless COLUMNS gives it one."""
    from benchdb.report.table import Medium

    encoding = sys.stdout.encoding or "utf-8"
    if not sys.stdout.isatty():
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isdecimal() and int(columns) > 0 else None
        return Medium(width, encoding=encoding, color=bool(os.environ.get("FORCE_COLOR")))
    return Medium(shutil.get_terminal_size().columns, color=True, encoding=encoding)


def write_tables(tables: list[Table], form: str) -> None:
    """Write tables for people, an empty line between two; Markdown no longer than GitHub takes."""
    write(drawn(tables, form, medium()))


def drawn(tables: list[Table], form: str, to: Medium) -> str:
    """Return tables as `write_tables` writes them."""
    if form == "markdown":
        from benchdb.report.markdown import as_markdown

        return as_markdown(tables, to)
    from benchdb.report.table import terminal

    return "\n".join(text for table in tables if (text := terminal(table, to)))
