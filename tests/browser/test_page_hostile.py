"""Names are anybody's text, and no more than text on any page."""

from __future__ import annotations

import pytest
from page_reader import PAGES, address_of, quoted
from page_sites import HOSTILE

#: What no page has of its own, and markup in a name would bring.
INJECTED = "main img, main script, main b, main u, main iframe, [onclick], [onerror]"


def held(page) -> None:
    """Hold a page to have nothing but text of names."""
    assert page.locator(INJECTED).count() == 0
    links = page.locator("a[href]").evaluate_all("all => all.map(one => one.href)")
    assert {one.partition(":")[0] for one in links} <= {"file", "https"}
    assert page.title()


@pytest.mark.parametrize("case", HOSTILE, ids=["img", "script", "link", "rtl", "odd", "long"])
def test_a_hostile_name_is_shown_as_it_is(hostile, reader, case) -> None:
    _, site = hostile
    page = reader.open(site, address_of(site, "test", case))
    name = site.index["cases"]["name"][site.index["cases"]["id"].index(case)]
    assert page.locator("#test bdi").text_content() == name
    held(page)
    page.keyboard.press("]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tooltip.pinned")
    held(page)
    page.click("[data-value=rows]")
    page.wait_for_selector("#rows tr[data-row='0']")
    held(page)


@pytest.mark.parametrize("name", [one for one in PAGES if one != "test"])
def test_no_page_takes_a_name_for_markup(hostile, reader, name) -> None:
    _, site = hostile
    page = reader.open(site, address_of(site, name, session=25))
    held(page)
    if name == "overview":
        shown = page.locator("#all-series a.test").evaluate_all("all => all.map(one => one.title)")
        assert set(HOSTILE) <= set(shown)
        for button in page.locator("#suspects button.subject").all():
            button.click()
            held(page)


def test_a_hostile_address_is_text_too(hostile, reader) -> None:
    _, site = hostile
    attack = quoted("<img src=x onerror=alert(1)>")
    page = reader.open(site, f"#/test?id={attack}")
    assert "<img src=x" in page.locator(".trouble").inner_text()
    held(page)
    for address in (f"#/?q={attack}", f"#/compare?q={attack}&d={attack}", f"#/session?q={attack}"):
        page = reader.open(site, address)
        assert page.input_value("#search") == "<img src=x onerror=alert(1)>"
        held(page)


def test_names_with_other_directions_turn_nothing_around_them(hostile, reader) -> None:
    _, site = hostile
    page = reader.open(site)
    loose = page.locator("#all-series a.test").evaluate_all(
        "all => all.filter(one => one.firstElementChild?.tagName !== 'BDI').length"
    )
    assert loose == 0
    apart = page.locator("#all-series td.c-test").evaluate_all(
        """all => all.map(one => {
            const [name, module] = ["bdi", "small"].map(part => one.querySelector(part));
            return module.getBoundingClientRect().left - name.getBoundingClientRect().right;
        })"""
    )
    assert min(apart) > 0


def test_what_a_page_says_to_compare_is_what_the_command_takes(hostile) -> None:
    of, site = hostile
    sides = {one["asked"]: one for one in site.index["sides"] if one["asked"]}
    one, two = (asked for asked in sides if asked.startswith("tag:"))
    ran = of.benchdb("compare", one, two, "--format", "json")
    assert ran.code in (0, 1), ran.err
    uids = site.index["sessions"]["uid"]
    for side, asked in (("baseline", one), ("contender", two)):
        assert ran.json[side]["sessions"] == [uids[at] for at in sides[asked]["sessions"]]
