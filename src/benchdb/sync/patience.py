"""How often and for how long something that may pass is tried again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Passing(Exception):
    """A failure that may be gone the next time.

    Parameters
    ----------
    reason
        What happened, to stand in a sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server.

    Parameters
    ----------
    attempts
        At most so many for one request.
    seconds
        From a request's first failure until the last attempt begins.
    unknown
        The same with a server that never answered yet: its address may be wrong.
    connect, read
        Seconds for a connection, and between two packets of an answer.
    pause
        Seconds before the second attempt; they double from there up to `longest_pause`.
    """

    attempts: int = 12
    seconds: float = 120.0
    unknown: float = 10.0
    connect: float = 10.0
    read: float = 30.0
    pause: float = 0.1
    longest_pause: float = 10.0


class Attempts:
    """The attempts at one request.

    Parameters
    ----------
    patience
        How many there may be.
    is_known
        Tells whether the server has ever answered.
    """

    def __init__(self, patience: Patience, is_known: Callable[[], bool]) -> None:
        self._patience = patience
        self._is_known = is_known
        self._failures = 0
        self._since = 0.0

    def wait(self, failure: Passing) -> None:
        """Wait before the next attempt.

        Raises
        ------
        Passing
            The failure, if there were enough.
        """
        now = time.monotonic()
        self._since = self._since if self._failures else now
        self._failures += 1
        patience = self._patience
        # All jobs of a matrix meet the same failure at once; they must not come back at once.
        pause = min(patience.longest_pause, patience.pause * 2 ** (self._failures - 1))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        limit = patience.seconds if self._is_known() else patience.unknown
        if self._failures >= patience.attempts or now + pause - self._since > limit:
            raise failure
        time.sleep(pause)

    def start_over(self) -> None:
        """Forget earlier failures: something was achieved."""
        self._failures = 0
