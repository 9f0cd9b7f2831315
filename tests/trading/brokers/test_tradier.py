"""What is Tradier's own: fills out of sums, tags, lists of one, days that are over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.brokers.benches import ADJUSTED, CALL, HIGHER, Boundless, TradierBench
from tests.trading.brokers.desk import Desk, want
from trading.brokers.protocol import OutcomeUnknownError, RejectedError, Request
from trading.brokers.tradier import reading
from trading.brokers.tradier.asking import form_of
from trading.brokers.tradier.books import AccountBooks
from trading.brokers.tradier.broker import Tradier
from trading.brokers.tradier.slices import Slices, Sum
from trading.orders import services, venue
from trading.orders.intents import Leg
from trading.orders.machine import State


@pytest.fixture
def bench() -> Iterator[TradierBench]:
    made = TradierBench()
    made.quote("SPY", "499.99", "500.01")
    made.by_itself(False)
    yield made
    made.close()


# --- slices -------------------------------------------------------------------------------------
LOOKS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 900), st.booleans(), st.booleans()), max_size=12
)


@given(LOOKS)
def test_slices_add_up_whatever_is_lost_on_the_way(looks):
    """Between looks some is filled; what is told may be lost; a restart forgets the cuts."""
    slices, booked, now = Slices(), {}, Sum()
    for more, price, lost, restart in [*looks, (0, 1, False, False)]:
        now = Sum(now.quantity + more, now.value + more * Decimal(price) / 100)
        if restart:
            slices = Slices()
        so_far = Sum(sum((one.quantity for one in booked.values()), Decimal(0)))
        for one in slices.cut("1", {"SPY": now}, {"SPY": so_far})["SPY"]:
            if lost:
                break
            assert booked.setdefault(one.start.quantity, one) == one
    assert sum((one.quantity for one in booked.values()), Decimal(0)) == now.quantity


def test_a_second_look_cuts_where_the_first_did():
    slices = Slices()
    first = slices.cut("1", {"SPY": Sum(Decimal(3), Decimal(30))}, {})
    both = slices.cut("1", {"SPY": Sum(Decimal(5), Decimal(52))}, {})
    assert both["SPY"][0] == first["SPY"][0]
    assert (both["SPY"][1].quantity, both["SPY"][1].price) == (Decimal(2), Decimal(11))


# --- forms --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sell", "closing", "side"),
    [(False, False, "buy"), (False, True, "buy_to_cover"), (True, True, "sell"),
     (True, False, "sell_short")],
)  # fmt: skip
def test_shares_have_four_sides(sell, closing, side):
    form = form_of(Request("a-1", want("x", sell=sell), (closing,)))
    assert (form["class"], form["side"], form["tag"]) == ("equity", side, "a-1")


@pytest.mark.parametrize(
    ("price", "kind", "told"), [("1.2", "debit", "1.2"), ("-0.5", "credit", "0.5")]
)
def test_packages_are_debits_or_credits(price, kind, told):
    legs = (Leg(CALL, 1, Decimal(100)), Leg(HIGHER, -2, Decimal(100)))
    form = form_of(Request("a", want("x", "3", price, legs=legs), (False, True)))
    assert (form["type"], form["price"], form["symbol"]) == (kind, told, "SPY")
    assert (form["quantity[1]"], form["side[1]"]) == ("6", "sell_to_close")


@pytest.mark.parametrize(
    "intent",
    [want("x", "0.5"), want("x", symbol="BTC/USD"), want("x", time_in_force="ioc"),
     want("x", limit=None, kind="trailing_stop", trail=Decimal(1))],
)  # fmt: skip
def test_what_tradier_never_takes_is_not_sent(bench, intent):
    with pytest.raises(RejectedError):
        bench.broker.submit(Request("never", intent, (False,)))
    assert bench.server.orders_asked == 0


# --- answers ------------------------------------------------------------------------------------
def test_none_one_and_many_are_lists():
    assert reading.rows({"orders": "null"}, "orders", "order") == []
    assert reading.rows({"orders": {"order": {"id": 1}}}, "orders", "order") == [{"id": 1}]
    with pytest.raises(OutcomeUnknownError):
        reading.rows({}, "orders", "order")
    with pytest.raises(OutcomeUnknownError):
        reading.rows({"orders": {"order": [1]}}, "orders", "order")


def test_an_order_of_a_day_that_is_over_is_not_absent(bench):
    """It is listed no more, so nobody can say that it never arrived."""
    bench.books.sent["yesterday"] = dt.datetime.now(dt.UTC) - dt.timedelta(days=1, minutes=1)
    with pytest.raises(OutcomeUnknownError):
        bench.broker.find("yesterday")
    bench.books.sent["just now"] = dt.datetime.now(dt.UTC)
    assert bench.broker.find("just now") is None


def test_two_orders_of_one_id_are_nobodys_answer(bench):
    for _ in range(2):
        bench.broker.submit(Request("twin", want("twin"), (False,)))
    with pytest.raises(OutcomeUnknownError):
        bench.broker.find("twin")


def test_an_expiry_that_does_not_say_of_what_is_for_a_person():
    (read,) = reading.activities_of([{
        "amount": Decimal(0), "date": "2026-11-18T00:00:00Z", "type": "option",
        "option": {"option_type": "OPTEXP", "description": "Expired", "quantity": Decimal(-1)},
    }])  # fmt: skip
    assert read.kind == ""


@pytest.mark.parametrize(("told", "kind"), [("OPTEXP", "expiry"), ("OPTEXC", ""), ("OPTASN", "")])
def test_what_an_adjusted_contract_delivers_is_for_a_person(told, kind):
    (read,) = reading.activities_of([{
        "amount": Decimal(0), "date": "2026-11-18T00:00:00Z", "type": "option",
        "symbol": ADJUSTED,
        "option": {"option_type": told, "description": "adjusted", "quantity": Decimal(-1)},
    }])  # fmt: skip
    assert (read.kind, read.symbol, read.quantity) == (kind, ADJUSTED, -1)


def test_events_without_ids_have_one_each():
    fee = {"amount": Decimal("-0.10"), "date": "2026-11-18T00:00:00Z", "type": "fee",
           "fee": {"description": "exchange", "quantity": Decimal(0)}}  # fmt: skip
    first, second = reading.activities_of([fee, fee])
    assert first.activity_id != second.activity_id
    assert [one.activity_id for one in reading.activities_of([fee, fee])] == [
        first.activity_id, second.activity_id,
    ]  # fmt: skip


# --- with the books of the house ----------------------------------------------------------------
@pytest.mark.usefixtures("open_gate")
def test_fills_are_booked_once_over_restarts(bench, open_account):
    """Told, lost, told again by another process: the books have each share once."""
    account = open_account("at tradier", broker="tradier")
    intent = want("real", "10", "501")
    order = services.place(account.pk, intent, actor="user 1").order
    name = services.begin_send(account.pk, order.pk)

    def anew() -> Tradier:
        return Tradier(
            bench_credentials(bench), AccountBooks(account.pk), trading=Boundless(),
            looking=Boundless(),
        )  # fmt: skip

    first = anew()
    taken = first.submit(Request(name, intent, (False,)))
    for event in taken.news:
        venue.apply(account.pk, event)
    bench.fill(name, "3", {"SPY": "500.01"})
    first.find(name)  # told and lost
    bench.fill(name, "3", {"SPY": "500.02"})
    second = anew()
    for _ in range(2):
        for event in second.executions(dt.datetime(2026, 11, 1, tzinfo=dt.UTC)):
            venue.apply(account.pk, event)
    bench.fill(name, "4", {"SPY": "500.03"})
    found = anew().find(name)
    assert found is not None
    for event in (*found.news, *found.news):
        venue.apply(account.pk, event)
    order.refresh_from_db()
    assert (order.state, order.filled_quantity) == (State.FILLED, 10)
    spent = sum(fill.quantity * fill.price for fill in order.fills.all())
    assert spent.quantize(Decimal("0.0001")) == 3 * Decimal("500.01") + 3 * Decimal(
        "500.02"
    ) + 4 * Decimal("500.03")
    assert AccountBooks(account.pk).sent_at(name) is not None
    assert AccountBooks(account.pk).sent_at("other") is None


def bench_credentials(bench):
    from trading.brokers.credentials import Credentials

    return Credentials(bench.server.key, bench.secret, "paper", bench.server.address)


def test_the_desk_hears_both_sides(bench):
    desk = Desk(bench.broker)
    bench.books.fills = desk.fills
    name = desk.place(want("sold", "4", "499", sell=True))
    bench.fill(name, "4", {"SPY": "499.99"})
    desk.reconcile()
    assert bench.broker.positions()[0].quantity == -4
    assert desk.state("sold") == State.FILLED
