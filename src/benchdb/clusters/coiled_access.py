"""Coiled's client, so used that it answers or fails in a line: it never asks and never hangs.

By itself it opens a browser and waits for ten minutes where a token is missing or rejected, tries
again for ever where its server is overloaded, prints what it does, and raises errors of many kinds.
"""

from __future__ import annotations

import asyncio
import io
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

#: Seconds for what should be answered at once; logging in is.
TIMEOUT = 60.0

#: Characters of what Coiled says that a line takes.
_LONGEST: Final = 300

_T = TypeVar("_T")


def package() -> Any:
    """Import Coiled's client.

    Raises
    ------
    UserError
        If it isn't installed.
    """
    try:
        import coiled
    except ImportError as error:
        raise UserError(
            f"Coiled's client can't be imported here ({error}): run `pip install 'benchdb[coiled]'`"
        ) from None
    return coiled


def ask(
    doing: str, question: Callable[[Any], Awaitable[_T]], *, timeout: float | None = None
) -> _T:
    """Log in to Coiled, ask one thing, and log out.

    Parameters
    ----------
    doing
        What for, as in "can't DOING".
    question
        Takes a ``coiled.Cloud`` and returns its answer.
    timeout
        Seconds for all of it; `TIMEOUT` by default.

    Raises
    ------
    UserError
        Whatever went wrong, in one line.
    """
    coiled = package()

    async def asked() -> _T:
        async with coiled.Cloud(asynchronous=True) as cloud:
            return await question(cloud)

    seconds = TIMEOUT if timeout is None else timeout
    with answering(doing, seconds), redirect_stdout(io.StringIO()):
        return _run(asyncio.wait_for(asked(), seconds))


def _run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    async def main() -> _T:
        # Coiled's client leaves answers unread, which would be told on stderr.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        return await coroutine

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    with ThreadPoolExecutor(1) as beside:  # a caller inside of a running loop has no other
        return beside.submit(asyncio.run, main()).result()


@contextmanager
def answering(doing: str, timeout: float | None = None) -> Iterator[None]:
    """Let what Coiled's client does in this block fail in one line, without a word before.

    Parameters
    ----------
    doing
        As for `ask`.
    timeout
        Seconds that the block limits itself to, for the message.
    """
    coiled = package()
    import aiohttp
    from coiled.exceptions import AuthenticationError

    config = coiled.config
    server, token = config.get("server"), config.get("token")
    if not isinstance(token, str) or not token.strip():
        raise UserError(
            f"Can't {doing}: Coiled is given no token here: run `coiled login`, or set "
            "DASK_COILED__TOKEN"
        )
    said: list[str] = []
    try:
        with _heard(said), _unattended():
            yield
    except UserError:
        raise
    except AuthenticationError as error:
        raise UserError(
            f"Can't {doing}: {server} rejects the token: run `coiled login` for a new one, or set "
            "DASK_COILED__TOKEN"
        ) from error
    except TimeoutError as error:
        raise UserError(
            f"Can't {doing}: {server} didn't do it within {timeout or TIMEOUT:g} seconds: try it "
            "again later"
        ) from error
    except (aiohttp.ClientConnectionError, aiohttp.InvalidURL) as error:
        raise UserError(
            f"Can't {doing}: {server} can't be reached ({_line(error, token)}): is there a "
            "network, and is that Coiled's address?"
        ) from error
    except (
        # What its client stumbles over: an answer or an argument of another shape than it expects.
        *(aiohttp.ClientError, KeyError, AttributeError, TypeError, IndexError, AssertionError),
        *(JSONDecodeError, UnicodeError),
    ) as error:
        raise UserError(
            f"Can't {doing}: Coiled's client {coiled.__version__} fails with "
            f"{type(error).__name__}: {_line(error, token)}: look at what it was given, whether "
            f"{server} is Coiled's address, and whether the client is up to date"
        ) from error
    except Exception as error:
        what = "; ".join([_line(error, token) or type(error).__name__, *said])
        raise UserError(
            f"Can't {doing}: Coiled says: {_short(what)}: look at what it was given, or at {server}"
        ) from error


@contextmanager
def _heard(said: list[str]) -> Iterator[None]:
    """Add what Coiled's client logs as warnings and errors to a list, and keep it quiet."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(" ".join(record.getMessage().split()))

    logger, listener = logging.getLogger("coiled"), Listener(logging.WARNING)
    propagated = logger.propagate
    logger.addHandler(listener)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagated


@contextmanager
def _unattended() -> Iterator[None]:
    """Let Coiled's client ask nobody, and log in once, within `TIMEOUT`."""
    from coiled import core
    from coiled.v2 import core as clusters

    log_in = core.handle_credentials

    async def log_in_once(**given: Any) -> Any:
        given |= {"retry": False, "print_invalid_token_messages": False}
        return await asyncio.wait_for(log_in(**given), TIMEOUT)

    async def no_wizard() -> bool:
        return False

    wizard = clusters.do_setup_wizard
    core.handle_credentials, clusters.do_setup_wizard = log_in_once, no_wizard
    try:
        yield
    finally:
        core.handle_credentials, clusters.do_setup_wizard = log_in, wizard


def _line(error: BaseException, token: str) -> str:
    """Return what an error says, in a line, without the token."""
    return _short(" ".join(str(error).replace(token.strip(), "…").split()))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
