"""The order ticket in a real browser: its preview follows what is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def ticket(browser: Browser, site: Site) -> Iterator[Callable[[str], Page]]:
    """Return what opens the ticket of a shape."""
    context = browser.new_context()
    site.sign_in(context, "pro")

    def open_ticket(shape: str) -> Page:
        page = context.new_page()
        page.goto(f"{site.address}/trading/ticket/?account=1&shape={shape}")
        return page

    yield open_ticket
    context.close()


def test_the_preview_follows_what_is_typed(ticket):
    page = ticket("condor")
    parts = page.locator("#parts")
    expect(parts).to_contain_text("3.32 credit")
    page.fill("#strike0", "580")
    expect(parts).to_contain_text("2.58 credit", timeout=10_000)
    page.get_by_role("button", name="Take it as the limit").click()
    expect(page.get_by_label("Limit", exact=True)).to_have_value("-2.58")
    expect(page.locator("#strike0")).to_have_value("580")
    expect(page.get_by_role("button", name="Take it as the limit")).to_have_count(0)


def test_a_look_keeps_its_address_clean_and_the_button_sends_with_exits(ticket):
    page = ticket("condor")
    profit = page.locator("#t-take_profit")
    expect(profit).to_be_hidden()
    page.select_option("#t-exits", "bracket")
    profit.fill("-1.50")
    page.get_by_role("button", name="Look before sending").click()
    expect(profit).to_have_value("-1.50")
    assert "take_profit=-1.50" in page.url
    assert "csrf" not in page.url
    page.get_by_role("button", name="Send the order").click()
    expect(page.locator("#group-h")).to_have_text("With its exits")


def test_another_underlying_brings_its_own_fields_and_what_was_typed_stays(ticket):
    page = ticket("call")
    expect(page.locator("#strike0")).to_be_visible()
    page.fill("#t-limit_price", "1234.5")
    page.fill("#t-underlying", "btc/usd")
    page.locator("#t-quantity").focus()
    expect(page.locator("#ticket-h")).to_contain_text("BTC/USD")
    expect(page.locator("#right0 option")).to_have_text(["Coins"])
    expect(page.locator("#strike0")).to_be_hidden()
    expect(page.locator("#t-time")).to_have_value("gtc")
    expect(page.locator("#t-limit_price")).to_have_value("1234.5")
    expect(page.locator("#t-quantity")).to_be_focused()
    expect(page.locator(".leg")).to_have_count(1)
