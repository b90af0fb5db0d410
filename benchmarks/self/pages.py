"""Measures what the dashboard takes to build and to open: ``python benchmarks/self/pages.py``.

Makes a history of 1,000 tests, 300 sessions and three metrics (`made_up_history.py`; with
`--large` 3,400 tests: 1,020,000 test runs), builds the site with nothing kept of earlier builds,
and again with nothing new. Then opens pages from the folder in headless Chromium, offline, each
time in a context that never saw them. Prints a line of JSON for each: seconds, CPU seconds, MiB at
most and MB of files; milliseconds until a page is interactive, the fastest and the median, those
of CPU time that its main thread took, and the MB of its heap.

A page is interactive when its rows and charts are in the document, the frame that shows them was
painted, and the main thread has nothing left to do: the first idle moment behind that frame,
counted from the start of the navigation.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sqlite3
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from changes import run

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).resolve().parent

LARGE: Final = 3400

#: Runs before any script of the page's own.
WATCH: Final = """
new MutationObserver(() => {
  if (!document.documentElement.dataset.ready || window.__at) return;
  window.__at = -1;
  const free = () => requestIdleCallback(() => { window.__at = performance.now(); });
  requestAnimationFrame(() => {
    const painted = new MessageChannel();
    painted.port1.onmessage = free;
    painted.port2.postMessage(0);
  });
}).observe(document, {attributes: true, subtree: true, attributeFilter: ["data-ready"]});
"""

#: What a page must hold once it is said to be interactive, and how many of it.
PAGES: Final = {
    "overview": ("#/", "#all-series tr[data-row]", 10),
    "test": ("#/test?id={case}", ".chart canvas", 3),
    "compare": ("#/compare", "tr[data-row]", 10),
    "releases": ("#/releases", "table.heat td, .empty", 1),
    "session": ("#/session?uid={session}", "#unusual", 1),
    "health": ("#/health", "#noisiest tr", 10),
}


def build(database: Path, site: Path) -> None:
    """Measure two builds."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("delete from local_cache")
    command = (sys.executable, "-m", "benchdb", "dashboard", "-o", site, "--db", database)
    for what in ("build, nothing kept", "build, nothing new"):
        _, took = run(*command)
        files = [path.stat().st_size for path in site.rglob("*") if path.is_file()]
        size = round(sum(files) / 1e6, 1)
        tell(what=what, **took, files=len(files), mb=size, largest=round(max(files) / 1e6, 2))


def open_pages(site: Path, rounds: int, case: str, session: str) -> None:
    """Measure each page in fresh contexts, in turn, so that the machine's moods meet all alike."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)))
    took: dict[str, list[tuple[float, float, float]]] = {name: [] for name in PAGES}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        for _ in range(rounds + 1):  # the first warms the disk's cache up, and isn't counted
            for name, (address, selector, count) in PAGES.items():
                hash_ = address.format(case=case, session=session)
                url = f"{site.resolve().as_uri()}/index.html{hash_}"
                took[name].append(_opened(browser, url, selector, count))
        version = browser.version
        browser.close()
    for name, every in took.items():
        times, cpus, heaps = zip(*every[1:], strict=True)
        fastest, middle = round(min(times)), round(statistics.median(times))
        cpu = round(statistics.median(cpus))
        heap = round(statistics.median(heaps) / 1e6, 1)
        tell(what=name, fastest=fastest, median=middle, cpu=cpu, heap_mb=heap, chromium=version)


def _opened(browser: Any, url: str, selector: str, count: int) -> tuple[float, float, float]:
    """Open a page; return the milliseconds until it was interactive, those of CPU, and its heap."""
    context = browser.new_context(offline=True, viewport={"width": 1400, "height": 1000})
    context.add_init_script(WATCH)
    page = context.new_page()
    protocol = context.new_cdp_session(page)
    protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url)
    page.wait_for_function("() => window.__at > 0")
    milliseconds = page.evaluate("window.__at")
    found = page.locator(selector).count()
    if found < count:
        raise SystemExit(f"{url} has {found} of {selector}, not {count}")
    metrics = protocol.send("Performance.getMetrics")["metrics"]
    cpu = 1000 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")
    protocol.send("HeapProfiler.collectGarbage")
    heap = protocol.send("Runtime.getHeapUsage")["usedSize"]
    context.close()
    return milliseconds, cpu, heap


def changed(site: Path) -> str:
    """Return the id of a test that has a change."""
    script = (site / "data" / "index.js").read_text("ascii")
    index = json.loads(script.partition(", ")[2].rpartition(")")[0])
    series = index["events"][0]["moved"][0]["series"]
    return str(index["cases"]["id"][index["series"]["case"][series]])


def tell(**said: object) -> None:
    """Print a line."""
    print(json.dumps(said), flush=True)


@contextlib.contextmanager
def history(options: argparse.Namespace) -> Iterator[Path]:
    """Give a history that was made before, or make one."""
    if options.db:
        yield options.db
        return
    with tempfile.TemporaryDirectory() as temporary:
        database = Path(temporary) / "history.db"
        counts = [f"--{name}={getattr(options, name)}" for name in ("series", "sessions")]
        run(sys.executable, HERE / "made_up_history.py", *counts, "--metrics=3", "--db", database)
        yield database


def main() -> None:
    """Make a history, build its site, and open it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    add = parser.add_argument
    add("--series", type=int, default=1000, help="tests")
    add("--sessions", type=int, default=300)
    add("--large", action="store_const", dest="series", const=LARGE, help="a million test runs")
    add("--rounds", type=int, default=15, help="how often each page is opened")
    add("--db", type=Path, metavar="FILE", help="a history that was made before")
    options = parser.parse_args()
    with history(options) as database, tempfile.TemporaryDirectory() as temporary:
        site = Path(temporary) / "site"
        build(database, site)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            query = "select uid from session order by started desc limit 1"
            ((session,),) = connection.execute(query).fetchall()
        open_pages(site, options.rounds, quote(changed(site), safe="/:"), session)


if __name__ == "__main__":
    main()
