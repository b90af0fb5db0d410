"""What the tests of the page share: a browser of this machine's, and sites of all kinds."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from page_reader import Reader, Windows
from page_sites import empty, hostile, imported, recorded, single

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from recorded import Project
    from sites import Site

#: Names of programs that are Chromium.
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def program() -> str:
    """The browser of this machine."""
    pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: it is in the group browser"
    )
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"there is none of {', '.join(_NAMES)} on this machine")
    return found


# As long as the tests of a module take and no longer: Playwright keeps a loop of asyncio running in
# this thread, and other tests start their own. Without `__init__.py` a "package" is all tests.
@pytest.fixture(scope="module")
def chromium(program: str) -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        yield Windows(browser)
        browser.close()


@pytest.fixture
def reader(chromium: Any) -> Iterator[Reader]:
    """Somebody who opens pages, and whom none of them has troubled when the test is over."""
    one = Reader(chromium)
    yield one
    one.close()
    assert one.troubles == []


def _site(make: Callable[[Path], tuple[Project, Site]]) -> Any:
    """Make the fixture of a site, which no test changes."""

    @pytest.fixture(scope="session", name=make.__name__)
    def made(program: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Site]:
        return make(tmp_path_factory.mktemp(make.__name__) / "p")

    return made


of_import, of_suite, of_nothing = _site(imported), _site(recorded), _site(empty)
of_one, of_attack = _site(single), _site(hostile)
