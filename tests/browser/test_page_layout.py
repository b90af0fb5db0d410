"""Everybody can read the page: in both themes, on paper and phones, without scripts."""

from __future__ import annotations

import csv

import pytest
from page_reader import PAGES, address_of, go, quoted, texts
from page_sites import SLOWER
from sites import Site

#: What depends on colours alone: the rest is the same in both themes.
OF_COLOURS = ("color-contrast", "link-in-text-block")


#: What depends on how much room there is.
OF_ROOM = ("scrollable-region-focusable", "target-size")


def violations(page, *rules: str):
    """Return what axe-core finds, by some rules or by all: the rule, and what broke it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    # Without `preload`, by which axe would fetch the style sheet: the page's policy forbids that.
    options = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = list(rules)
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found]


def pinned(page) -> None:
    """Pin what a session says of a test."""
    page.keyboard.press("]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tooltip.pinned")


@pytest.mark.parametrize(("theme", "rules"), [("light", ()), ("dark", OF_COLOURS)])
def test_axe_finds_nothing_on_any_page(imported, reader, theme, rules) -> None:
    _, site = imported
    page = reader.open(site, theme=theme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(15, 18, 22)") == (theme == "dark")
    for name in PAGES:
        go(page, address_of(site, name, SLOWER, 45))
        if name == "test":
            pinned(page)
        assert (name, violations(page, *rules)) == (name, [])
    page.keyboard.press("?")
    page.wait_for_selector("dialog#help")
    assert violations(page, *rules) == []


def test_axe_finds_nothing_on_a_phone(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, width=390, height=840)
    for name in PAGES:
        go(page, address_of(site, name, SLOWER, 45))
        assert (name, violations(page, *OF_ROOM)) == (name, [])


def test_axe_finds_nothing_where_little_or_nothing_is_known(
    empty, single, recorded, hostile, reader
) -> None:
    for _, site in (empty, single, hostile):
        assert violations(reader.open(site)) == []
    _, site = recorded
    page = reader.open(site)
    assert violations(page) == []
    case = "test_suite.py::test_sum[1]"
    for tab in ("rows", "source"):
        go(page, f"#/test?id={quoted(case)}&tab={tab}")
        assert violations(page) == []


def test_a_phone_needs_no_scrolling_sideways(imported, hostile, reader) -> None:
    for _, site in (imported, hostile):
        page = reader.open(site, width=360, height=740)
        for name in PAGES:
            go(page, address_of(site, name))
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert (name, wide) == (name, 360)


def test_a_row_on_a_phone_has_the_test_its_change_and_its_value(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, width=360, height=740)
    row = page.locator("#all-series tr[data-row='0']")
    shown = [one.get_attribute("class") for one in row.locator("td").all() if one.is_visible()]
    assert shown == ["c-change", "c-test", "c-history", "c-now"]


def test_paper_is_light_and_has_all_rows_and_no_buttons(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, theme="dark", height=300)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#all-series tr[data-row]").count() == 13
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert ground == "rgb(255, 255, 255)"
    assert sum(int(one) for one in ink[4:-1].split(",")) < 150
    for hidden in ("header.top", "#search", "#timeline details"):
        assert not page.locator(hidden).first.is_visible()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    go(page, "#/releases")
    page.set_viewport_size({"width": 700, "height": 900})
    page.emulate_media(media="print")
    right = "one => one.getBoundingClientRect().right"
    table, card = (page.locator(one).evaluate(right) for one in ("table.heat", ".scroll-x"))
    assert table <= card
    page.emulate_media(media="screen")
    test = reader.open(site, address_of(site, "test", SLOWER))
    assert test.pdf().startswith(b"%PDF")
    assert test.locator(".chart").count() == 3


def test_without_scripts_there_is_a_plain_table_of_what_got_worse(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, scripts=False)
    assert texts(page, "h1") == [site.summary["headline"]]
    rows = texts(page, "main table:first-of-type tbody tr")
    assert [SLOWER in row and "REGRESSED" in row for row in rows].count(True) == 2  # and throughput


def test_one_file_opens_to_all_of_it(imported, reader) -> None:
    of, _ = imported
    site = Site(of, "--single-file", folder="one")
    page = reader.open(site)
    assert page.locator("#all-series a.test").first.inner_text() == "test_03"
    page.locator("#all-series a.test").first.click()
    page.wait_for_selector("html[data-ready=test]")
    assert page.locator(".chart").count() == 3
    for name in ("compare", "releases", "session", "health"):
        page.click(f"nav [data-page={name}]")
        page.wait_for_selector(f"html[data-ready={name}]")


def test_the_rows_of_a_test_are_downloaded_as_csv(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, f"{address_of(site, 'test', SLOWER)}&tab=rows")
    with page.expect_download() as waiting:
        page.click("#csv")
    rows = list(csv.reader(waiting.value.path().read_text("utf-8").splitlines()))
    assert rows[0][:2] == ["session", "started"]
    assert rows[0][6:] == ["duration [s]", "peak_memory [B]", "throughput [MB/s]", "outcome"]
    assert [row[0] for row in rows[1:]] == site.index["sessions"]["uid"]


def test_a_site_of_another_version_says_so(imported, reader, tmp_path) -> None:
    of, _ = imported
    site = Site(of, folder="other")
    path = site.folder / "data" / "index.js"
    path.write_text(path.read_text("ascii").replace('"schema":1,', '"schema":99,', 1))
    page = reader.open(site)
    assert "another version of benchdb" in page.locator(".trouble").inner_text()
