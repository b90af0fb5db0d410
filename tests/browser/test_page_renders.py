"""Each page says what the data say."""

from __future__ import annotations

import csv

import pytest
from page_reader import address_of, number, quoted, texts
from page_sites import FAILING, FASTER, HEAVIER, LOST, SLOWER
from sites import Site


def test_the_overview_states_what_benchdb_changes_finds(imported, reader) -> None:
    of, site = imported
    page = reader.open(site)
    summary = site.index["summaries"][0]
    assert texts(page, "#headline") == [summary["headline"]]
    recent = [one for one in site.summary["changes"] if one["metric"] == "duration"]
    verdicts = {one["case"]: one["verdict"] for one in recent}
    assert verdicts == {SLOWER: "REGRESSED", FASTER: "IMPROVED"}
    assert texts(page, "[data-figure=worse] .count") == ["▲ 1"]
    assert texts(page, "[data-figure=better] .count") == ["▼ 1"]
    assert texts(page, "[data-figure=failing] .count") == ["1"]
    said = of.benchdb("changes", "--format", "json").json
    here = {
        event["id"]: event
        for event in said["events"]
        if any(one["metric"] == "duration" for one in event["moved"])
    }
    shown = page.locator("#suspects li[data-event]").evaluate_all(
        "all => all.map(one => one.dataset.event)"
    )
    assert set(shown) == set(here)
    first = page.locator("#all-series tr[data-row='0']")
    (moved,) = [
        one
        for event in here.values()
        for one in event["moved"]
        if one["case"] == SLOWER and one["metric"] == "duration"
    ]
    assert first.locator("a.test").inner_text() == SLOWER.partition("::")[2]
    assert number(first.locator(".effect").inner_text()) == pytest.approx(
        100 * moved["effect"], abs=0.06
    )
    assert first.locator(".spark path").count() > 0
    assert page.locator("#shown").inner_text() == "13 of 13"


def test_a_test_has_its_charts_and_its_change_points(imported, reader) -> None:
    of, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    assert texts(page, "#test") == ["test_03"]
    charts = page.locator(".chart").evaluate_all("all => all.map(one => one.dataset.metric)")
    assert charts == ["duration", "peak_memory", "throughput"]
    (event,) = [
        event
        for event in of.benchdb("changes", "--format", "json").json["events"]
        if any(one["case"] == SLOWER for one in event["moved"])
    ]
    effect = next(
        one["effect"]
        for one in event["moved"]
        if (one["case"], one["metric"]) == (SLOWER, "duration")
    )
    row = page.locator("#changes tr[data-event]")
    assert row.get_attribute("data-event") == event["id"]
    assert number(row.locator(".effect").inner_text()) == pytest.approx(100 * effect, abs=0.06)
    assert "numpy 2.3.4 → 2.4.0" in row.inner_text()
    good, bad = (f"{at:012d}" for at in (44, 45))
    assert f"git bisect start {bad} {good}" in page.locator("#bisect pre").inner_text()
    label = page.locator(".chart .canvas").first.get_attribute("aria-label")
    assert "60 sessions" in label
    assert "+" in label


