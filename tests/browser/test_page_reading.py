"""What is on a page can be read: what it has come to, whose line is whose, what scale and phone."""

from __future__ import annotations

import math
import re
import shlex

import pytest
from made_up import History, project, step
from page_reader import PAGES, address_of, go, number, quoted, texts
from page_sites import FAILING, SLOWER
from sites import Site


@pytest.fixture(scope="module")
def machines(tmp_path_factory) -> Site:
    """Two machines, on which all tests ran in turns."""
    made = History(
        60,
        6,
        effects={"t.py::test_03": step(40, 1.4)},
        more={"environment": lambda session: ("fast", "<b>slow</b>")[session % 2]},
    )
    return Site(project(tmp_path_factory.mktemp("machines") / "p", made))


def test_each_line_of_the_suites_index_has_the_name_of_its_machine(machines, reader) -> None:
    page = reader.open(machines)
    assert texts(page, ".machines li") == ["fast", "<b>slow</b>"]
    keys = page.locator(".machines path").evaluate_all(
        "all => all.map(one => getComputedStyle(one).strokeDasharray)"
    )
    lines = page.locator("svg[role=img] path.suite").evaluate_all(
        "all => all.map(one => getComputedStyle(one).strokeDasharray)"
    )
    assert keys == lines
    assert len(set(keys)) == 2


def test_who_reads_of_one_metric_learns_that_another_changed(imported, reader) -> None:
    _, site = imported
    page = reader.open(site)
    said = page.locator("#others").inner_text()
    assert "Peak memory 1 worse" in said
    assert "Failed 1 worse" in said
    page.click("#others a:text('Peak memory')")
    page.wait_for_selector("#others a:text('Wall time')")
    assert texts(page, "#headline") == [site.index["summaries"][1]["headline"]]


def test_one_line_needs_no_name(imported, reader) -> None:
    _, site = imported
    assert reader.open(site).locator(".machines").count() == 0


def test_what_drifts_stands_among_what_changed(imported, reader) -> None:
    _, site = imported
    page = reader.open(site)
    assert texts(page, "#all-series tr[data-row] a.test")[:3] == ["test_03", "test_09", "test_07"]
    assert "slow drift" in page.locator("tr[data-row='1']").inner_text()
    drifting = site.series("t.py::test_09")
    shown = page.locator("tr[data-row='1'] td.c-now").inner_text()
    assert number(shown) == pytest.approx(drifting["now"], rel=0.01)
    assert drifting["now"] > 1.08 * site.case("t.py::test_09")["series"][0]["segments"][0]["level"]


def test_failing_is_told_by_how_often_and_not_by_an_effect(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, "#/?metric=failed")
    row = page.locator("#all-series tr[data-row='0']")
    assert "more often" in row.locator("td.c-change").inner_text()
    assert row.locator("td.c-now").inner_text() == "100 %"
    test = reader.open(site, f"#/test?id={quoted(FAILING)}&metric=failed")
    moved = test.locator("#changes tr[data-event]")
    assert "0 → 1.00 a session" in moved.inner_text()
    assert "%" not in moved.locator(".number").inner_text()


def test_the_scale_of_a_comparison_follows_its_effects_and_shows_the_tolerance(
    imported, reader
) -> None:
    _, site = imported
    page = reader.open(site, "#/compare?a=tag:half%3Dfirst&b=tag:half%3Dsecond&d=4")
    effects = [abs(number(one)) for one in texts(page, "td.c-effect .effect")]
    edge = number(texts(page, "th.c-bar")[0].split("+")[1])
    assert max(effects) <= edge <= 2 * max(effects)
    wide = page.locator("tr[data-row='0'] .zone").bounding_box()["width"]
    bar = page.locator("tr[data-row='0'] svg").bounding_box()["width"]
    assert wide / bar == pytest.approx(0.94 * 4 / edge, rel=0.05)


def test_of_levels_below_0_the_difference_is_told_as_on_the_command_line(reader, tmp_path) -> None:
    made = History(60, 3)
    made.more["delta [s]"] = lambda session: repr(
        (-5.0 if session < 30 else -10.0) + 0.05 * math.sin(7 * session)
    )
    made.more["tag:half"] = lambda session: "first" if session < 30 else "second"
    of = project(tmp_path / "p", made)
    said = of.benchdb("changes")
    assert re.search(r"-5\.\d\d s \(-5\.\d\d to -[45]\.\d\d s\)", said.out)
    site = Site(of)
    page = reader.open(site, "#/?metric=delta")
    assert page.locator("tr[data-row='0'] .effect").inner_text().startswith("▼ \u22125.")
    interval = page.locator("tr[data-row='0'] td.c-change small").inner_text()
    assert re.fullmatch("\u22125\\.\\d\\d … \u2212[45]\\.\\d\\d s", interval)
    page.evaluate("to => { location.hash = to }", f"{address_of(site, 'test')}&metric=delta")
    page.wait_for_selector("html[data-ready=test]")
    assert "%" not in page.locator("#changes td.number").inner_text()
    for a, b, told in (("first", "second", "▼ \u2212"), ("second", "first", "▲ +")):
        page.evaluate(
            "to => { location.hash = to }",
            f"#/compare?a=tag:half%3D{a}&b=tag:half%3D{b}&metric=delta",
        )
        page.wait_for_selector(f"html[data-ready=compare] .effect:has-text('{told}')")
        shown = page.locator("tr[data-row='0'] .effect").inner_text()
        there = of.benchdb("compare", f"tag:half={a}", f"tag:half={b}", "--format", "json").json
        row = next(one for one in there["cases"] if one["metric"] == "delta")
        difference = abs(row["contender"] - row["baseline"])
        assert abs(number(shown)) == pytest.approx(difference, rel=0.01)


def test_a_comparison_that_is_not_there_names_a_command_that_runs(imported, reader) -> None:
    of, site = imported
    index = site.index
    every = {(a, b) for a in range(len(index["sides"])) for b in range(len(index["sides"]))}
    there = {tuple(one) for one in index["pairs"]} | {(b, a) for a, b in index["pairs"]}
    page = reader.open(site)
    commands = {}
    for a, b in sorted((a, b) for a, b in every - there if a != b):
        one, two = index["sides"][a], index["sides"][b]
        go(page, f"#/compare?a={quoted(one['key'])}&b={quoted(two['key'])}")
        shown = page.locator(".command pre")
        same = set(one["sessions"]) <= set(two["sessions"])
        assert ("are the contender" in page.locator(".trouble").inner_text()) == same
        assert shown.count() == bool(one["asked"] and two["asked"] and not same)
        if shown.count():
            commands[one["kind"], two["kind"]] = shown.inner_text()
    assert commands
    for command in commands.values():
        ran = of.benchdb(*shlex.split(command)[1:])
        assert ran.code == 0, ran.err


@pytest.mark.parametrize("name", ["session", "sessions", "health"])
def test_no_table_scrolls_sideways_on_a_phone(imported, reader, name) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, name, SLOWER, 45), width=390, height=840)
    wide = page.evaluate(
        "[...document.querySelectorAll('.scroll, .table-card, .scroll-x')]"
        ".filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"
    )
    assert wide == []
    assert name in PAGES


def test_a_card_on_a_phone_names_its_values(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, "#/health", width=390, height=840)
    cell = page.locator("#flaky td").nth(2)
    name = cell.evaluate("one => getComputedStyle(one, '::before').content")
    assert name.startswith('"Failed')
