"""Times say whether they are real or the market's own."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from trading.models import Order
from trading.orders import services, venue
from trading.orders.machine import News

from ..conftest import buy, filled, says

pytestmark = pytest.mark.django_db
MARKET = '12:00:00</time> <small class="faint">market time</small>'


@pytest.fixture
def on_paper(account, open_gate) -> Order:
    """A bought order whose venue lives in its market's time, which is not ours."""
    order = services.place(account.pk, buy("one"), actor="user").order
    name = services.begin_send(account.pk, order.pk)
    for event in (says(News.ACCEPTED, "accepted", name), filled("x-1", name, "10")):
        venue.apply(account.pk, replace(event, source="paper"))
    return order


def test_an_orders_page_tells_two_clocks_apart(web, on_paper):
    page = web.get(f"/trading/orders/{on_paper.pk}/").content.decode()
    happened = page[page.index("What happened") :]
    clocks = re.findall(r"</time> <small class=\"faint\">(\w+) time</small>", happened)
    assert clocks == ["real", "real", "market", "market"]
    assert happened.count(MARKET) == 2
    assert "Market time is that of" in happened


def test_lists_and_rest_say_which_clock_each_time_is_on(web, account, on_paper, bought):
    bought(account, "two")  # at a venue that lives in ours
    fills = web.get("/api/v1/fills").json()["results"]
    assert [one["clock"] for one in fills] == ["real", "market"]
    whole = web.get(f"/api/v1/orders/{on_paper.pk}").json()
    assert [one["clock"] for one in whole["events"]] == ["real", "real", "market", "market"]
    lines = web.get(f"/api/v1/ledger?account={account.pk}").json()["results"]
    assert {(one["source"], one["clock"]) for one in lines} == {
        ("paper", "market"), ("venue", "real"), ("house", "real"), ("test", "real"),
    }  # fmt: skip
    for path in ("history/", f"ledger/?account={account.pk}"):
        page = web.get(f"/trading/{path}").content.decode()
        assert page.count(MARKET) == 1, path
        assert "real time</small>" in page
    assert "Placed, real time ET" in web.get("/trading/orders/").content.decode()
