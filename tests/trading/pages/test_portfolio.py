"""What an account may lose, computed as a worker does, and how page and REST tell it."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import User
from market import framestore, store
from record import remote
from tests.browser.trading import EXPIRIES, make_market, option
from trading.desk import opening
from trading.ledger import services as ledger
from trading.ledger.book import Move
from trading.models import Account
from trading.risk.portfolio import portfolio_body
from trading.tasks import portfolio

from ..conftest import by

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def sim(ana) -> Account:
    framestore.forget_schemas()
    store.forget_layouts()
    run = make_market()
    return opening.open_armed(
        ana, name="sim", cash=D(50_000), market=f"simulator:{run.symbol}", method="fifo"
    )


def hold(account: Account, symbol: str, quantity: int, price: str, many: int = 100) -> None:
    move = Move(symbol, D(quantity), D(price), D(many))
    ledger.adjust(account.pk, by(f"{symbol} {quantity}"), reason="held", moves=(move,))


def look(account: Account):
    return portfolio_body(account, timezone.now())


def test_a_long_call_loses_at_most_what_it_is_worth(sim):
    hold(sim, option("C", 600), 2, "9.00")
    found = look(sim)["figures"]
    assert 0 < found["var"]["value"] <= found["cvar"]["value"] <= 1_801
    assert found["liquid_cvar"]["value"] > found["cvar"]["value"]
    assert found["leaving"] == pytest.approx(2 * 100 * 0.09, abs=0.01)
    assert 0.1 < found["law"]["spot_vol"][0] < 0.4
    still = found["stress"]["profits"][0][found["stress"]["moves"].index(0.0)]
    assert still[found["stress"]["factors"].index(1.0)] == pytest.approx(0, abs=0.01)
    assert min(value for row in found["stress"]["profits"][0] for value in row) >= -1_801
    delta = dict(zip(found["buckets"]["names"], found["buckets"]["delta"], strict=True))
    assert 50_000 < delta["to 30 days"] < 70_000
    assert sum(map(abs, delta.values())) == abs(delta["to 30 days"])


def test_shares_count_by_themselves(sim):
    hold(sim, "SIM", 100, "600", 1)
    found = look(sim)["figures"]
    assert found["buckets"]["units"] == 60_000
    falls = found["stress"]["profits"][1][found["stress"]["moves"].index(-0.1)]
    assert all(value == pytest.approx(-6_000, abs=20) for value in falls)


def test_what_has_no_price_is_named_and_nothing_is_said_of_the_rest(sim):
    hold(sim, option("C", 600), 1, "9.00")
    hold(sim, f"SIM{EXPIRIES[1]:%y%m%d}C00999000", 1, "1.00")
    body = look(sim)
    assert body["figures"] is None
    assert body["unpriced"] == [f"SIM{EXPIRIES[1]:%y%m%d}C00999000"]


def test_nothing_held_is_nothing_at_risk(sim):
    body = look(sim)
    assert (body["figures"], body["unpriced"], body["names"]) == (None, [], [])


def test_page_and_rest_tell_it_to_the_owner_alone(web, eve, ana, sim, monkeypatch):
    hold(sim, option("C", 600), 1, "9.00")
    stranger = User.objects.get(email="eve@trading.example")
    assert portfolio(sim.pk, user_id=stranger.pk) == {"fault": "unknown"}
    monkeypatch.setattr(
        remote, "call", lambda task, *args, user_id: portfolio(*args, user_id=user_id)
    )
    hold(sim, option("P", 605, later=False), -1, "6.00")
    page = web.get(f"/trading/risk/{sim.pk}/portfolio").content.decode()
    assert "16,384 scenarios" in page
    assert "Exercised or assigned" in page
    assert re.search(r"As of .{0,80}2026-11-20 .*market time", page)
    body = web.get(f"/api/v1/accounts/{sim.pk}/risk").json()
    assert body["figures"]["cvar"]["value"] > 0
    (ending,) = body["endings"]
    assert 0.5 < ending["in_money"] < 1
    assert 50 < ending["shares"] < 100
    (mine,) = body["figures"]["underlyings"]
    assert mine["delta"] == body["figures"]["buckets"]["delta"]
    for path in ("trading/risk/{}/portfolio", "api/v1/accounts/{}/risk"):
        theirs, none = (eve.get(f"/{path}".format(one)) for one in (sim.pk, sim.pk + 99))
        assert theirs.status_code == none.status_code == 404


def test_a_worker_that_is_away_is_said(web, sim, monkeypatch):
    def away(*_, **__):
        raise remote.Unavailable

    monkeypatch.setattr(remote, "call", away)
    page = web.get(f"/trading/risk/{sim.pk}/portfolio")
    assert page.status_code == 200
    assert "did not answer" in page.content.decode()
    assert web.get(f"/api/v1/accounts/{sim.pk}/risk").status_code == 503