def test_failures_gaps_and_drifts_are_told_with_a_test(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", FAILING))
    assert "3 failed" in page.locator(".under").inner_text()
    lost = reader.open(site, address_of(site, "test", LOST))
    assert "1 lost or hung" in lost.locator(".under").inner_text()
    drift = reader.open(site, address_of(site, "test", "t.py::test_09"))
    assert "drifts slowly" in drift.locator("#changes").inner_text()


def test_a_comparison_is_that_of_benchdb_compare(imported, reader) -> None:
    of, site = imported
    page = reader.open(site, "#/compare?a=tag:half%3Dfirst&b=tag:half%3Dsecond")
    said = of.benchdb("compare", "tag:half=first", "tag:half=second", "--format", "json")
    rows = [one for one in said.json["cases"] if one["metric"] == "duration"]
    verdicts = [one["verdict"] for one in rows]
    counts = {
        "worse": verdicts.count("REGRESSED"),
        "better": verdicts.count("IMPROVED"),
    }
    for bucket, count in counts.items():
        shown = page.locator(f"[data-bucket={bucket}] .count").inner_text()
        assert number(shown) == count
    assert counts["worse"] + counts["better"] >= 2
    same = page.locator("[data-bucket=same] .count").inner_text()
    undecided = page.locator("[data-bucket=undecided] .count").inner_text()
    assert number(same) + number(undecided) == len(rows) - sum(counts.values())
    worst = max(rows, key=lambda one: one["effect"])
    first = page.locator("tr[data-row='0']")
    assert first.locator("a.test").inner_text() == worst["case"].partition("::")[2]
    assert number(first.locator(".effect").inner_text()) == pytest.approx(
        100 * worst["effect"], abs=0.06
    )
    page.click("[data-bucket=worse]")
    page.wait_for_function("() => location.hash.includes('show=worse')")
    with page.expect_download() as waiting:
        page.click("#csv")
    saved = list(csv.DictReader(waiting.value.path().read_text("utf-8").splitlines()))
    assert saved[0]["test"] == worst["case"]
    assert len(saved) == counts["worse"]
    assert float(saved[0]["low"]) == pytest.approx(worst["low"], rel=1e-3)
    page.click("[data-bucket=worse]")
    page.fill("#tolerance", "60")
    page.wait_for_selector("[data-bucket=worse] .count:text('▲ 0')")


def test_releases_are_a_heat_map_that_leads_to_comparisons(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, "#/releases")
    heat = site.data("releases")
    assert texts(page, "table.heat thead th")[1:] == ["1.1", "1.2", "Last 10 sessions"]
    assert page.locator("table.heat tbody tr").count() == len(heat["modules"])
    coloured = texts(page, "table.heat td[class*=hot], table.heat td[class*=cold]")
    assert coloured
    assert not [one for one in coloured if "▲0" in one and "▼0" in one]
    page.locator("table.heat tbody tr").nth(1).locator("td a").nth(1).click()
    page.wait_for_selector("html[data-ready=compare]")
    assert "1.2 against Release 1.1" in page.locator("#headline").inner_text()


def test_a_session_says_what_is_unusual_in_it(imported, reader) -> None:
    _, site = imported
    uid = site.index["sessions"]["uid"][45]
    page = reader.open(site, address_of(site, "session", session=45))
    found = site.session(uid)
    index = site.index
    names = [
        index["cases"]["name"][index["series"]["case"][one["series"]]] for one in found["unusual"]
    ]
    assert {"test_03", "test_05"} <= set(names)
    assert texts(page, "#unusual a.test") == names
    assert page.locator("#rerun pre").inner_text() == found["rerun"]
    assert "numpy 2.3.4 → 2.4.0" in page.locator("#packages").inner_text()
    newest = reader.open(site, address_of(site, "session"))
    assert FAILING in newest.locator("#outcomes").inner_text()
    shown = page_of_events(newest)
    assert shown == {
        one["id"]
        for one in index["events"]
        if index["recent"] <= one["first_after"] < 59 and one["state"] == "open"
    }
    listed = reader.open(site, "#/session")
    assert listed.locator("#shown").inner_text() == "60 of 60"


def page_of_events(page) -> set[str]:
    """Return the events that a session's page says it still shows."""
    links = page.locator("#standing a").evaluate_all("all => all.map(one => one.hash)")
    return {one.partition("event=")[2] for one in links}


def test_health_tells_where_effort_pays(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, "#/health")
    health = site.data("health")
    names = site.index["cases"]["name"]
    longest = [names[one["case"]] for one in health["longest"]][:10]
    assert texts(page, "#longest a.test") == longest
    assert texts(page, "#flaky a.test") == [names[one["case"]] for one in health["flaky"]]


def test_a_suite_that_pytest_ran_shows_its_source_and_its_failure(recorded, reader) -> None:
    _, site = recorded
    page = reader.open(site, "#/")
    assert "tests failed, last 3 sessions" in page.locator("[data-figure=failing]").inner_text()
    assert texts(page, "[data-figure=failing] .count") == ["1"]
    case = "test_suite.py::test_sum[1]"
    test = reader.open(site, f"#/test?id={quoted(case)}&tab=source")
    assert "def test_sum(benchmark_time" in test.locator("#source").inner_text()
    assert test.locator(".chart").count() >= 3
    failed = reader.open(site, address_of(site, "test", "test_suite.py::test_fail"))
    assert texts(failed, "#test") == ["test_fail"]


def test_an_empty_history_says_so_on_every_page(empty, reader) -> None:
    _, site = empty
    page = reader.open(site, "#/")
    assert page.locator("h1").inner_text() == "Nothing was recorded yet"
    for address, words in (
        ("compare", "Nothing to compare yet"),
        ("releases", "two versions"),
        ("health", "Nothing was measured"),
        ("test?id=t.py::test_00", "No test of this site is called t.py::test_00"),
        ("session?uid=01", "No session of this site has the uid 01"),
    ):
        page.evaluate("to => { location.hash = to }", f"#/{address}")
        page.wait_for_selector(f"main:has-text('{words}')")


def test_a_single_run_is_shown_and_judged_by_nothing(single, reader) -> None:
    _, site = single
    page = reader.open(site, "#/")
    assert page.locator("#shown").inner_text() == "1 of 1"
    page.locator("tr[data-row='0'] a.test").click()
    page.wait_for_selector("html[data-ready=test]")
    assert "no change point" in page.locator("#changes").inner_text()
    compared = reader.open(site, "#/compare")
    assert "Nothing to compare yet" in compared.locator("main").inner_text()
    session = reader.open(site, address_of(site, "session"))
    assert "there is no past to judge it by" in session.locator("#headline").inner_text()


def test_a_long_history_is_packed_and_shows_the_same(imported, reader, monkeypatch) -> None:
    of, site = imported
    monkeypatch.setattr("benchdb.dashboard.packing.LEAST", 2)
    other = Site(of, folder="packed")
    packed = (other.folder / "data/index.js").read_text("ascii")
    for form in ('{"mostly":', '{"names":', '{"steps":', '{"lines":'):
        assert form in packed
    shown = []
    for one in (site, other):
        page = reader.open(one)
        seen = [page.locator("main").inner_text(), page.locator("svg.timeline").inner_html()]
        for name in ("session", "sessions", "test"):
            address = address_of(site, name, SLOWER, 45)
            page.evaluate("to => { location.hash = to }", address)
            page.wait_for_selector(f"html[data-ready={name.removesuffix('s')}] #app:not(:empty)")
            seen.append(page.locator("main").inner_text())
        shown.append(seen)
    assert shown[0] == shown[1]


def test_a_heavier_test_is_found_under_its_metric(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, "#/?metric=peak_memory")
    assert texts(page, "[data-figure=worse] .count") == ["▲ 1"]
    first = page.locator("tr[data-row='0'] a.test")
    assert first.get_attribute("title") == HEAVIER
