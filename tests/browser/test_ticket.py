"""The order ticket in a real browser: its preview follows what is typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from .conftest import Site

pytestmark = pytest.mark.browser


def test_the_preview_follows_what_is_typed(browser: Browser, site: Site):
    context = browser.new_context()
    site.sign_in(context, "pro")
    page = context.new_page()
    page.goto(f"{site.address}/trading/ticket/?account=1&shape=condor")
    parts = page.locator("#parts")
    expect(parts).to_contain_text("3.32 credit")
    page.fill("#strike0", "580")
    expect(parts).to_contain_text("2.58 credit", timeout=10_000)
    context.close()
