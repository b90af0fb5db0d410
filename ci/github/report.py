"""Judges sessions, and says so where GitHub shows it: ``report.py [OPTIONS]``.

Writes what ``benchdb gate`` says to the step summary and as annotations, if asked to a comment and
into an issue, and exits with its code. Without GitHub's variables it prints.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import api
import comment
import issue

#: The formats of the report that are asked for beside GitHub's annotations, and their files.
FORMS: Final = {"markdown": "gate.md", "json": "gate.json"}


def judge(arguments: list[str], folder: Path) -> tuple[int, str]:
    """Call ``benchdb gate``; return its code, and the line that says why where there is no report.

    Annotations are printed; the report goes to the files of `FORMS` in a folder.

    Raises
    ------
    api.Refused
        If benchdb isn't there.
    """
    also = (f"--save={form}={folder / name}" for form, name in FORMS.items())
    try:
        done = subprocess.run(
            ["benchdb", "gate", "--format=github", *also, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
    except FileNotFoundError:
        raise api.Refused("there is no benchdb here: run `pip install benchdb` before") from None
    if done.returncode in (0, 1):
        print(done.stdout, end="", flush=True)
        print(done.stderr, end="", file=sys.stderr, flush=True)
    return done.returncode, " ".join(done.stderr.split())


def named(file: Path) -> list[str]:
    """Return the sessions that a file names: ``session:UID``, a line each.

    Raises
    ------
    api.Refused
        If it isn't there, or names anything else: uids come out of files that others wrote.
    """
    found = [line for line in api.text_of(file).split("\n") if line]
    for line in found:
        if not re.fullmatch(r"session:[\w-]+", line):
            raise api.Refused(f"{file}: this names no session: {line!r}")
    return found


def main() -> int:
    """Judge, report, and return the gate's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arguments", default="", help="for `benchdb gate`, as in a shell")
    parser.add_argument("--sessions", default="", help="judge those that this file names")
    parser.add_argument("--save", type=Path, help="also write the Markdown into this file")
    parser.add_argument(
        "--comment",
        choices=("never", "regressed", "always"),
        default="never",
        help="on the pull request; one that is there is changed whatever comes out",
    )
    parser.add_argument(
        "--issue",
        choices=("true", "false"),
        default="false",
        help="whether to open one where the trunk regressed",
    )
    parser.add_argument("--label", default=issue.LABEL, help="of that issue")
    own = parser.parse_args()
    try:
        passed_on = shlex.split(own.arguments)
    except ValueError as error:
        raise api.Refused(f"these are no arguments: {own.arguments!r}: {error}") from None
    if own.sessions:
        passed_on += named(Path(own.sessions))
    environ = dict(os.environ)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        code, why = judge(passed_on, folder)
        api.output(environ, "exit-code", str(code))
        if code not in (0, 1):
            raise api.Refused(why or f"`benchdb gate` ended with {code}")
        text = api.text_of(folder / FORMS["markdown"])
        found: dict[str, Any] = json.loads(api.text_of(folder / FORMS["json"]))
    if own.save:
        own.save.write_text(text, encoding="utf-8")
    api.summarize(environ, text)
    api.output(environ, "headline", found["headline"])
    if own.comment != "never":
        comment.keep(environ, text, only_if_there=own.comment == "regressed" and not code)
    if own.issue == "true" and code and found["trunk"]:
        issue.open_once(environ, text, found["headline"], label=own.label)
    return code


if __name__ == "__main__":
    api.run(main)
