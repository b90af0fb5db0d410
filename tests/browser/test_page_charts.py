"""The charts of a test under keys and fingers; what is settled, and what came from nothing."""

from __future__ import annotations

from typing import Any

from made_up import History, project, step
from page_reader import address_of, number, state_of, texts
from page_sites import SLOWER
from sites import Site


def shown(page: Any) -> int:
    """Return how many sessions of the trunk are in sight, by the address."""
    return int(
        page.evaluate(
            """() => {
              const state = new URLSearchParams(location.hash.split("?")[1]);
              return (state.has("from") ? 1 : 0) + (state.has("to") ? 1 : 0);
            }"""
        )
    )


def canvases(page: Any) -> list[list[int]]:
    """Return of each canvas its pixels, and how many its room on the screen has."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll(".canvas canvas")].map((one) =>
              [one.width, Math.round(one.parentElement.clientWidth * devicePixelRatio)])"""
        )
    )


def test_keys_zoom_in_and_out_and_show_all(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    page.keyboard.press("]")
    page.keyboard.press("+")
    assert shown(page) == 2
    near = state_of(page)
    page.keyboard.press("+")
    assert state_of(page) != near
    page.keyboard.press("0")
    assert shown(page) == 0
    page.keyboard.press("+")
    page.locator("#unzoom").click()
    assert shown(page) == 0
    assert not page.locator("#unzoom").is_visible()


def test_a_step_out_of_sight_moves_what_is_in_sight(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    page.locator("#charts").focus()
    for key in ("ArrowLeft", "+", "+", "["):  # from the newest session to a change before it
        page.keyboard.press(key)
    assert page.locator(".chart .cursor").first.is_visible()


def test_charts_are_as_wide_and_sharp_as_their_room(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    page.wait_for_function("document.querySelectorAll('.canvas canvas')[2].width > 300")
    before = canvases(page)
    assert len(before) >= 3
    assert all(pixels == room for pixels, room in before)
    page.set_viewport_size({"width": 700, "height": 800})
    page.wait_for_function(
        "width => document.querySelector('.canvas canvas').width !== width", arg=before[0][0]
    )
    assert all(pixels == room for pixels, room in canvases(page))


def test_fingers_pin_and_zoom(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER), width=390, height=844)
    touch = page.context.new_cdp_session(page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    area = page.locator(".canvas").first.bounding_box()
    middle = area["x"] + area["width"] / 2

    def put(kind: str, *places: float) -> None:
        points = [
            {"x": middle + one, "y": area["y"] + 100, "id": at} for at, one in enumerate(places)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    put("touchStart", 10)
    put("touchEnd")
    assert page.locator("#tooltip.pinned").is_visible()
    page.locator("#tooltip .close").click()
    put("touchStart", -20)
    put("touchStart", -20, 20)
    put("touchMove", -40, 40)
    put("touchMove", -60, 60)
    put("touchEnd")
    assert shown(page) == 2
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_headline_tile_and_chip_count_what_nobody_settled(reader, tmp_path) -> None:
    effects = {f"t.py::test_0{one}": step(20 + 6 * one, 1.2) for one in (1, 2, 3)}
    of = project(tmp_path / "p", History(50, 12, effects=effects))
    events = of.benchdb("changes", "--format", "json").json["events"]
    (settled,) = (
        one["id"]
        for one in events
        if [moved["case"] for moved in one["moved"]] == ["t.py::test_02"]
    )
    assert of.benchdb("ack", settled, "--expected", "-m", "larger tables").code == 0
    site = Site(of)
    page = reader.open(site, "#/")
    counted = number(page.locator("#headline").inner_text())
    assert counted == 2
    assert number(page.locator("[data-figure=worse] .count").inner_text().lstrip("▲ ")) == counted
    page.locator("[data-value=worse]").click()
    assert page.locator("tr[data-row]").count() == counted
    page.locator("[data-value='']").click()
    (row,) = (one for one in texts(page, "tr[data-row]") if "test_02" in one)
    assert "expected" in row


def test_what_was_nothing_before_is_said_to_come_from_0(reader, tmp_path) -> None:
    made = History(cases=3)
    made.more["rows"] = lambda session: "0" if session < 30 else "7"
    site = Site(project(tmp_path / "p", made))
    page = reader.open(site, "#/?metric=rows")
    assert {one[:6] for one in texts(page, "tr[data-row] td.c-change")} == {"from 0"}
    page = reader.open(site, address_of(site, "test") + "&metric=rows")
    assert "from 0 to 7" in " ".join(texts(page, "#changes td"))
