"""Keeps one comment on a pull request: ``comment.py FILE [--pull-request N] [--only-if-there]``.

The first call makes the comment, later ones change it. Where GitHub gives no right to, as in a pull
request from a fork, it warns and exits with 0: the report stands in the step summary all the same.
"""

from __future__ import annotations

import argparse
import os
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import api

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A line that readers don't see: whose comment it is.
MARK: Final = "<!-- benchdb: {} -->"


def pull_request(environ: dict[str, str], hub: api.Hub) -> int | None:
    """Return the number of the pull request that this workflow runs for; None where there is none.

    A workflow that another one started knows only the branch: of a fork GitHub tells no number. It
    is that branch's open pull request whose head is the commit that was tested.
    """
    told = api.event(environ)
    try:
        if number := (told.get("pull_request") or {}).get("number"):
            return int(number)
        run: dict[str, Any] = told.get("workflow_run") or {}
        owner = ((run.get("head_repository") or {}).get("owner") or {}).get("login")
        branch, commit = run.get("head_branch"), run.get("head_sha")
    except (AttributeError, TypeError, ValueError):
        raise api.Refused("GITHUB_EVENT_PATH holds no event of GitHub's") from None
    if not (owner and branch and commit) or run.get("event") != "pull_request":
        return None
    head = urllib.parse.quote(f"{owner}:{branch}", safe="")  # a fork names it
    for found in hub.pages(f"pulls?state=open&head={head}"):
        if found["head"]["sha"] == commit:
            return int(found["number"])
    return None


def ours(comments: Iterable[dict[str, Any]], mark: str) -> int | None:
    """Return the id of the comment that begins with a mark, and that no outsider wrote."""
    return next((one["id"] for one in comments if api.is_ours(one, mark)), None)


def keep(
    environ: dict[str, str],
    text: str,
    *,
    number: int | None = None,
    name: str = "gate",
    only_if_there: bool = False,
) -> None:
    """Make or change the comment of a name on a pull request, by default the event's.

    Where GitHub gives no right to, that is a warning.

    Raises
    ------
    api.Refused
        If GitHub can't be reached, or something else is wrong.
    """
    mark = MARK.format(name)
    try:
        hub = api.Hub(environ)
        number = number or pull_request(environ, hub)
        if number is None:
            print("no pull request to comment on")
            return
        there = ours(hub.pages(f"issues/{number}/comments"), mark)
        body = {"body": api.fitting(text, mark)}
        if there is not None:
            hub.call("PATCH", f"issues/comments/{there}", body)
        elif only_if_there:
            return
        else:
            hub.call("POST", f"issues/{number}/comments", body)
    except api.Refused as refused:
        if refused.status not in (401, 403, 404):
            raise
        api.warn(str(refused))
    else:
        print(f"the comment on pull request {number} says it")


def main() -> int:
    """Make or change the comment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the comment, as Markdown")
    parser.add_argument("--pull-request", type=int, metavar="N", help="by default the event's")
    parser.add_argument("--name", default="gate", help="one comment is kept by each name")
    parser.add_argument(
        "--only-if-there", action="store_true", help="change a comment, but don't make one"
    )
    own = parser.parse_args()
    keep(
        dict(os.environ),
        api.text_of(own.file),
        number=own.pull_request,
        name=own.name,
        only_if_there=own.only_if_there,
    )
    return 0


if __name__ == "__main__":
    api.run(main)
