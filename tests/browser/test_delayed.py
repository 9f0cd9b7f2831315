"""A plan that shows the market late: what its pages say, and that they go on by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from . import checks

pytestmark = pytest.mark.browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    yield made
    made.close()


@pytest.fixture
def opened(context, market):
    """Open a page as somebody and return what was watched; its faults are checked at the end."""
    made: list[checks.Watched] = []

    def open_page(path, who="free"):
        market.sign_in(context, who)
        watched = checks.Watched(context, market.address)
        watched.page.clock.install()
        made.append(watched)
        assert watched.visit(path).status == 200
        # A minute that passes before the socket is open would be its silence: it is let go then.
        settled = re.compile("live|idle")
        expect(watched.page.locator("#connection")).to_have_attribute(
            "data-state", settled, timeout=15_000
        )
        return watched.page

    yield open_page
    for watched in made:
        assert watched.errors == []
        assert watched.foreign == []


@pytest.mark.parametrize("path", ["/dashboard/", "/exposure/SPY/"])
def test_the_delay_is_said_where_the_age_stands_with_a_way_to_the_plans(market, opened, path):
    page = opened(path)
    badge = page.locator(".page-head .badge-link")
    expect(badge).to_contain_text("Delayed 15 min")
    expect(page.locator("[data-stale]")).to_have_count(0)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        expect(badge).to_be_visible()
    badge.click()
    expect(page).to_have_url(f"{market.address}/pricing/")


def test_a_late_page_hears_no_market_channel_and_is_refused_none(market, opened):
    asked: list[str] = []
    page = opened("/account/")  # a page without a panel first: its clock follows nothing either
    expect(page.locator("#connection")).to_have_attribute("data-state", "idle")
    expect(page.locator("#connection")).not_to_be_visible()  # nothing is being connected
    page.on("websocket", lambda ws: ws.on("framesent", lambda text: asked.append(str(text))))
    page.goto(f"{market.address}/dashboard/")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=15_000)
    expect(page.locator("#connection")).to_have_text("Connected")
    page.wait_for_timeout(300)
    told = " ".join(asked)
    assert "signals:free" in told
    assert not [name for name in ("quote:", "exposure:", "chain:") if name in told]


@pytest.mark.parametrize("path", ["/dashboard/", "/exposure/SPY/"])
def test_once_a_minute_the_parts_are_drawn_again_and_the_focus_stays(market, opened, path):
    page = opened(path)
    badge = page.locator("#delayed")
    badge.focus()
    market.says(delay_s=1200)
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.clock.fast_forward(61_000)
    expect(badge).to_contain_text("Delayed 20 min")
    expect(badge).to_be_focused()
    expect(page.locator("#clock")).to_contain_text("Delayed 20 min")
    assert checks.axe_faults(page) == []


def test_a_paused_page_waits_and_catches_up(market, opened):
    page = opened("/exposure/SPY/")
    seen: list[str] = []
    page.on("request", lambda r: seen.append(r.url) if r.headers.get("hx-request") else None)
    page.locator("[data-pause]").click()
    page.clock.fast_forward(61_000)
    page.wait_for_timeout(200)
    assert seen == []
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.locator("[data-pause]").click()


def test_a_silent_feed_is_stale_on_a_late_page_too(market, opened):
    market.says(stale=True)
    page = opened("/dashboard/")
    expect(page.locator("main [data-stale]")).to_contain_text("old (expected every 1 s)")
    expect(page.locator(".page-head .badge-link")).to_contain_text("Delayed 15 min")


def test_a_larger_plan_has_the_live_page(market, opened):
    page = opened("/exposure/SPY/", "pro")
    assert page.locator(".badge-link").count() == 0
    expect(page.locator('[data-live="SPY"]')).to_have_count(1)
