"""Opens an issue on a regression: ``issue.py FILE --title TITLE [--label LABEL] [--key KEY]``.

One issue for each key: a job that is run again opens no second one. By default the key is the
commit, as a regression of the trunk fails once.
"""

from __future__ import annotations

import argparse
import os
import urllib.parse
from pathlib import Path
from typing import Final

import api

#: What issues about regressions are found by.
LABEL: Final = "performance"

#: A title is a line; GitHub takes 256 characters.
_LONGEST_TITLE: Final = 250


def open_once(
    environ: dict[str, str], text: str, title: str, *, label: str, key: str | None = None
) -> None:
    """Open an issue, unless one of this key is or was there.

    Raises
    ------
    api.Refused
        If GitHub refuses, or neither a key nor ``GITHUB_SHA`` says what it is about.
    """
    key = key or environ.get("GITHUB_SHA")
    if not key:
        raise api.Refused("what is this issue about? Name it by --key, else by GITHUB_SHA")
    hub = api.Hub(environ)
    mark = f"<!-- benchdb: issue {key} -->"
    for one in hub.pages(f"issues?state=all&labels={urllib.parse.quote(label)}"):
        if api.is_ours(one, mark):
            print(f"issue {one['number']} says it already")
            return
    title = " ".join(title.split())
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 1] + "…"
    body = {"title": title, "body": api.fitting(text, mark), "labels": [label]}
    print(f"opened {hub.call('POST', 'issues', body)['html_url']}")


def main() -> int:
    """Open it, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="its text, as Markdown")
    parser.add_argument("--title", required=True)
    parser.add_argument("--label", default=LABEL, help="which it gets; one that there is")
    parser.add_argument("--key", help="what it is about; by default the commit, GITHUB_SHA")
    own = parser.parse_args()
    open_once(dict(os.environ), api.text_of(own.file), own.title, label=own.label, key=own.key)
    return 0


if __name__ == "__main__":
    api.run(main)
