"""``--benchmark-repeat N``: the whole selection again and again, so that drifts meet all alike."""

from __future__ import annotations

import copy
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
        self._further: list[list[pytest.Item]] = [[] for _ in range(bench.repeat - 1)]
        self._redispatching = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, Any, Any]:
        """Make the selection longer, after everyone else has had their say."""
        result = yield
        if not self._bench.is_worker and not self._config.option.collectonly:
            again = [item for item in items if is_benchmarked(item, self._bench)]
            for round in range(2, self._bench.repeat + 1):
                items += [fresh(item, round) for item in again]
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Any:
        """In a worker, note what it was given, and tell its last item what comes after it."""
        if not self._bench.is_worker or self._redispatching:
            return None
        if is_benchmarked(item, self._bench):
            for round, items in enumerate(self._further, 2):
                items.append(fresh(item, round))
        if nextitem is None and self._further[0]:
            # The next round begins with the first item: what both share must not be torn down
            # between them.
            return self._run(item, self._further[0][0])
        return None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """In a worker that has run what it was given, run the further rounds."""
        result = yield
        items = [item for items in self._further for item in items]
        indices = {item.nodeid: index for index, item in enumerate(session.items)}
        for item, nextitem in zip(items, [*items[1:], None], strict=False):
            if session.shouldfail or session.shouldstop:
                break
            self._tell_xdist(indices[item.nodeid])
            self._run(item, nextitem)
        return result

    def _run(self, item: pytest.Item, nextitem: pytest.Item | None) -> Any:
        self._redispatching = True
        try:
            return item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        finally:
            self._redispatching = False

    def _tell_xdist(self, index: int) -> None:
        """Let pytest-xdist know which item runs: it checks that against each report."""
        for plugin in self._config.pluginmanager.get_plugins():
            if hasattr(plugin, "item_index") and hasattr(plugin, "run_one_test"):
                plugin.item_index = index


def fresh(item: pytest.Item, round: int) -> pytest.Item:
    """Return an item for another round: the same test, as it was before it ran first.

    It must be another object: pytest keeps what the next item needs, and an item that followed
    itself would never be set up again.
    """
    again = copy.copy(item)
    again._report_sections = []
    again.stash = pytest.Stash()
    again.stash._storage.update(item.stash._storage)
    again.stash[ROUND] = round
    # What fixtures and tests add to: properties, and marks by add_marker.
    again.user_properties = list(item.user_properties)
    again.own_markers = list(item.own_markers)
    again.extra_keyword_matches = set(item.extra_keyword_matches)
    keywords: Any = copy.copy(item.keywords)
    keywords.node, keywords._markers = again, dict(keywords._markers)
    again.keywords = keywords
    # A test class has an instance for each run, and the test function is bound to it.
    if getattr(again, "cls", None) is not None:
        again.__dict__.pop("_instance", None)
        again.__dict__.pop("_obj", None)
    # A doctest clears its names when it has run.
    if (doctest := getattr(item, "dtest", None)) is not None:
        again.dtest = copy.copy(doctest)  # type: ignore[attr-defined]
        again.dtest.globs = doctest.globs.copy()  # type: ignore[attr-defined]
    if hasattr(again, "_initrequest"):
        again._initrequest()
    return again
