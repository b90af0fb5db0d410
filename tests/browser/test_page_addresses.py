"""The address holds the state of a page: whoever opens it sees the same."""

from __future__ import annotations

import pytest
from page_reader import address_of, state_of, texts
from page_sites import SESSIONS, SLOWER


def seen(page):
    """Return what a reader sees: all text, which buttons are pressed, what is in the fields.

    Without what is said of the last step to who can't see it.
    """
    page.evaluate("document.querySelectorAll('#reading').forEach(one => { one.textContent = '' })")
    return page.evaluate(
        """() => [
            document.querySelector('main').innerText,
            [...document.querySelectorAll('[aria-pressed=true]')].map(one => one.innerText),
            [...document.querySelectorAll('main input, main select')].map(one => one.value),
            [...document.querySelectorAll('[aria-sort]')].map(one => one.ariaSort + one.innerText),
        ]"""
    )


def at(page, part):
    """Wait until the address says something."""
    page.wait_for_function("part => location.hash.includes(part)", arg=part)


def press(selector, part):
    """Click something, and wait for the address to say so."""

    def pressed(page):
        page.locator(selector).first.click()
        at(page, part)

    return pressed


def fill(selector, text, part):
    def filled(page):
        page.fill(selector, text)
        at(page, part)

    return filled


def choose(selector, value, part):
    def chosen(page):
        page.select_option(selector, value)
        at(page, part)

    return chosen


def pin(page):
    page.focus("#charts")
    page.keyboard.press("]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tooltip.pinned")
    at(page, "at=")


STATES = {
    "what is listed": (
        "overview",
        fill("#search", "test_0", "q=test_0"),
        press("[data-value=worse]", "show=worse"),
        press("button[data-sort=now]", "sort=-now"),
    ),
    "a metric, an event and an order": (
        "overview",
        press("[aria-label=Metric] [data-value='1']", "metric=peak_memory"),
        press("#suspects button.subject", "event="),
        press("button[data-sort=test]", "sort=test"),
    ),
    "how a test is drawn": (
        "test",
        press("[data-value=dates]", "x=dates"),
        press("[data-value=zero]", "y=zero"),
        press("[data-value=rows]", "tab=rows"),
    ),
    "what is read of a test": (
        "test",
        press("#changes [data-value='1']", "metric=peak_memory"),
        pin,
    ),
    "what matters": (
        "compare",
        choose("#side-a", "release:1.1", "a=release:1.1"),
        fill("#tolerance", "25", "d=25"),
        press("[data-bucket=undecided]", "show=undecided"),
    ),
    "the other way round": (
        "compare",
        press("#swap", "a="),
        press("button[data-sort=test]", "sort=test"),
        fill("#search", "test_0", "q=test_0"),
    ),
    "a metric of releases": ("releases", press("[data-value='2']", "metric=throughput")),
    "an order of sessions": (
        "sessions",
        press("button[data-sort=runs]", "sort=-runs"),
        fill("#search", "2026", "q=2026"),
    ),
}


@pytest.mark.parametrize("what", STATES)
def test_what_was_clicked_is_there_again_when_the_address_is_opened(imported, reader, what) -> None:
    _, site = imported
    name, *acts = STATES[what]
    page = reader.open(site, address_of(site, name, SLOWER))
    before = seen(page)
    for act in acts:
        act(page)
    state = state_of(page)
    again = reader.open(site, state)
    wanted = seen(page)
    assert wanted != before
    assert seen(again) == wanted
    assert state_of(again) == state


def test_a_zoom_is_in_the_address_and_a_double_click_takes_it_out(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    area = page.locator(".chart .canvas").first.bounding_box()
    y = area["y"] + area["height"] / 2
    page.mouse.move(area["x"] + area["width"] * 0.4, y)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, y, steps=4)
    page.mouse.up()
    at(page, "from=")
    uids = site.index["sessions"]["uid"]
    state = dict(one.split("=") for one in state_of(page).partition("?")[2].split("&"))
    assert 0 < uids.index(state["from"]) < uids.index(state["to"]) < SESSIONS - 1
    again = reader.open(site, state_of(page))
    assert state_of(again) == state_of(page)
    page.mouse.dblclick(area["x"] + area["width"] / 2, y)
    page.wait_for_function("() => !location.hash.includes('from=')")


def test_defaults_are_left_out_of_the_address(imported, reader) -> None:
    _, site = imported
    page = reader.open(site)
    assert state_of(page) == "#/"
    for name in ("compare", "releases", "session", "health"):
        page.click(f"nav [data-page={name}]")
        page.wait_for_selector(f"html[data-ready={name}]")
        assert state_of(page) == f"#/{name}"


def test_what_is_chosen_and_taken_back_leaves_nothing_in_the_address(imported, reader) -> None:
    _, site = imported
    page = reader.open(site)
    page.click("[data-value=worse]")
    page.fill("#search", "nothing at all")
    at(page, "q=nothing+at+all")
    assert page.locator(".table-card .empty").is_visible()
    page.fill("#search", "")
    page.locator("#all-series [data-value='']").first.click()
    page.wait_for_function("() => location.hash === '#/'")


def test_a_click_on_a_bar_filters_by_its_session_and_back_undoes_a_page(imported, reader) -> None:
    _, site = imported
    page = reader.open(site)
    page.click("#timeline summary")
    page.locator("#timeline table button").first.click()
    at(page, "at=")
    assert texts(page, "#all-series a.test") == [SLOWER.partition("::")[2]]
    page.click("#filter")
    page.wait_for_function("() => location.hash === '#/'")
    page.locator("#suspects button.subject").first.click()
    at(page, "event=")
    page.click("#filter")
    page.wait_for_function("() => location.hash === '#/'")
    page.click("nav [data-page=health]")
    page.wait_for_selector("html[data-ready=health]")
    page.go_back()
    page.wait_for_selector("html[data-ready=overview]")


def test_an_address_that_names_nothing_says_what_is_wrong(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, "#/no-page?x=%E0%A4%A")
    assert texts(page, ".trouble[role=alert]") == ["This site has no page “no-page”."]
    assert page.get_attribute("main a", "href") == "#/"
    for place, words in (
        ("constructor", "no page “constructor”"),
        ("test?id=nowhere.py::test", "No test of this site is called nowhere.py::test"),
        ("session?uid=zz", "No session of this site has the uid zz"),
        ("compare?a=release:9", "does not compare release:9"),
    ):
        page.evaluate("place => { location.hash = `#/${place}` }", place)
        page.wait_for_selector(f".trouble[role=alert]:has-text('{words}')")
    assert page.get_attribute("html", "data-ready") == "trouble"
