"""API keys in a real browser: made once with and without scripts, readable on every screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from . import checks
from .conftest import Site

pytestmark = pytest.mark.browser
HOME = "/account/keys/"
PASSWORD = "pulse-demo-2026"
KEY = re.compile(r"pk_test_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}")
SCREENS = ((1280, "dark"), (390, "light"))


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    made = browser.new_context(reduced_motion="reduce")
    site.sign_in(made, "pro")
    yield made
    made.close()


def confirm(page: Page) -> None:
    """Give the password again where the site asks for it."""
    if "/reauthenticate/" in page.url:
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("form:has(input[type=password]) button[type=submit]").click()


def is_sound(page: Page) -> None:
    """Hold the page against what holds for all, in both themes, narrow and wide."""
    for width, theme in SCREENS:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 844})
        assert checks.axe_faults(page) == [], (page.url, width, theme)
    assert checks.overflows(page) == {}
    assert page.evaluate(checks.SMALL_TEXT) == []
    assert page.evaluate(checks.SMALL_TARGETS) == []


def test_keys_in_every_state_are_readable(context, site):
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit(HOME)
    rows = page.locator("tbody tr")
    assert rows.count() == 5
    told = [row.locator(".badge").all_inner_texts() for row in rows.all()]
    assert told == [
        ["Expired"],
        ["Expires soon"],
        ["Active"],
        ["Active", "Two secrets"],
        ["Revoked"],
    ]
    is_sound(page)
    page.get_by_role("link", name="Trading bot in Frankfurt").click()
    assert "Number 42 alone" in page.locator("main").inner_text()
    is_sound(page)
    page.get_by_role("link", name="Revoke Trading bot in Frankfurt").click()
    assert "cannot be undone" in page.locator("main").inner_text()
    assert checks.axe_faults(page) == []
    assert watched.errors == []
    assert watched.foreign == []
    assert page.evaluate("() => pulseViolations") == []
    page.close()


def test_a_key_is_made_with_faults_beside_their_fields_and_shown_once(context, site):
    site.sign_in(context, "plus")  # the list of the other one is read by its own test
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.address)
    watched = checks.Watched(context, site.address)
    page = watched.page
    watched.visit(f"{HOME}add/")
    confirm(page)
    page.get_by_label("Networks").fill("10.0.0.1/8")
    page.get_by_role("button", name="Create the key").click()
    marked = page.locator("[aria-invalid=true]")
    assert [one.get_attribute("name") for one in marked.all()] == ["name", "networks"]
    told = marked.last.get_attribute("aria-describedby")
    assert "use 10.0.0.0/8" in page.locator(f"#{told}").inner_text()
    is_sound(page)
    page.get_by_label("Name").fill("From the browser")
    page.get_by_label("Networks").fill("")
    page.get_by_role("button", name="Create the key").click()
    text = page.locator(".whole-key").inner_text()
    assert KEY.fullmatch(text)
    assert KEY.search(page.url) is None
    assert (
        f'"X-API-Key: $PULSE_KEY" {site.address}/api/v1/tools' in page.locator("main").inner_text()
    )
    is_sound(page)
    page.get_by_role("button", name="Copy the key").click()
    page.wait_for_selector(".toast")
    assert page.evaluate("() => navigator.clipboard.readText()") == text
    answer = context.request.get(f"{site.address}/api/v1/jobs", headers={"X-API-Key": text})
    assert answer.status == 200
    assert "RateLimit" in str(answer.headers) or "ratelimit" in answer.headers
    page.goto(site.address + HOME)
    assert text not in page.content()
    assert page.evaluate("() => pulseViolations") == []
    page.close()


def test_a_key_is_made_rotated_and_revoked_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    site.sign_in(context, "free")
    page = context.new_page()
    page.goto(site.address + HOME)
    assert "No key yet" in page.locator("main").inner_text()
    page.get_by_role("link", name="Create a key").first.click()
    confirm(page)
    page.get_by_label("Name").fill("Plain")
    page.get_by_role("button", name="Create the key").click()
    first = page.locator(".whole-key").inner_text()
    page.get_by_role("link", name="Back to keys").click()
    page.get_by_role("link", name="Plain", exact=True).click()
    page.get_by_label("The present secret ends").select_option("0")
    page.get_by_role("button", name="Rotate the key").click()
    second = page.locator(".whole-key").inner_text()
    assert KEY.fullmatch(second)
    assert first != second
    page.get_by_role("link", name="Back to keys").click()
    page.get_by_role("link", name="Plain", exact=True).click()
    page.get_by_role("link", name="Revoke Plain").click()
    page.get_by_role("button", name="Revoke it now").click()
    assert "Plain is revoked." in page.locator(".banner").inner_text()
    for text in (first, second):
        answer = context.request.get(f"{site.address}/api/v1/jobs", headers={"X-API-Key": text})
        assert answer.status == 401
    context.close()
