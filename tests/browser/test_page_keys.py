"""The page by its keys alone."""

from __future__ import annotations

from page_reader import address_of, go, state_of, texts
from page_sites import SLOWER


def focused(page, selector):
    page.wait_for_function("selector => document.activeElement.matches(selector)", arg=selector)


def test_a_slash_goes_to_the_search_and_escape_empties_and_leaves_it(imported, reader) -> None:
    _, site = imported
    page = reader.open(site)
    page.keyboard.press("/")
    focused(page, "#search")
    page.keyboard.type("test_03 t?/[]")
    page.wait_for_selector("#shown:text-is('0 of 13')")
    assert not page.locator("#help").count()
    page.keyboard.press("Escape")
    page.wait_for_selector("#shown:text-is('13 of 13')")
    page.keyboard.press("Escape")
    focused(page, "body")
    elsewhere = reader.open(site, "#/releases")
    elsewhere.keyboard.press("/")
    elsewhere.wait_for_selector("html[data-ready=overview]")
    focused(elsewhere, "#search")


def test_t_turns_light_into_dark_and_the_next_page_is_dark_too(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))

    def ground():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = ground()
    page.keyboard.press("t")
    page.wait_for_function(
        "light => getComputedStyle(document.body).backgroundColor !== light", arg=light
    )
    dark = ground()
    page.reload()
    page.wait_for_selector("html[data-ready=test]")
    assert ground() == dark
    page.keyboard.press("t")
    page.wait_for_function(
        "light => getComputedStyle(document.body).backgroundColor === light", arg=light
    )


def test_arrows_and_brackets_read_sessions_and_enter_pins_one(imported, reader) -> None:
    _, site = imported
    index = site.index
    page = reader.open(site, address_of(site, "test", SLOWER))

    def reading(session):
        uid = index["sessions"]["uid"][session]
        page.wait_for_function(
            "commit => document.querySelector('#tooltip').innerText.includes(commit)",
            arg=index["sessions"]["commit"][session][:10],
        )
        return uid

    page.keyboard.press("]")
    uid = reading(45)
    assert page.locator("#reading").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_selector("#tooltip.pinned")
    assert f"at={uid}" in state_of(page)
    page.keyboard.press("ArrowLeft")
    uid = reading(44)
    assert f"at={uid}" in state_of(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    reading(46)
    page.keyboard.press("[")
    reading(45)
    page.keyboard.press("Enter")
    page.wait_for_function("() => !location.hash.includes('at=')")


def test_a_question_mark_tells_the_keys_and_takes_them_away(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    page.keyboard.press("?")
    assert page.locator("dialog#help").is_visible()
    keys = texts(page, "#help kbd")
    assert {"t", "/", "?", "[", "]", "←", "→", "Enter", "Esc"} <= set(keys)
    page.keyboard.press("?")
    page.wait_for_selector("dialog#help", state="hidden")
    page.click("#keys")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog#help", state="hidden")


def test_a_row_is_reached_and_opened_without_a_mouse(imported, reader) -> None:
    _, site = imported
    page = reader.open(site)
    page.focus("tr[data-row='0'] a.test")
    page.keyboard.press("ArrowDown")
    focused(page, "tr[data-row='1'] a")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready=test]")
    assert texts(page, "#test") == ["test_03"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_list_is_sorted_and_a_card_pressed_by_enter(imported, reader) -> None:
    _, site = imported
    page = reader.open(site)
    page.focus("button[data-sort=now]")
    page.keyboard.press("Enter")
    page.wait_for_selector("th[aria-sort=descending] [data-sort=now]")
    page.keyboard.press("Enter")
    page.wait_for_selector("th[aria-sort=ascending] [data-sort=now]")
    focused(page, "[data-sort=now]")
    page.keyboard.press("Home")
    page.focus("[data-value=better]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#shown:text-is('1 of 13')")


def test_a_command_is_copied_and_that_is_said(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.get_by_role("button", name="Copy: Commands that find the commit")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#bisect [role=status]:text-is('Copied')")
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == page.locator("#bisect pre").text_content()
    )
    focused(page, "#bisect button.copy")


def test_what_is_pinned_is_reached_by_tab_and_let_go_by_escape(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    page.focus("#charts")
    page.keyboard.press("]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tooltip.pinned")
    page.keyboard.press("Tab")
    focused(page, "#tooltip a")
    page.keyboard.press("Escape")
    page.wait_for_selector("#tooltip", state="hidden")
    focused(page, "#charts")


def test_a_control_keeps_the_focus_when_its_page_is_drawn_anew(imported, reader) -> None:
    _, site = imported
    page = reader.open(site, address_of(site, "test", SLOWER))
    page.focus("[data-value=dates]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-value=dates][aria-pressed=true]")
    focused(page, "[data-value=dates]")
    go(page, "#/compare")
    focused(page, "main")
    page.focus("#swap")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.hash.includes('a=')")
    focused(page, "#swap")
