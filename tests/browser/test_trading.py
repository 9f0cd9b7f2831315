"""Trading in a real browser: every page in both themes and widths, and news as they arrive."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Route

from . import checks
from .conftest import Site

pytestmark = pytest.mark.browser
PAGES = [
    ("/trading/", "pro"),
    ("/trading/", "free"),
    ("/trading/accounts/1/", "pro"),
    ("/trading/orders/", "pro"),
    ("/trading/orders/?symbol=NONE", "pro"),
    ("/trading/orders/1/", "pro"),
    ("/trading/orders/7/", "pro"),
    ("/trading/ticket/?account=1&shape=condor", "pro"),
    ("/trading/ticket/", "free"),
    ("/trading/risk/", "pro"),
    ("/trading/risk/1/portfolio", "pro"),
    ("/trading/connections/", "plus"),
    ("/trading/positions/", "pro"),
    ("/trading/history/", "pro"),
    ("/trading/ledger/", "pro"),
    ("/trading/ledger/", "free"),
    ("/strategies/", "pro"),
    ("/strategies/", "free"),
    ("/strategies/1/", "pro"),
    ("/strategies/2/", "pro"),
]


@pytest.mark.parametrize(("path", "who"), PAGES)
def test_page(contexts, site, path, who):
    checks.page_is_sound(contexts["dark"], site, path, who)


def test_news_while_an_answer_is_on_its_way_are_asked_for_after_it(browser: Browser, site: Site):
    context = browser.new_context()
    site.sign_in(context, "pro")
    page = context.new_page()
    with page.expect_response(lambda one: "hx-request" in one.request.headers):  # once at first
        page.goto(f"{site.address}/trading/orders/1/")
    page.wait_for_timeout(300)
    held: list[Route] = []
    page.route("**/trading/orders/1/", lambda one: held.append(one))  # noqa: PLW0108 - no bound method
    news = "document.getElementById('refresh').dispatchEvent(new CustomEvent('pulse:refresh'))"
    for _ in range(3):
        page.evaluate(news)
    page.wait_for_timeout(200)
    assert len(held) == 1
    for asked in (1, 2):
        with page.expect_response("**/trading/orders/1/"):
            held[asked - 1].continue_()
        page.wait_for_timeout(300)
    assert len(held) == 2
    context.close()
