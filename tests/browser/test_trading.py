"""Trading in a real browser: every page in both themes and widths, and news as they arrive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

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


@pytest.fixture(scope="module")
def contexts(browser: Browser, site: Site) -> Iterator[dict[str, BrowserContext]]:
    made = {
        theme: browser.new_context(color_scheme=theme, reduced_motion="reduce")
        for theme in ("dark", "light")
    }
    yield made
    for context in made.values():
        context.close()


@pytest.mark.parametrize(("path", "who"), PAGES)
def test_page(contexts, site, path, who):
    for theme, context in contexts.items():
        site.sign_in(context, who)
        watched = checks.Watched(context, site.address)
        watched.page.set_viewport_size(checks.SHAPES[0])
        response = watched.visit(path)
        page = watched.page
        assert response.status == 200
        assert checks.policy_of(response) == checks.POLICY
        checks.sound(
            watched, shapes=checks.SHAPES if theme == "dark" else checks.SHAPES[1:],
            sizes=theme == "dark", overflow=theme == "dark",
        )  # fmt: skip
        assert watched.errors == []
        page.close()
