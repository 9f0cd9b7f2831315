"""Trading in a real browser: every page in both themes and widths, and news as they arrive."""

from __future__ import annotations

import pytest

from . import checks

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
