"""Who sees the market late reads no quote of now from any page or answer of trading."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal

import pytest
from django.utils import timezone

from market.reach import WHOLE, Reach
from tests.browser.trading import MOMENT, option
from trading import late
from trading.execution import services as execution
from trading.execution.states import Standing
from trading.models import Account, GateDecision, Order
from trading.orders import gate, services, venue
from trading.orders.intents import Intent, Leg
from trading.orders.machine import News
from trading.orders.venue import Event, Execution

from ..conftest import passing
from .test_ticket import sim, text

__all__ = ["sim"]
pytestmark = pytest.mark.django_db
D = Decimal
CALL = option("C", 600)
LATE = Reach(delay_s=900, history_days=30)


def post(client, path: str, body: dict):
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


@pytest.fixture
def held(sim) -> Account:
    """An account that holds a call, so that its worth follows from the quotes of now."""
    intent = Intent("held", (Leg(CALL, 1, D(100)),), D(1), limit_price=D("11.00"))
    before = gate.register(passing)
    order = services.place(sim.pk, intent, actor="user").order
    gate.register(before)
    name = services.begin_send(sim.pk, order.pk)
    execution_ = Execution("x1", CALL, D(1), D("10.85"), D(100))
    for news, more in ((News.ACCEPTED, {}), (News.FILL, {"execution": execution_})):
        venue.apply(sim.pk, Event("paper", f"e {news}", news, MOMENT, name, **more))
    execution.step(sim.pk, Standing.REDUCING, actor="risk", reason="The day's loss is 77.31.")
    return sim


def wanted(of: Account) -> dict:
    return {"account": of.pk, "legs": [{"symbol": CALL, "ratio": 1}], "quantity": "1",
            "limit_price": "44.00"}  # fmt: skip


def everything(web, of: Account) -> str:
    """Return all that pages and REST tell of an account, its refused order, and a look at one."""
    refused = Order.objects.filter(state="rejected").latest("pk")
    paths = [
        "/trading/", f"/trading/accounts/{of.pk}/", "/trading/orders/", "/trading/positions/",
        f"/trading/orders/{refused.pk}/", "/trading/history/", "/trading/ledger/",
        "/trading/risk/", f"/trading/ticket/?account={of.pk}&underlying=SIM&shape=call",
        f"/trading/ticket/?account={of.pk}&underlying=SIM&side0=buy&right0=call"
        "&expiry0=2026-12-18&strike0=600&ratio0=1&limit_price=44&quantity=1",
        "/api/v1/accounts", f"/api/v1/accounts/{of.pk}", "/api/v1/orders", "/api/v1/positions",
        f"/api/v1/orders/{refused.pk}", "/api/v1/fills", f"/api/v1/ledger?account={of.pk}",
    ]  # fmt: skip
    found = []
    for path in paths:
        answer = web.get(path)
        assert answer.status_code == 200, path
        found.append(text(answer))
    found.append(text(post(web, "orders/preview", wanted(of))))
    found += [b"".join(web.get("/trading/orders/orders.csv")).decode()]
    return "\n".join(found).replace(",", "")


def quotes_of_now(decision: GateDecision) -> set[str]:
    """Return what the gate saw and compared, as far as it is the market's."""
    facts = decision.facts
    found = {facts[name] for name in ("mid", "natural", "collar")}
    found |= {side for seen in facts["quotes"].values() for side in seen[:2]}
    found |= {cell for rule in facts["rules"] if rule[0] in ("collar", "through")
              for cell in rule[3:4]}  # fmt: skip
    return {one for one in found if "." in one}


def read(numbers: set[str], told: str) -> set[str]:
    """Return those of some numbers that a text tells."""
    return {one for one in numbers if re.search(rf"(?<![\d.]){re.escape(one)}0*(?!\d)", told)}


def test_a_free_user_reads_no_quote_of_now_anywhere(as_, ana, held):
    placed = post(as_(ana), "orders", wanted(held))
    assert placed.json()["state"] == "rejected"
    decision = Order.objects.get(pk=placed.json()["id"]).decision
    quotes = quotes_of_now(decision)
    assert len(quotes) >= 4
    seen = everything(as_(ana), held)
    equity = as_(ana).get(f"/api/v1/accounts/{held.pk}").json()["equity"]
    assert read({*quotes, "77.31", equity}, seen) > {"77.31", equity}, "or it is no test"
    ana.plan = "free"
    ana.save()
    web = as_(ana)
    told = everything(web, held)
    assert read({*quotes, "77.31", equity}, told) == set()
    assert "10.85" in told, "what somebody paid is theirs"
    assert "which your plan sees 15 minutes late" in told
    again = post(web, "orders", {**wanted(held), "intent_id": "free"})
    assert read(quotes, text(again)) == set()
    risk = web.get(f"/api/v1/accounts/{held.pk}/risk").json()
    assert (risk["figures"], bool(risk["late"])) == (None, True)
    assert "No figure:" in text(web.get(f"/trading/risk/{held.pk}/portfolio"))


# --- the rule -----------------------------------------------------------------------------------
SAID = {"rule": "collar", "text": "Order 7 of SPY261218C00500000 is 0.5 off 12", "value": "5",
        "limit": "4.9"}  # fmt: skip


def test_what_a_broker_takes_follows_from_no_quote():
    told = {"rule": "broker", "text": "It takes no day orders.", "value": "day", "limit": "gtc"}
    assert late.decision(told, None, LATE) == {**told, "late": ""}


def test_numbers_are_told_once_the_delay_has_passed_and_at_once_without_one():
    now = timezone.now()
    for at, reach in ((now, WHOLE), (None, WHOLE), (now - dt.timedelta(seconds=901), LATE)):
        assert late.decision(SAID, at, reach) == {**SAID, "late": ""}
        assert late.rules([["collar", "refuse", "5", "4.9", "x 1"]], at, reach) == [
            ["collar", "refuse", "5", "4.9", "x 1"]
        ]
        assert late.words(SAID["text"], at, reach) == SAID["text"]


@pytest.mark.parametrize("ago", [None, 0, 880])
def test_until_then_a_word_stands_for_them(ago):
    at = None if ago is None else timezone.now() - dt.timedelta(seconds=ago)
    told = late.decision(SAID, at, LATE)
    assert told["text"] == "Order 7 of SPY261218C00500000 is … off …"
    assert (told["value"], told["limit"], "15 minutes" in told["late"]) == ("", "", True)
    count = late.decision({**SAID, "rule": "order size"}, at, LATE)
    assert (count["value"], count["limit"], count["late"]) == ("5", "4.9", "")
    rows = [["collar", "refuse", "5", "4.9", "It is 5."], ["position", "pass", "1", "2"]]
    assert late.rules(rows, at, LATE) == [
        ["collar", "refuse", "", "", "It is …."], ["position", "pass", "1", "2"]
    ]  # fmt: skip
