"""Opens the pages of a site as a reader does who double-clicked it, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sites import Site

#: Milliseconds to wait for what must come; a machine may be busy.
PATIENCE = 15_000

#: Addresses of all pages of a site that has them.
PAGES = {
    "overview": "#/",
    "test": "#/test?id={case}",
    "compare": "#/compare",
    "releases": "#/releases",
    "session": "#/session?uid={session}",
    "sessions": "#/session",
    "health": "#/health",
}


class Reader:
    """Opens pages, and writes down whatever a page may not do.

    Attributes
    ----------
    troubles
        Errors of scripts, what is on the console, and requests for anything but files of the site.
        What the Content-Security-Policy forbade is told on the console.
    """

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self.troubles: list[str] = []

    def open(
        self,
        site: Site,
        address: str = "#/",
        *,
        theme: str = "light",
        width: int = 1280,
        height: int = 900,
        scripts: bool = True,
    ) -> Any:
        """Open a page in a browser that never saw the site, and wait until it stands."""
        context = self._browser.new_context(
            offline=True,
            color_scheme=theme,
            viewport={"width": width, "height": height},
            java_script_enabled=scripts,
            reduced_motion="reduce",
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        folder = site.folder.resolve().as_uri()
        context.on("request", lambda request: self._look_at(request.url, folder))
        page = context.new_page()
        page.on("console", lambda said: self.troubles.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.goto(f"{folder}/index.html{address}")
        if scripts:
            page.wait_for_selector("html[data-ready]")
        return page

    def _look_at(self, url: str, folder: str) -> None:
        if not url.startswith((f"{folder}/", "blob:")):
            self.troubles.append(f"asked for {url}")

    def close(self) -> None:
        """Close all pages."""
        for one in self._contexts:
            one.close()


def address_of(site: Site, page: str, case: str | None = None, session: int = -1) -> str:
    """Return the address of a page: of a test, the first by default; of a session, the newest."""
    index = site.index
    ids, uids = index["cases"]["id"], index["sessions"]["uid"]
    return PAGES[page].format(
        case=quoted(ids[0] if case is None else case), session=uids[session] if uids else ""
    )


def quoted(text: str) -> str:
    """Return text as it stands in an address."""
    from urllib.parse import quote

    return quote(text, safe="/:", errors="surrogatepass")


def state_of(page: Any) -> str:
    """Return the state of a page, which is in its address."""
    return str(page.evaluate("location.hash"))


def texts(page: Any, selector: str) -> list[str]:
    """Return the texts of elements, as they are drawn."""
    return [" ".join(one.split()) for one in page.locator(selector).all_inner_texts()]


def number(text: str) -> float:
    """Return the first number in a text, with its sign as typographers write it."""
    import re

    plain = text.replace("\u2212", "-").replace(",", "")
    (first,) = re.findall(r"[+-]?[\d.]+", plain)[:1]
    return float(first)
