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


class Windows:
    """A browser's pages, which are opened again: each costs more than what is drawn in it."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._contexts: dict[tuple[Any, ...], Any] = {}
        self._free: dict[tuple[Any, ...], list[Any]] = {}
        self.reader: Reader | None = None

    def take(self, theme: str, size: dict[str, int], *, scripts: bool) -> tuple[Any, Any]:
        """Return the kind of a page, and one of that kind that nobody reads."""
        kind = theme, scripts
        free = self._free.setdefault(kind, [])
        if kind not in self._contexts:
            context = self._browser.new_context(
                offline=True,
                color_scheme=theme,
                viewport=size,
                java_script_enabled=scripts,
                reduced_motion="reduce",
                accept_downloads=True,
            )
            context.set_default_timeout(PATIENCE)
            context.on("request", lambda request: self.reader and self.reader.asked(request.url))
            self._contexts[kind] = context
        if not free:
            page = self._contexts[kind].new_page()
            page.on("console", lambda said: self.reader and self.reader.told(said.text))
            page.on("pageerror", lambda error: self.reader and self.reader.told(str(error)))
            free.append(page)
        page = free.pop()
        page.set_viewport_size(size)
        return kind, page

    def give_back(self, kind: Any, page: Any) -> None:
        """Take a page back, and make it forget what it showed."""
        _, scripts = kind
        if page.is_closed():
            return
        if scripts:
            page.evaluate("localStorage.clear()")
        page.goto("about:blank")
        self._free[kind].append(page)


class Reader:
    """Opens pages, and writes down whatever a page may not do.

    Attributes
    ----------
    troubles
        Errors of scripts, what is on the console, and requests for anything but files of the site.
        What the Content-Security-Policy forbade is told on the console.
    """

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._open: list[tuple[Any, Any]] = []
        self._folders: set[str] = set()
        self.troubles: list[str] = []
        windows.reader = self

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
        """Open a page beside others, as if nobody ever saw the site, and wait until it stands."""
        kind, page = self._windows.take(theme, {"width": width, "height": height}, scripts=scripts)
        self._open.append((kind, page))
        folder = site.folder.resolve().as_uri()
        self._folders.add(folder)
        page.goto(f"{folder}/index.html{address}")
        if scripts:
            page.wait_for_selector("html[data-ready]")
        return page

    def told(self, said: str) -> None:
        """Hear of an error, or of what is on the console."""
        self.troubles.append(said)

    def asked(self, url: str) -> None:
        """Look at a request."""
        if not url.startswith(("blob:", *(f"{one}/" for one in self._folders))):
            self.troubles.append(f"asked for {url}")

    def close(self) -> None:
        """Close all pages."""
        for kind, page in self._open:
            self._windows.give_back(kind, page)
        self._windows.reader = None


def go(page: Any, address: str) -> None:
    """Follow a link to another place of the site, and wait until it stands."""
    page.evaluate(
        """to => {
            document.documentElement.removeAttribute("data-ready");
            location.hash === to ? location.reload() : location.hash = to;
        }""",
        address,
    )
    page.wait_for_selector("html[data-ready]")


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
