"""Everything can be reached and done with the keyboard alone."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

STOPS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const box = element.getBoundingClientRect();
  const top = document.querySelector(".top").getBoundingClientRect().bottom;
  return {
    html: element.outerHTML.slice(0, 100),
    covered: !element.closest(".top, .skip, .side, .tabs") && box.bottom <= top,
    outline: getComputedStyle(element).outlineStyle,
  };
}"""


@pytest.fixture
def page(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 700})
    site.sign_in(context, "pro")
    page = context.new_page()
    page.goto(site.address + "/dashboard/")
    page.wait_for_selector("html.js", state="attached")
    yield page
    context.close()


def test_the_first_stop_skips_to_the_content(page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("path", ["/dashboard/", "/chain/SPY/", "/exposure/SPY/", "/feed/"])
def test_every_stop_is_visible_and_not_under_the_header(page, site, path):
    page.goto(site.address + path)
    seen = []
    for _ in range(140):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOPS)
        if stop is None:
            break
        assert not stop["covered"], stop["html"]
        assert stop["outline"] != "none", stop["html"]
        seen.append(stop["html"])
    assert len(seen) > 15
    assert page.evaluate(STOPS) is None, "the last stop leads out of the page"


def test_the_palette_finds_a_page(page):
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Type a page, a tool or a symbol")
    expect(field).to_be_focused()
    page.keyboard.type("spy expo")
    expect(page.locator('#palette-list [aria-selected="true"]')).to_contain_text("SPY exposure")
    page.keyboard.press("Enter")
    page.wait_for_url("**/exposure/SPY/")


def test_the_palette_says_when_nothing_matches_and_closes(page):
    page.keyboard.press("/")
    expect(page.locator("#palette input")).to_be_focused()
    page.keyboard.type("zzzz")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("e", "/exposure/SPY/"),
        ("c", "/chain/SPY/"),
        ("t", "/tools/"),
        ("l", "/leaderboard/"),
        ("f", "/feed/"),
        ("a", "/account/alerts/"),
    ],
)
def test_two_keys_go_to_a_page(page, key, path):
    page.keyboard.press("g")
    page.keyboard.press(key)
    page.wait_for_url(f"**{path}")


def test_brackets_change_the_expiry(page, site):
    page.goto(site.address + "/chain/SPY/")
    page.wait_for_selector("html.js", state="attached")
    page.keyboard.press("]")
    page.wait_for_url("**expiry=2026-11-23**")
    page.wait_for_selector("html.js", state="attached")
    page.keyboard.press("[")
    page.wait_for_url("**expiry=2026-11-20**")


def test_charts_turn_into_tables(page, site):
    page.goto(site.address + "/exposure/SPY/")
    page.wait_for_selector("html.js", state="attached")
    expect(page.locator("#x-strikes-table")).to_be_hidden()
    page.keyboard.press("t")
    expect(page.locator("#x-strikes-table")).to_be_visible()
    page.keyboard.press("t")
    expect(page.locator("#x-strikes-table")).to_be_hidden()


def test_rows_are_walked_and_opened(page):
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("() => document.activeElement.matches('#signal-log li')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tools/*/")


def test_single_keys_can_be_switched_off(page):
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.get_by_role("checkbox", name="Single keys are on in this browser").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_timeout(400)
    assert urlsplit(page.url).path == "/dashboard/"


def test_keys_do_nothing_inside_a_field(page, site):
    page.goto(site.address + "/tools/")
    page.get_by_label("Search").first.fill("")
    page.locator("#q").focus()
    page.keyboard.type("pin")
    page.wait_for_url("**q=pin**")
    expect(page.locator("#catalogue")).to_contain_text("Gamma Wall Pin Collapse")
    expect(page.locator("#catalogue")).not_to_contain_text("Earnings Crash")
    assert page.locator("#palette").is_hidden()


def test_menus_close_with_escape_and_give_the_focus_back(page):
    page.keyboard.press("s")
    expect(page.locator("#symbol-switch")).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(page.locator("#symbol-switch summary")).to_be_focused()


def test_a_word_is_explained_and_put_away_with_the_keyboard(page, site):
    page.goto(site.address + "/exposure/SPY/")
    meaning = page.locator("#def-zero-gamma")
    expect(meaning).to_be_hidden()
    page.get_by_role("button", name="What is zero gamma?").focus()
    page.keyboard.press("Enter")
    expect(meaning).to_be_visible()
    expect(meaning).to_contain_text("changes sign")
    box = meaning.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()
