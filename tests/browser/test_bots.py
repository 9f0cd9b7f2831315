"""Bots in a real browser: every state in both themes and widths, and the first report live."""

from __future__ import annotations

import csv
import io

import pytest
from playwright.sync_api import Page

from . import checks

pytestmark = pytest.mark.browser
PAGES = [
    ("/bots/", "anon"),
    ("/bots/", "pro"),
    ("/bots/1/", "anon"),
    ("/bots/1/", "pro"),
    ("/bots/2/", "pro"),
    ("/bots/3/", "pro"),
]


@pytest.mark.parametrize(("path", "who"), PAGES)
def test_page(contexts, site, path, who):
    checks.page_is_sound(contexts["dark"], site, path, who)


def report(page: Page, address: str, bot: int, number: int) -> None:
    """Report a trade with the page's own session."""
    token = page.evaluate("() => JSON.parse(document.body.getAttribute('hx-headers'))")
    body = {"client_trade_id": f"b-{number}", "action": "BUY", "symbol": "SPY",
            "quantity": "1", "price": "500"}  # fmt: skip
    answer = page.context.request.post(
        f"{address}/api/v1/bots/{bot}/trade", data=body, headers=token
    )
    assert answer.status == 201, answer.text()


def test_from_registration_to_the_first_report(contexts, site):
    context = contexts["dark"]
    site.sign_in(context, "plus")
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit("/bots/")
    page.get_by_label("Name", exact=True).first.fill("first-light")
    page.get_by_label("Configuration, JSON").fill("{not json")
    page.get_by_role("button", name="Register the bot").click()
    assert "This is not JSON" in page.locator("#config-says").inner_text()
    assert page.get_by_label("Name", exact=True).first.input_value() == "first-light"
    assert checks.axe_faults(page) == []
    page.get_by_label("Configuration, JSON").fill('{"v": 1}')
    page.get_by_role("button", name="Register the bot").click()
    page.wait_for_selector("#first .waiting")
    assert site.address in page.locator(".snippet code").first.inner_text()
    bot = int(page.url.rstrip("/").rsplit("/", 1)[1])
    page.wait_for_selector('#connection[data-state="live"]')
    report(page, site.address, bot, 1)
    page.wait_for_selector("#first .arrived", timeout=10_000)
    assert "1 trade arrived" in page.locator("#first").inner_text()
    page.wait_for_selector("#trades tbody tr")
    assert "Self-reported" in page.locator("#trades tbody tr").inner_text()
    assert page.evaluate("() => pulseViolations") == []
    page.close()


def test_filters_and_their_csv_work_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "anon")
    page = context.new_page()
    page.goto(f"{site.address}/bots/1/")
    assert "gamma scalp" not in page.content()
    page.get_by_label("Action").select_option("SPREAD")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("#trades tbody tr").count() == 1
    href = page.get_by_role("link", name="CSV").get_attribute("href")
    text = context.request.get(site.address + href).text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["leg_action"] for row in rows] == ["BUY_CALL", "SELL_CALL"]
    context.close()


def test_a_change_begins_a_new_entry_and_shows_what_changed(contexts, site):
    context = contexts["light"]
    site.sign_in(context, "pro")
    page = context.new_page()
    page.goto(f"{site.address}/bots/3/")
    page.get_by_label("Configuration, JSON").fill('{"strategy": "iron condor", "symbols": ["SPY"]}')
    page.get_by_role("button", name="Begin a new entry").click()
    assert "Entry 2 begins now" in page.locator(".banner").inner_text()
    changes = page.locator(".changes").first.inner_text()
    assert "/limits removed" in changes
    assert '"iron condor"' in changes
    page.get_by_label("To delist it").fill("wrong")
    page.get_by_role("button", name="Delist the bot").click()
    assert "type the bot's name" in page.locator("#confirm-says").inner_text()
    page.close()
