"""What pytest-xdist's workers have sent and its controller has not told its plugins yet."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

#: Messages that become hooks of a test: its start, and the reports of its phases.
_OF_TESTS: Final = frozenset({"logstart", "testreport"})

#: How many messages to look at: a test that ends and the next that starts send about as many.
_NEXT: Final = 8


class Backlog:
    """The queue of pytest-xdist's controller; always empty where there is none."""

    def __init__(self, config: pytest.Config) -> None:
        self._queue: Any = getattr(config.pluginmanager.getplugin("dsession"), "queue", None)

    def has_more(self) -> bool:
        """Tell whether a hook of a test will be called again without any waiting."""
        if self._queue is None or not self._queue.queue:
            return False
        with self._queue.mutex:
            waiting = list(islice(self._queue.queue, _NEXT))
        return any(message[0] in _OF_TESTS for message in waiting)
