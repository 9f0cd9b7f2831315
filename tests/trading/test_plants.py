"""A bug planted in each rule makes the story of its invariant fail; without it the story holds."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from django.db import DatabaseError

from tests.trading.conftest import NOON, buy, filled, passing, says
from trading.audit import differences
from trading.ledger import book, selectors
from trading.models import Account, Fill, Order
from trading.orders import attempts, gate, groups, machine, services, venue
from trading.orders.gate import Verdict
from trading.orders.machine import Known, News

pytestmark = pytest.mark.django_db(transaction=True)


def placed(account: Account, intent_id: str, **more) -> tuple[Order, str]:
    order = services.place(account.pk, buy(intent_id, **more), actor="ana").order
    return order, services.begin_send(account.pk, order.pk)


def story(account: Account) -> None:
    """Live through every rule once, and look."""
    doubt, first = placed(account, "doubt")
    attempts.mark_unknown(account.pk, doubt.pk)
    for second, state in [(0, "unknown"), (4, "unknown"), (6, "pending")]:
        at = NOON + dt.timedelta(seconds=second)
        assert attempts.mark_absent(account.pk, doubt.pk, at).state == state
    assert services.begin_send(account.pk, doubt.pk) != first

    order, sent = placed(account, "one")
    for event_id in ("stream", "activities"):
        venue.apply(account.pk, replace(filled("x1", sent, "4"), event_id=event_id))
    order.refresh_from_db()
    assert (order.filled_quantity, order.held, Fill.objects.count()) == (4, 600, 1)
    venue.apply(account.pk, says(News.CANCELED, "early end", sent, second=3))
    venue.apply(account.pk, says(News.EXPIRED, "late end", sent, second=9))
    order.refresh_from_db()
    assert order.state == "canceled"
    assert "late fill" in venue.apply(account.pk, filled("x2", sent, "6")).alert

    assert services.place(account.pk, buy("rich", "100000"), actor="ana").order.state == "rejected"
    gate.register(lambda account, intent, among: 1 / 0)
    assert services.place(account.pk, buy("blind"), actor="ana").order.state == "rejected"
    gate.register(passing)

    exits = (buy("up", price="120", sold=True), buy("down", price="90", sold=True))
    pair = services.place_group(account.pk, "oco", exits, intent_id="g", actor="ana")
    up = services.begin_send(account.pk, pair[0].order.pk)
    venue.apply(account.pk, filled("x3", up, "-10", "120"))
    assert Order.objects.get(intent_id="down").state == "canceled"

    worth = selectors.equity(account, {})
    now = selectors.balances(account)
    assert worth.total - now.deposits == now.earned
    assert differences(account.pk) == []


def last_end_stands(known: Known, news: News, at: dt.datetime, **more) -> Known:
    return TRUE_LEARN(replace(known, end=None) if news in machine.ENDS else known, news, at, **more)


def fee_forgotten(fact, before, after, currency):
    lines = TRUE_POSTINGS(fact, before, after, currency)
    return [one for one in lines if one.side != book.Side.FEES]


def open_when_broken(account, intent, among) -> Verdict:
    try:
        return TRUE_ASK(account, intent, among)
    finally:
        if intent.intent_id == "blind":
            return passing(account, intent)  # noqa: B012 - the bug


TRUE_LEARN, TRUE_POSTINGS, TRUE_ASK = machine.learn, book.postings, gate.ask
BUGS = {
    "L1 a fee without its cash": (book, "postings", fee_forgotten),
    "L3, F1 an execution under another event": (venue, "_booked", lambda *_: None),
    "L4 a turned sign": (book.Move, "worth", property(lambda one: -one.quantity * one.price)),
    "L5 holds beyond the money": (services, "_with_money", lambda account, verdict: verdict),
    "L5 a hold that stays": (machine, "held", lambda hold, known: hold),
    "O1 the newest end stands": (machine, "learn", last_end_stands),
    "O1 a late fill in silence": (machine, "alerts", lambda *_: []),
    "O3 one id for all attempts": (machine, "client_order_id", lambda *_: "pulse"),
    "O4 one answer is enough": (machine, "ABSENT_AFTER", dt.timedelta(0)),
    "O7 both exits stay": (groups, "to_cancel", lambda order: []),
    "S5 open when broken": (gate, "ask", open_when_broken),
}  # fmt: skip


def test_the_story_holds(account, open_gate):
    story(account)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_breaks_the_story(account, open_gate, monkeypatch, bug):
    monkeypatch.setattr(*BUGS[bug])
    with pytest.raises((AssertionError, DatabaseError, ArithmeticError)):
        story(account)
