"""Boards in a real browser: every page in both themes and widths, and a table that changes in
place."""

from __future__ import annotations

import csv
import io

import pytest
from playwright.sync_api import expect

from . import checks

pytestmark = pytest.mark.browser
PAGES = [
    ("/leaderboard/", "pro"),
    ("/leaderboard/?group=flagged", "anon"),
    ("/leaderboard/?metric=sortino&hours=2160", "anon"),
    ("/leaderboard/?market=simulated", "pro"),
    ("/leaderboard/?name=nobody-of-this-name", "anon"),
    ("/leaderboard/?tier=broker_verified", "anon"),
    ("/leaderboard/?tier=broker_verified", "pro"),
    ("/leaderboard/compare/", "anon"),
    ("/leaderboard/compare/?a=5&b=6", "pro"),
    ("/leaderboard/compare/?a=5&b=3", "pro"),
    ("/leaderboard/rules/", "anon"),
    ("/leaderboard/rules/", "pro"),
]


@pytest.mark.parametrize(("path", "who"), PAGES)
def test_page(contexts, site, path, who):
    checks.page_is_sound(contexts["dark"], site, path, who)


def test_the_board_changes_in_place_and_has_an_address(contexts, site):
    context = contexts["dark"]
    site.sign_in(context, "anon")
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit("/leaderboard/")
    page.evaluate("() => { window.stays = true; }")
    page.locator("main").hover()
    page.wait_for_function("() => window.htmx !== undefined")
    page.get_by_role("link", name="Win rate").click()
    page.wait_for_url("**metric=win_rate**")
    expect(page.locator("th[aria-sort]")).to_have_text("Win rate")
    expect(page.locator("#b-metric")).to_have_value("win_rate")
    assert page.evaluate("() => document.activeElement.id") == "s-win_rate"
    page.get_by_role("link", name="90 d", exact=True).click()
    page.wait_for_url("**hours=2160**")
    page.locator("#q").fill("heron")
    page.wait_for_url("**name=heron**")
    expect(page.locator(".board tbody .c-who a").first).to_contain_text("heron")
    assert "metric=win_rate" in page.url
    assert "hours=2160" in page.url
    page.locator("#b-metric").select_option("trades")
    page.wait_for_url("**metric=trades**")
    assert page.evaluate("() => window.stays") is True
    page.go_back()
    page.wait_for_url("**metric=win_rate**")
    expect(page.locator("h1")).to_have_text("Leaderboard")
    assert page.evaluate("() => pulseViolations") == []
    assert watched.errors == []
    page.close()


def test_what_is_ticked_stays_through_a_refresh_and_is_compared(contexts, site):
    context = contexts["light"]
    site.sign_in(context, "anon")
    page = context.new_page()
    page.goto(f"{site.address}/leaderboard/")
    page.locator("main").hover()
    page.wait_for_function("() => window.htmx !== undefined")
    boxes = page.locator('.board input[name="entry"]')
    boxes.nth(0).check()
    boxes.nth(2).check()
    with page.expect_response(lambda answer: "/leaderboard/" in answer.url):
        page.evaluate(
            "() => document.getElementById('refresh').dispatchEvent(new Event('pulse:refresh'))"
        )
    page.wait_for_timeout(200)
    expect(page.locator('.board input[name="entry"]').nth(2)).to_be_checked()
    page.get_by_role("button", name="Compare the ticked two").click()
    page.wait_for_url("**/compare/**")
    expect(page.locator("#gap-h")).to_be_visible()
    assert "shared days" in page.locator("main").inner_text()
    page.close()


def test_all_of_it_works_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "anon")
    page = context.new_page()
    page.goto(f"{site.address}/leaderboard/")
    first = page.locator(".board tbody .c-who a").first.inner_text()
    page.get_by_role("link", name="Next").click()
    assert "offset=50" in page.url
    page.get_by_label("Search by name").fill(first)
    page.get_by_role("button", name="Filter").click()
    assert page.locator(".board tbody .c-who a").first.inner_text() == first
    href = page.get_by_role("link", name="CSV").get_attribute("href")
    rows = list(csv.DictReader(io.StringIO(context.request.get(site.address + href).text())))
    assert [row["bot"] for row in rows] == [first]
    context.close()


def test_a_standing_follows_when_the_server_has_ranked(contexts, site):
    context = contexts["dark"]
    site.sign_in(context, "pro")
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit("/bots/3/")
    expect(page.locator("#standing")).to_contain_text("Not on a board yet")
    page.wait_for_selector('#connection[data-state="live"]')
    token = page.evaluate("() => JSON.parse(document.body.getAttribute('hx-headers'))")
    body = {"client_trade_id": "first", "action": "BUY", "symbol": "SPY", "quantity": "1",
            "price": "500"}  # fmt: skip
    told = context.request.post(f"{site.address}/api/v1/bots/3/trade", data=body, headers=token)
    assert told.status == 201
    expect(page.locator("#standing")).to_contain_text("Being ranked", timeout=10_000)
    site.rank()
    expect(page.locator("#standing tbody tr")).to_have_count(1, timeout=10_000)
    expect(page.locator("#standing tbody")).to_contain_text("Not ranked yet")
    assert checks.axe_faults(page) == []
    assert page.evaluate("() => pulseViolations") == []
    assert watched.errors == []
    page.close()
