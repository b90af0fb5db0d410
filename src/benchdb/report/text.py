"""Text for people: nothing that a name contains may draw, colour or hide anything."""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from benchdb.records import Cluster, Environment, SubjectRevision

#: Hexadecimal digits of a session's uid that tables show: its end, as its beginning is a time.
SHORT_UID: Final = 8

#: Controls, and what turns the direction of writing or hides: categories of Unicode.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]<>|~#&])")
#: What GitHub would make a mention or a reference of, which tell others: `@name`, `#1`.
_REFERENCE: Final = re.compile(r"(?<=@)(?=[A-Za-z0-9])|(?<=#)(?=[0-9])")
_ASCII: Final = str.maketrans({"µ": "u", "…": "...", "·": "|"})


@dataclass(frozen=True, slots=True)
class Command:
    """A part of a line that is to be typed as it is; what names it may hold any character."""

    text: str


#: A line for people: in parts where commands stand in it.
Line = str | tuple[str | Command, ...]


def plain(line: Line) -> str:
    """Return a line as a terminal shows it: commands stand in backticks."""
    if isinstance(line, str):
        return line
    return "".join(part if isinstance(part, str) else f"`{part.text}`" for part in line)


def mapped(line: Line, change: Callable[[str], str]) -> Line:
    """Return a line with the text of each of its parts changed."""
    if isinstance(line, str):
        return change(line)
    return tuple(
        change(part) if isinstance(part, str) else Command(change(part.text)) for part in line
    )


def literal(text: str) -> str:
    r"""Return text that is seen as it is: controls become ``\x1b``, ``\n``, ``\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _UNSEEN
        else char
        for char in text
    )


def for_encoding(text: str, encoding: str) -> str:
    """Return text that an encoding can hold: by what looks alike, else escaped."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def markdown(text: str) -> str:
    """Return text as Markdown shows it literally, in a table's cell too; nobody is told of it."""
    return _REFERENCE.sub("<!-- -->", _MARKDOWN.sub(r"\\\1", text))


def code_span(text: str) -> str:
    """Return text as a code span of Markdown's.

    CommonMark ends it by as many backticks as begin it, and takes a space off both of its ends.
    """
    if not text:
        return ""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    ends = text[0] + text[-1]
    space = " " if "`" in ends or (ends == "  " and text.strip(" ")) else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def code_cell(text: str) -> str:
    """Return text as a code span in a table's cell, where GitHub would end that by a bar."""
    return code_span(text).replace("|", r"\|")


def prose(line: Line) -> str:
    """Return a line as Markdown, its commands as code spans."""
    if isinstance(line, str):
        return markdown(line)
    return "".join(
        markdown(part) if isinstance(part, str) else code_span(part.text) for part in line
    )


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: "1 session", "1,204 test runs"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def database(given: str | None) -> str:
    """Return what names a database in a command to paste: as it was named to this one.

    What may have a password in it isn't repeated.
    """
    return f" --db {shlex.quote(given)}" if given and "@" not in given else ""


def unmatched_line(patterns: str) -> str:
    """Return a line on patterns of the settings that fit nothing."""
    return f"without effect, as nothing is called so: {patterns} of [tool.benchdb]"


def minute(instant: datetime | None) -> str:
    """Return an instant to the minute."""
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def second(instant: datetime | None) -> str:
    """Return an instant to the second."""
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}"


def pairs(said: tuple[tuple[str, str], ...]) -> str:
    """Return tags as they were given: KEY=VALUE."""
    return " ".join(f"{key}={value}" for key, value in said)


def short(uid: str) -> str:
    """Return the end of a uid."""
    return uid[-SHORT_UID:]


def revision(subject: SubjectRevision | None) -> str:
    """Return the commit of a subject, else its version; a star says that it was changed."""
    if subject is None:
        return ""
    star = "*" if subject.dirty else ""
    return f"{subject.commit[:10] if subject.commit else subject.version}{star}"


def main_subject(
    subjects: tuple[SubjectRevision, ...],
    branch: str | None = None,
    preferred: tuple[str, ...] = (),
) -> SubjectRevision | None:
    """Return the subject that stands for a revision.

    That is the first of those preferred; else, of those that have a commit and then of those on the
    session's branch, the one that changed last.
    """
    for name in preferred:
        for subject in subjects:
            if subject.name == name:
                return subject
    return max(
        subjects,
        key=lambda one: (
            one.commit is not None,
            branch is not None and one.branch == branch,
            one.committed.timestamp() if one.committed else 0.0,
        ),
        default=None,
    )


def environment(one: Environment) -> str:
    """Return a machine, its OS and its Python in one line."""
    cores = None if one.cpu_count is None else counted(one.cpu_count, "core")
    memory = None if one.memory_gib is None else f"{one.memory_gib} GiB"
    system = " ".join(part for part in (one.os, one.architecture) if part)
    python = " ".join(part for part in (one.python_implementation, one.python_minor) if part)
    said = [one.cpu_model, cores, memory, system, python, pairs(one.extra)]
    return ", ".join(part for part in said if part)


def cluster(one: Cluster) -> str:
    """Return the shape of a cluster in one line."""
    said = [f"{one.kind} cluster"]
    if one.workers is not None:
        threads = "" if one.threads is None else f" with {counted(one.threads, 'thread')}"
        said.append(f"{counted(one.workers, 'worker')}{threads}")
    if one.memory_limit is not None:
        said.append(f"{one.memory_limit / 2**30:.3g} GiB each")
    types = [one.scheduler_instance_type, one.worker_instance_type, one.region]
    return ", ".join([*said, *(part for part in types if part)])
