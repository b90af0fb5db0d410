"""What the scripts beside it need of GitHub: its variables, its API, its way to say things.

The standard library only: they run before anything is installed, and with any Python.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Characters that a comment or the text of an issue may have.
LONGEST: Final = 65_536

#: Ends a text that had to be cut.
_CUT: Final = "\n\n… cut: the whole of it is in the step summary.\n"

#: Seconds until a server that doesn't answer is given up, and between tries.
_PATIENCE: Final = 30
_PAUSES: Final = (1, 5, 15)

#: Answers of a server that may do it later.
_BUSY: Final = (429, 500, 502, 503, 504)

#: Whose comments and issues may be those of an earlier call, with a token of their own.
_MEMBERS: Final = ("OWNER", "MEMBER", "COLLABORATOR")

_PER_PAGE: Final = 100
_MOST_PAGES: Final = 50


class Refused(Exception):
    """GitHub said no, or nothing: the message is one line that says what to do next."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Hub:
    """The API of the repository that a job runs in.

    Parameters
    ----------
    environ
        Names it: ``GITHUB_REPOSITORY``, ``GITHUB_API_URL``, and ``GITHUB_TOKEN`` or ``GH_TOKEN``.
    pauses
        Seconds to wait before each further try, where the server is busy.

    Raises
    ------
    Refused
        If the repository or the token is missing.
    """

    def __init__(self, environ: dict[str, str], pauses: Sequence[float] | None = None) -> None:
        self._server = environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
        self._repository = environ.get("GITHUB_REPOSITORY", "")
        self._token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or ""
        self._pauses = _PAUSES if pauses is None else pauses
        if "/" not in self._repository:
            raise Refused("GITHUB_REPOSITORY names no repository: set it to OWNER/NAME")
        if not self._token:
            raise Refused("no token: pass `GITHUB_TOKEN: ${{ github.token }}` to this step as env")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return what the API answers to a request below this repository.

        Raises
        ------
        Refused
            If it refuses, or doesn't answer.
        """
        for pause in (*self._pauses, None):
            try:
                return self._once(method, path, body)
            except Refused as refused:
                busy = refused.status is None or refused.status in _BUSY
                if pause is None or not busy or (method == "POST" and refused.status is None):
                    raise  # what may have been done already isn't done again
                time.sleep(pause)
        raise AssertionError

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a list, page by page."""
        between = "&" if "?" in path else "?"
        for page in range(1, _MOST_PAGES + 1):
            found = self.call("GET", f"{path}{between}per_page={_PER_PAGE}&page={page}")
            yield from found
            if len(found) < _PER_PAGE:
                return

    def _once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        url = f"{self._server}/repos/{self._repository}/{path}"
        request = urllib.request.Request(  # noqa: S310 - the server is the job's own
            url,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "User-Agent": "benchdb",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as error:
            said = _refusal(method, path, error)
            limited = error.code == 403 and "rate limit" in said  # it says so with this one, too
            raise Refused(said, 429 if limited else error.code) from None
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "reason", error)
            raise Refused(f"{self._server} can't be reached ({why}): is there a network?") from None
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise Refused(f"{self._server} answered with no JSON: is it GitHub's API?") from None


def _refusal(method: str, path: str, error: urllib.error.HTTPError) -> str:
    said = error.read(4096).decode(errors="replace")
    try:
        said = str(json.loads(said)["message"])
    except (ValueError, KeyError, TypeError):
        said = said.strip()
    line = " ".join(
        f"GitHub refused {method} {path.partition('?')[0]} ({error.code}): {said}".split()
    )
    if error.code in (401, 403, 404) and "rate limit" not in said:
        right = "pull-requests: write" if "comments" in path else "issues: write"
        line += (
            f"; does the job have `permissions: {right}`? In a pull request from a fork none has"
        )
    return line


def is_ours(one: dict[str, Any], mark: str) -> bool:
    """Tell whether a comment or an issue begins with a mark, and was written by who may write here.

    Anybody can write the mark into a comment of their own, and change that later.
    """
    writer = (one.get("user") or {}).get("type")
    trusted = writer == "Bot" or one.get("author_association") in _MEMBERS
    return trusted and (one.get("body") or "").startswith(mark)


def fitting(text: str, head: str) -> str:
    """Return a text behind a line of its own, cut at a line's end where both are too long."""
    whole = f"{head}\n{text}"
    if len(whole) <= LONGEST:
        return whole
    kept = whole[: LONGEST - len(_CUT)]
    return kept[: kept.rindex("\n")] + _CUT


def event(environ: dict[str, str]) -> dict[str, Any]:
    """Return what GitHub tells of why the workflow runs; nothing where there is no such file."""
    path = environ.get("GITHUB_EVENT_PATH")
    if not path or not Path(path).is_file():
        return {}
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError:
        raise Refused(f"GITHUB_EVENT_PATH names no JSON: {path}") from None
    return told if isinstance(told, dict) else {}


def text_of(file: Path) -> str:
    """Return a report that an earlier step wrote.

    Raises
    ------
    Refused
        If it can't be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise Refused(f"{file}: {why}: the step that writes it comes before") from None


def output(environ: dict[str, str], name: str, value: str) -> None:
    """Set an output of this step: one line."""
    if path := environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}={' '.join(value.split())}\n")


def summarize(environ: dict[str, str], text: str) -> None:
    """Add a Markdown text to the summary of this step; print it where there is none."""
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n\n")
    else:
        print(text, flush=True)


def warn(message: str) -> None:
    """Say something that the pages of the run show, and that fails nothing."""
    print(f"::warning::{message}" if os.environ.get("GITHUB_ACTIONS") else message, flush=True)


def run(main: Callable[[], int]) -> None:
    """Run a script and exit with its code; what was refused is one line, and 2."""
    try:
        sys.exit(main())
    except Refused as refused:
        print(f"::error::{refused}" if os.environ.get("GITHUB_ACTIONS") else refused, flush=True)
        sys.exit(2)
