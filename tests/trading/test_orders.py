"""Orders: through the gate alone, sent once, and the venue's word booked once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection

from record import audit
from tests.trading.conftest import NOON, buy, filled, passing, says
from trading.audit import differences
from trading.ledger import selectors
from trading.ledger.book import LedgerError
from trading.ledger.services import AlteredError
from trading.models import Fill, GateDecision, JournalEntry, Order, OrderEvent
from trading.orders import attempts, gate, services
from trading.orders.gate import Verdict
from trading.orders.intents import Intent, Leg, OrderError
from trading.orders.machine import News
from trading.orders.venue import apply

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
CALL, PUT = "SPY261218C00500000", "SPY261218P00500000"


@pytest.fixture
def working(account, open_gate):
    """An order to buy 10 at 100 that works at the venue, and its id."""
    order = services.place(account.pk, buy("one"), actor="ana").order
    sent = services.begin_send(account.pk, order.pk)
    apply(account.pk, says(News.WORKING, "w", sent, venue_order_id="v1"))
    return order, sent


def state(order: Order) -> str:
    order.refresh_from_db()
    return order.state


def test_without_a_gate_every_order_is_refused_and_says_so(account):
    before = gate.register(gate.closed)
    placed = services.place(account.pk, buy("one"), actor="ana")
    gate.register(before)
    assert (placed.order.state, placed.decision.allowed) == ("rejected", False)
    assert "No risk gate" in placed.order.reason
    with pytest.raises(services.NotSendableError):
        services.begin_send(account.pk, placed.order.pk)


def test_a_gate_that_fails_refuses(account):
    def broken(account, intent, among):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    before = gate.register(broken)
    try:
        placed = services.place(account.pk, buy("one"), actor="ana")
    finally:
        gate.register(before)
    assert placed.order.state == "rejected"
    assert "DataError" in placed.decision.text


def test_an_order_is_placed_sent_filled_and_explained(account, working):
    order, sent = working
    assert selectors.balances(account).holds == 1_000
    apply(account.pk, filled("x1", sent, "4"))
    assert (state(order), order.filled_quantity, order.held) == ("partially_filled", 4, 600)
    apply(account.pk, filled("x2", sent, "6", "98.5"))
    assert (state(order), order.held) == ("filled", 0)
    leg = order.legs.get()
    assert leg.value / leg.filled == D("98.7")
    now = selectors.balances(account)
    assert (now.cash, now.holds) == (100_000 - 987 - D("0.70"), 0)
    assert differences(account.pk) == []
    assert audit.verify().sound


def test_the_same_intent_is_one_order(account, open_gate):
    first = services.place(account.pk, buy("one"), actor="ana")
    again = services.place(account.pk, buy("one"), actor="ana")
    assert (again.order, again.fresh) == (first.order, False)
    with pytest.raises(OrderError, match="otherwise"):
        services.place(account.pk, buy("one", "11"), actor="ana")
    assert selectors.balances(account).holds == 1_000


def test_an_order_holds_no_more_than_is_free(open_account, open_gate):
    account = open_account(cash="1500")
    assert services.place(account.pk, buy("one"), actor="ana").decision.allowed
    second = services.place(account.pk, buy("two"), actor="ana")
    assert (second.decision.rule, second.decision.value, second.decision.limit) == (
        "buying power", "1000", "500",
    )  # fmt: skip
    assert GateDecision.objects.count() == 2


def test_what_was_sent_is_never_sent_again(account, working):
    order, _ = working
    with pytest.raises(services.NotSendableError, match="working"):
        services.begin_send(account.pk, order.pk)
    other = services.place(account.pk, buy("two"), actor="ana").order
    services.begin_send(account.pk, other.pk)
    attempts.mark_unknown(account.pk, other.pk)
    assert state(other) == "unknown"
    with pytest.raises(services.NotSendableError, match="unknown"):
        services.begin_send(account.pk, other.pk)
    attempts.mark_unknown(account.pk, order.pk)
    assert state(order) == "working"


def test_only_two_answers_apart_show_that_it_never_arrived(account, open_gate):
    order = services.place(account.pk, buy("one"), actor="ana").order
    first = services.begin_send(account.pk, order.pk)
    attempts.mark_unknown(account.pk, order.pk)
    for second, right in [(0, "unknown"), (4, "unknown"), (5, "pending")]:
        attempts.mark_absent(account.pk, order.pk, NOON + dt.timedelta(seconds=second))
        assert state(order) == right
    again = services.begin_send(account.pk, order.pk)
    assert again != first
    late = apply(account.pk, says(News.ACCEPTED, "a", first))
    assert late.alert == "attempt 1 arrived after all"


def test_not_found_never_ends_an_order_that_was_heard_of(account, working):
    order, _ = working
    for second in (0, 10):
        attempts.mark_absent(account.pk, order.pk, NOON + dt.timedelta(seconds=second))
    assert state(order) == "working"


def test_a_cancel_that_was_asked_in_doubt_ends_what_never_arrived(account, open_gate):
    order = services.place(account.pk, buy("one"), actor="ana").order
    services.begin_send(account.pk, order.pk)
    services.cancel(account.pk, order.pk, actor="ana")
    attempts.mark_unknown(account.pk, order.pk)
    for second in (0, 6):
        attempts.mark_absent(account.pk, order.pk, NOON + dt.timedelta(seconds=second))
    assert (state(order), order.held) == ("canceled", 0)


def test_a_cancel_is_asked_refused_asked_again_and_done(account, working):
    order, sent = working
    services.cancel(account.pk, order.pk, actor="ana")
    services.cancel(account.pk, order.pk, actor="ana")
    assert (state(order), order.cancels) == ("cancel_pending", 1)
    apply(account.pk, says(News.CANCEL_REFUSED, "r", sent))
    assert state(order) == "working"
    services.cancel(account.pk, order.pk, actor="ana")
    apply(account.pk, says(News.CANCELED, "c", sent))
    assert (state(order), selectors.balances(account).holds) == ("canceled", 0)


def test_one_that_was_never_sent_ends_here(account, open_gate):
    order = services.place(account.pk, buy("one"), actor="ana").order
    services.cancel(account.pk, order.pk, actor="ana")
    assert (state(order), selectors.balances(account).holds) == ("canceled", 0)


@pytest.mark.parametrize("news", [News.CANCELED, News.EXPIRED, News.REJECTED, News.REPLACED])
def test_a_late_fill_is_booked_with_an_alert(account, working, news):
    order, sent = working
    apply(account.pk, says(news, "end", sent))
    late = apply(account.pk, filled("x1", sent, "4"))
    assert "late fill" in late.alert
    assert (state(order), order.filled_quantity) == (str(news), 4)
    apply(account.pk, filled("x2", sent, "6"))
    assert state(order) == "filled"
    assert Fill.objects.filter(late=True).count() == 2
    assert OrderEvent.objects.exclude(alert="").count() == 2
    assert differences(account.pk) == []


def test_beyond_its_quantity_it_is_booked_with_an_alert(account, working):
    order, sent = working
    apply(account.pk, filled("x1", sent, "8"))
    assert "beyond" in apply(account.pk, filled("x2", sent, "8")).alert
    assert (state(order), order.filled_quantity, order.excess) == ("filled", 10, 6)
    assert selectors.positions(account)[0].quantity == 16
    assert differences(account.pk) == []


def test_a_fill_is_booked_once_under_whatever_event(account, working):
    _, sent = working
    event = filled("x1", sent, "4")
    assert apply(account.pk, event).fresh
    rows = JournalEntry.objects.count(), OrderEvent.objects.count(), audit.verify().entries
    assert not apply(account.pk, event).fresh
    assert not apply(account.pk, replace(event, event_id="from the activities")).fresh
    assert rows == (
        JournalEntry.objects.count(), OrderEvent.objects.count(), audit.verify().entries,
    )  # fmt: skip
    other = replace(event, event_id="z", execution=replace(event.execution, price=D(98)))
    with pytest.raises(AlteredError, match="x1"):
        apply(account.pk, other)


def test_a_fill_of_nobody_is_booked_with_an_alert(account, working):
    _, sent = working
    for number, event in enumerate([
        filled("x1", "unknown id", "4"),
        filled("x2", sent, "4", symbol="QQQ"),
        filled("x3", sent, "-4"),
    ]):  # fmt: skip
        done = apply(account.pk, event)
        assert (done.order, "not known here" in done.alert) == (None, True), number
    assert Fill.objects.filter(order=None).count() == 3
    assert {one.symbol for one in selectors.positions(account)} == {"QQQ"}
    assert differences(account.pk) == []


def test_the_venue_may_name_it_by_its_own_id(account, working):
    order, _ = working
    event = replace(filled("x1", "", "4"), venue_order_id="v1")
    assert apply(account.pk, event).order == order


def test_a_replacement_has_an_id_of_its_own_and_the_old_one_ends(account, working):
    old, sent = working
    new = services.replace_order(account.pk, old.pk, buy("two", price="101"), actor="ana").order
    assert selectors.balances(account).holds == 2_010
    with pytest.raises(OrderError, match=f"Order {new.pk}"):
        services.replace_order(account.pk, old.pk, buy("three"), actor="ana")
    assert services.begin_send(account.pk, new.pk) != sent
    apply(account.pk, says(News.REPLACED, "r", sent))
    assert (state(old), old.replaced_by) == ("replaced", new)
    assert selectors.balances(account).holds == 1_010
    with pytest.raises(OrderError, match="place a new order"):
        services.replace_order(account.pk, old.pk, buy("four"), actor="ana")


def test_a_package_fills_leg_by_leg(account, open_gate):
    legs = (Leg(CALL, 1, D(100)), Leg(PUT, -2, D(100)))
    intent = Intent("combo", legs, D(2), limit_price=D("1.50"))
    order = services.place(account.pk, intent, actor="ana").order
    sent = services.begin_send(account.pk, order.pk)
    apply(account.pk, filled("x1", sent, "2", "5", symbol=CALL))
    assert (state(order), order.filled_quantity) == ("partially_filled", 0)
    apply(account.pk, filled("x2", sent, "-4", "1.75", symbol=PUT))
    assert (state(order), order.filled_quantity) == ("filled", 2)
    held = {one.symbol: (one.quantity, one.cost) for one in selectors.positions(account)}
    assert held == {CALL: (2, 1_000), PUT: (-4, -700)}
    assert differences(account.pk) == []


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("quantity", {"quantity": D(0)}),
        ("quantity", {"quantity": D("NaN")}),
        ("limit_price", {"limit_price": None}),
        ("limit_price", {"limit_price": D(-1)}),
        ("stop_price", {"stop_price": D(1)}),
        ("kind", {"kind": "iceberg"}),
        ("time_in_force", {"time_in_force": "forever"}),
        ("legs", {"legs": ()}),
        ("legs", {"legs": (Leg("A", 2), Leg("B", -2))}),
        ("legs", {"legs": (Leg("A", 1), Leg("A", -1))}),
        ("legs/0", {"legs": (Leg("A", 0),)}),
        ("quantity", {"legs": (Leg("A", 1), Leg("B", -1)), "quantity": D("0.5")}),
        ("intent_id", {"intent_id": ""}),
    ],
)
def test_what_is_no_order_is_refused_by_name(account, open_gate, field, change):
    with pytest.raises(LedgerError) as refused:
        services.place(account.pk, replace(buy("one"), **change), actor="ana")
    assert refused.value.field == field
    assert not Order.objects.exists()


def bracket(account) -> list[Order]:
    intents = (buy("in"), buy("target", price="120", sold=True), buy("stop", price="90", sold=True))
    placed = services.place_group(account.pk, "bracket", intents, intent_id="g", actor="ana")
    return [one.order for one in placed]


def test_exits_wait_for_their_entry_and_one_cancels_the_other(account, open_gate):
    entry, target, stop = bracket(account)
    with pytest.raises(services.NotSendableError, match="entry"):
        services.begin_send(account.pk, target.pk)
    sent = services.begin_send(account.pk, entry.pk)
    apply(account.pk, filled("x1", sent, "10"))
    ids = [services.begin_send(account.pk, one.pk) for one in (target, stop)]
    apply(account.pk, filled("x2", ids[0], "-3", "120"))
    assert (state(target), state(stop)) == ("partially_filled", "cancel_pending")
    apply(account.pk, filled("x3", ids[0], "-7", "120"))
    race = apply(account.pk, filled("x4", ids[1], "-2", "90"))
    assert race.alert == "exits are filled beyond what there was to leave"
    assert bracket(account) == [entry, target, stop]
    assert differences(account.pk) == []


def test_an_entry_without_a_fill_ends_its_exits(account, open_gate):
    entry, target, stop = bracket(account)
    services.cancel(account.pk, entry.pk, actor="ana")
    assert (state(entry), state(target), state(stop)) == ("canceled",) * 3


def test_a_group_is_placed_whole_or_not(account, open_gate):
    gate.register(
        lambda account, intent, among: Verdict(intent.intent_id != "stop", "test", "Not this.")
    )
    assert [one.state for one in bracket(account)] == ["canceled", "canceled", "rejected"]
    gate.register(passing)


def test_the_database_keeps_fills_and_ends(account, working):
    order, sent = working
    apply(account.pk, filled("x1", sent, "4"))
    for table in ("fill", "orderevent", "gatedecision", "clientorderid"):
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(f"UPDATE trading_{table} SET id = id")
    with pytest.raises(IntegrityError, match="would fall"):
        Order.objects.filter(pk=order.pk).update(filled_quantity=3)
    apply(account.pk, says(News.CANCELED, "c", sent))
    with pytest.raises(IntegrityError, match="cannot be working"):
        Order.objects.filter(pk=order.pk).update(state="working")
    with pytest.raises(IntegrityError, match="order_ended_holds_nothing"):
        Order.objects.filter(pk=order.pk).update(held=1)
