"""What is Alpaca's own: its words, its activities, and a list of fills that comes late."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from sandbox.alpaca.matching import Match
from sandbox.alpaca.server import Alpaca as AlpacaServer
from tests.trading.brokers.benches import ADJUSTED, CALL, AlpacaBench
from tests.trading.brokers.desk import Desk, agree, want
from trading.brokers.alpaca import reading
from trading.brokers.alpaca.asking import body_of
from trading.brokers.alpaca.broker import Alpaca
from trading.brokers.alpaca.wire import Wire
from trading.brokers.budget import Budget
from trading.brokers.credentials import Credentials
from trading.brokers.protocol import (
    Activity,
    BrokerError,
    NotTakenError,
    OutcomeUnknownError,
    RejectedError,
    Request,
)
from trading.orders.intents import Leg
from trading.orders.machine import News, State


@pytest.fixture
def bench() -> Iterator[AlpacaBench]:
    made = AlpacaBench()
    made.quote("SPY", "499.99", "500.01")
    made.by_itself(False)
    yield made
    made.close()


def wait_for(what, seconds: float = 8.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.01)


# --- orders as they are written -----------------------------------------------------------------
def test_numbers_are_written_exactly():
    body = body_of(Request("id", want("x", "0.123456789", "0.1", symbol="SPY"), (False,)))
    assert (body["qty"], body["limit_price"]) == ("0.123456789", "0.1")
    assert "position_intent" not in body


def test_a_credit_is_below_zero_and_purposes_are_told():
    legs = (Leg(CALL, -1, Decimal(100)), Leg("SPY261118C00510000", 2, Decimal(100)))
    body = body_of(Request("id", want("x", "3", "-0.55", legs=legs), (True, False)))
    assert (body["order_class"], body["limit_price"], body["qty"]) == ("mleg", "-0.55", "3")
    assert [(one["ratio_qty"], one["position_intent"]) for one in body["legs"]] == [
        ("1", "sell_to_close"), ("2", "buy_to_open"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("intent", "word"),
    [
        (want("x", "0.5", "500", time_in_force="gtc"), "day orders"),
        (want("x", "1", "500", legs=(Leg("SPY", 1), Leg("QQQ", -1))), "options alone"),
        (want("x", "1", "60000", symbol="BTC/USD"), "no day orders"),
        (want("x", "1", "2", symbol=CALL, time_in_force="ioc"), "no ioc orders"),
    ],
)
def test_what_alpaca_never_takes_is_not_sent(bench, intent, word):
    with pytest.raises(RejectedError, match=word):
        bench.broker.submit(Request("never", intent, (False,) * len(intent.legs)))
    assert bench.server.orders_asked == 0


# --- its answers --------------------------------------------------------------------------------
def test_every_status_of_the_client_is_known():
    from alpaca.trading.enums import OrderStatus

    assert {one.value for one in OrderStatus} <= set(reading.STATES)


def test_a_status_that_is_not_known_leaves_the_order_open(bench):
    desk = Desk(bench.broker)
    name = desk.place(want("odd"))
    bench.spoil("all", "unknown_enum")
    found = bench.broker.find(name)
    assert found is not None
    assert found.open
    assert [one.news for one in found.news] == [News.ACCEPTED]


def activity(kind: str, **more) -> dict:
    return {"id": f"20261118::{kind}", "activity_type": kind, "date": "2026-11-18",
            "status": "executed", "net_amount": "0"} | more  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kind", "cash"),
    [
        (activity("DIV", net_amount="12.50", symbol="SPY", qty="10"), "dividend", "12.50"),
        (activity("DIVNRA", net_amount="-1.80", symbol="SPY"), "dividend", "-1.80"),
        (activity("INT", net_amount="0.42"), "interest", "0.42"),
        (activity("FEE", net_amount="-0.03"), "fee", "-0.03"),
        (activity("CSD", net_amount="500"), "deposit", "500"),
        (activity("JNLC", net_amount="-500"), "withdrawal", "-500"),
        (activity("OPCSH", net_amount="250", symbol="SPXW261118C05000000"), "settlement", "250"),
        (activity("SPLIT", symbol="SPY", qty="10"), "", "0"),
        (activity("DIV", net_amount="12.50", status="correct"), "", "12.50"),
        (activity("NEVER_SEEN", net_amount="1"), "", "1"),
    ],
)
def test_activities_have_kinds_of_the_journal(given, kind, cash):
    (read,) = reading.activities_of([given])
    assert (read.kind, read.cash) == (kind, Decimal(cash))


def test_shares_of_an_assignment_are_its_own():
    shares_told = activity("OPTRD", symbol="SPY", qty="-200", price="500", net_amount="100000")
    option, shares = reading.activities_of([activity("OPASN", symbol=CALL, qty="2"), shares_told])
    assert (option.kind, shares.kind) == ("assignment", "assignment")
    assert option.group == shares.group
    assert (shares.quantity, shares.price) == (Decimal(-200), Decimal(500))


def test_shares_of_an_adjusted_contract_belong_to_its_end():
    shares_told = activity("OPTRD", symbol="SPY", qty="50", price="500", net_amount="-25000")
    told = [activity("OPEXC", symbol=ADJUSTED, qty="-1"), shares_told]
    option, shares = reading.activities_of(told)
    assert (option.kind, shares.kind, shares.quantity) == ("exercise", "exercise", 50)
    assert option.group == shares.group


def test_shares_without_an_option_are_for_a_person():
    (read,) = reading.activities_of([activity("OPTRD", symbol="SPY", qty="-200", price="500")])
    assert read.kind == ""


@pytest.mark.parametrize("symbol", ["BTCUSD", "ETHUSDT", "ETHBTC"])
def test_coins_have_a_slash(symbol):
    read = reading.position_of({"symbol": symbol, "asset_class": "crypto", "qty": "0.5",
                                "side": "long", "avg_entry_price": "60000"})  # fmt: skip
    assert "/" in read.symbol


@pytest.mark.parametrize("given", [{}, {"cash": "x"}, {"cash": "NaN", "equity": "1"}, []])
def test_nonsense_is_no_account(given):
    with pytest.raises(OutcomeUnknownError):
        reading.account_of(reading.thing(given))


# --- the stream ---------------------------------------------------------------------------------
def heard(bench) -> tuple[list, object]:
    stream, found = bench.broker.stream(), []

    def run() -> None:
        try:
            for one in stream:
                found.append(one)
        except BrokerError as error:
            found.append(error)

    threading.Thread(target=run, daemon=True).start()
    return found, stream


def test_fills_that_are_listed_late_are_waited_for(bench, monkeypatch):
    """The stream tells of a fill before it is in the list; its end waits for it."""
    late: list = []
    account = bench.server.venue.account
    note = account.note

    def later(kind, *args, **more):
        made = note(kind, *args, **more)
        account.activities.remove(made)
        late.append(made)
        return made

    monkeypatch.setattr(type(account), "note", lambda self, *a, **m: later(*a, **m))
    found, stream = heard(bench)
    desk = Desk(bench.broker)
    name = desk.place(want("late"))
    bench.fill(name, "10", {"SPY": "500.01"})
    time.sleep(0.4)
    assert News.FILL not in {one.news for one in found}
    account.activities.extend(late)
    wait_for(lambda: News.FILL in {one.news for one in found})
    stream.close()
    desk.hear(found)
    assert desk.state("late") == State.FILLED
    agree(desk, bench)


def test_a_busted_trade_is_for_a_person(bench):
    found, stream = heard(bench)
    name = Desk(bench.broker).place(want("busted"))
    bench.fill(name, "10", {"SPY": "500.01"})
    bench.server.venue.bust(bench.server.venue.fills[0].execution_id)
    wait_for(lambda: any(isinstance(one, Activity) for one in found))
    stream.close()
    (told,) = (one for one in found if isinstance(one, Activity))
    assert told.kind == ""
    assert "bust" in told.text


def test_fills_of_old_packages_find_their_order(bench):
    """After a restart nothing is remembered: a leg's fill is its package's all the same."""
    legs = (Leg(CALL, 1, Decimal(100)), Leg("SPY261118C00505000", -1, Decimal(100)))
    desk = Desk(bench.broker)
    name = desk.place(want("package", "1", "1.5", legs=legs))
    order = bench.server.venue.by_client(name)
    prices = {leg.symbol: Decimal(1) for leg in legs}
    bench.server.venue.fill(order, Match(Decimal(1), prices))
    anew = Alpaca(bench.credentials)
    told = anew.executions(desk.since)
    assert {one.client_order_id for one in told} == {name}
    assert {one.venue_order_id for one in told} == {order.id}


def test_coins_trade_under_their_name(bench):
    bench.quote("BTC/USD", "60000", "60010")
    desk = Desk(bench.broker)
    name = desk.place(want("coin", "0.25", "60010", symbol="BTC/USD", time_in_force="gtc"))
    bench.fill(name, "0.25", {"BTC/USD": "60010"})
    desk.reconcile()
    agree(desk, bench)
    assert [one.symbol for one in bench.broker.positions()] == ["BTC/USD"]


# --- the rate -----------------------------------------------------------------------------------
def test_a_storm_never_meets_the_rate_and_cancels_never_wait():
    """Ten times as much is asked for as there may be."""
    server = AlpacaServer(start=dt.datetime(2026, 11, 18, 15, tzinfo=dt.UTC), rate=60)
    server.venue.prices.set("SPY", Decimal(499), Decimal(500))
    try:
        broker = Alpaca(
            Credentials(server.key, server.secret, "paper", server.address), budget=Budget(55)
        )
        refused, cancelled = 0, 0
        for number in range(600):
            try:
                if number % 100 == 0:
                    broker.cancel_all()
                    cancelled += 1
                else:
                    broker.submit(Request(f"storm-{number}", want("s", "1", "400"), (False,)))
            except NotTakenError:
                refused += 1
        statuses = [one for one in server.received if one not in server.accepted]
        assert statuses == []
        assert len(server.received) <= 55
        assert (refused > 500, cancelled) == (True, 6)
    finally:
        server.close()


def test_no_proxy_and_no_file_of_the_machine_sees_the_keys(bench, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert Alpaca(bench.credentials).account().cash == 100_000


def test_a_redirect_is_not_followed(bench):
    from sandbox.faults import moved

    bench.server.take = lambda request: moved(bench.server.address + "/v2/account")
    wire = Wire(bench.credentials, Budget(100))
    with pytest.raises(OutcomeUnknownError):
        wire.get("/clock")
