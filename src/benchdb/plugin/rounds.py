"""``--benchmark-repeat N``: the whole selection again and again, so that drifts meet all alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchdb.plugin.observer import ROUND, is_benchmarked

if TYPE_CHECKING:
    from collections.abc import Generator

    from benchdb.plugin.start import Bench


class Rounds:
    """Repeats the benchmarked tests, round by round.

    In one process the selection is made longer. A worker of pytest-xdist can't do that, as the
    controller deals out tests by the node ids that all workers agree on: there each worker runs
    the further rounds over the tests that it was given, when it is given no more.
    """

    def __init__(self, config: pytest.Config, bench: Bench) -> None:
        self._config = config
        self._bench = bench
        self._given: list[pytest.Item] = []
        self._redispatching = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, Any, Any]:
        """Make the selection longer, after everyone else has had their say."""
        result = yield
        if not self._bench.is_worker:
            again = [item for item in items if is_benchmarked(item, self._bench)]
            items += again * (self._bench.repeat - 1)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Any:
        """Run an item again as if it were new; tell a worker's last one what comes after it."""
        if self._bench.is_worker and not self._redispatching:
            if is_benchmarked(item, self._bench):
                self._given.append(item)
            if nextitem is None and self._given:
                # The next round begins with the first item: what both share must not be torn
                # down between them.
                return self._run(item, self._given[0])
        _forget_last_run(item)
        item.stash[ROUND] = item.stash.get(ROUND, 0) + 1
        return None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """In a worker that has run what it was given, run the further rounds."""
        result = yield
        if self._bench.is_worker and self._given:
            rounds = self._given * (self._bench.repeat - 1)
            for item, nextitem in zip(rounds, [*rounds[1:], None], strict=True):
                if session.shouldfail or session.shouldstop:
                    break
                self._tell_xdist(session, item)
                self._run(item, nextitem)
        return result

    def _run(self, item: pytest.Item, nextitem: pytest.Item | None) -> Any:
        self._redispatching = True
        try:
            return item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        finally:
            self._redispatching = False

    def _tell_xdist(self, session: pytest.Session, item: pytest.Item) -> None:
        """Let pytest-xdist know which item runs: it checks that against each report."""
        for plugin in self._config.pluginmanager.get_plugins():
            if hasattr(plugin, "item_index") and hasattr(plugin, "run_one_test"):
                plugin.item_index = session.items.index(item)


def _forget_last_run(item: pytest.Item) -> None:
    """Drop what an item keeps of its last run: captured output, and a test class's instance."""
    item._report_sections.clear()
    if item.__dict__.pop("_instance", None) is not None:
        item.__dict__.pop("_obj", None)  # bound to that instance; both are made anew when used
