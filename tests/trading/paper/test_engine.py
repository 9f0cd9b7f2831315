"""Orders at the paper venue, row by row: what fills, why not, and what the books say of it."""

from __future__ import annotations

from decimal import Decimal as D  # noqa: N817

import pytest

from market.models import FeedRun
from record import audit
from tests.trading.paper.conftest import WALL, broker, hear, intent, option, send
from trading.audit import differences
from trading.brokers.paper import engine, selectors, services
from trading.brokers.paper.models import PaperAccount, PaperFill, PaperOrder
from trading.brokers.protocol import NotTakenError, RejectedError, Request
from trading.ledger import selectors as books
from trading.models import Fill, Order, OrderEvent
from trading.orders import services as orders

CALL, PUT = option("C", 500), option("P", 500)
HIGH, LOW = option("C", 505), option("P", 495)


@pytest.fixture
def market(tape):
    return tape([CALL, PUT, HIGH, LOW])


@pytest.fixture
def account(market, paper):
    market.row(1)
    return paper()


def state_of(order) -> str:
    order.refresh_from_db()
    return order.state


def sound(account) -> None:
    """The books prove one another, and the venue's own sums are theirs."""
    assert differences(account.pk) == []
    assert audit.verify().sound
    held = {one.symbol: one.quantity for one in books.positions(account)}
    assert selectors.held(account.pk) == held
    assert selectors.cash(account.pk) == books.balances(account).cash


def test_a_limit_takes_what_is_displayed_and_waits_for_more(market, account):
    order = send(account, intent("one", (CALL, 1), quantity="10", limit_price="2.50"))
    assert state_of(order) == "accepted"
    market.row(2, {CALL: (2.40, 2.50, 8, 6)})
    assert state_of(order) == "partially_filled"
    fill = Fill.objects.get()
    assert (fill.quantity, fill.price, fill.at) == (6, D("2.5"), market.at(2))
    why = PaperFill.objects.get().why
    assert why["text"] == "took displayed size"
    assert (why["quote"]["ask"], why["quote"]["ask_size"]) == (2.5, 6.0)
    assert why["row"] == market.at(2).isoformat()
    market.row(3, {CALL: (2.40, 2.50, 8, 6)})
    assert selectors.why(PaperOrder.objects.get()) == (
        "nothing is displayed that has not been taken"
    )
    market.row(4, {CALL: (2.30, 2.45, 8, 6)})
    assert state_of(order) == "filled"
    assert Fill.objects.order_by("id").last().price == D("2.5")  # it rested, and was met there
    sound(account)


def test_what_it_costs_is_in_the_books_to_the_last_digit(market, account):
    send(account, intent("one", (CALL, 1), quantity="2", limit_price="2.50"))
    market.row(2, {CALL: (2.40, 2.50, 8, 6)})
    fees = {name: D(part) for name, part in PaperFill.objects.get().fees.items()}
    assert fees == {"orf": D("0.0563"), "occ": D("0.05"), "cat": D("0.0053")}
    assert books.balances(account).cash == 100_000 - 500 - sum(fees.values())
    market.row(market.last_minute)
    market.closes()
    rounded = books.balances(account)
    assert rounded.fees == D("0.12")  # each up to the cent: 6, 5 and 1
    sound(account)


def test_nothing_is_done_twice(market, account):
    wanted = intent("one", (CALL, 1), quantity="2", limit_price="2.50")
    order = orders.place(account.pk, wanted, actor="ana").order
    request = Request(orders.begin_send(account.pk, order.pk), wanted, (False,))
    told = [broker(account).submit(request) for _ in range(3)]
    assert len({one.venue_order_id for one in told}) == 1
    market.row(2, {CALL: (2.40, 2.50, 8, 6)})
    for _ in range(3):
        assert engine.step(account.pk) == 0
        hear(account, broker(account).find(request.client_order_id))
        hear(account, broker(account).submit(request))
    assert Fill.objects.count() == PaperFill.objects.count() == 1
    with pytest.raises(RejectedError, match="another order's"):
        broker(account).submit(
            Request(request.client_order_id, intent("one", (CALL, 1), limit_price="9"), (False,))
        )
    sound(account)


def test_an_order_that_was_sent_and_not_answered_is_found(market, account):
    wanted = intent("one", (CALL, 1), quantity="2", limit_price="2.50")
    order = orders.place(account.pk, wanted, actor="ana").order
    name = orders.begin_send(account.pk, order.pk)
    broker(account).submit(Request(name, wanted, (False,)))  # and the process died
    market.row(2, {CALL: (2.40, 2.50, 8, 6)})
    assert state_of(order) == "filled"
    assert broker(account).find("never sent") is None
    assert [one.open for one in broker(account).orders(WALL)] == [False]
    assert len(broker(account).executions(WALL)) == 1


@pytest.mark.parametrize(
    ("sides", "why"),
    [
        ((), "no quote to trade against"),
        ((2.50, 2.50, 9, 9), "the quote is locked"),
        ((2.60, 2.50, 9, 9), "the quote is crossed"),
        ((2.40, 2.50, 9, 9, 2.45, 0, 6), "the quote is not of its time"),
        ((2.40, 2.50, 9, 0), "nothing is displayed that has not been taken"),
        ((2.40, 2.55, 9, 9), "the market is away from the limit"),
        ((2.50, 2.55, 9, 9), "others are ahead at the limit"),
    ],
)
def test_no_good_quote_no_fill_and_why(market, account, sides, why):
    order = send(account, intent("one", (CALL, 1), limit_price="2.50"))
    market.row(2, {CALL: sides})
    assert state_of(order) == "accepted"
    assert selectors.why(PaperOrder.objects.get()) == why
    market.row(3, {CALL: (2.40, 2.50, 9, 9)})
    assert state_of(order) == "filled"


def test_a_row_that_was_known_when_it_was_sent_fills_nothing(market, account):
    market.row(2, {CALL: (2.40, 2.50, 8, 6)})
    order = send(account, intent("one", (CALL, 1), limit_price="2.50"))
    engine.step(account.pk)
    assert state_of(order) == "accepted"
    market.row(3, {CALL: (2.40, 2.50, 8, 6)})
    assert state_of(order) == "filled"


def condor(quantity: str = "2", **more):
    legs = ((CALL, -1), (HIGH, 1), (PUT, -1), (LOW, 1))
    return intent("condor", *legs, quantity=quantity, **more)


def quoted(width: float = 0.1, size: float = 20) -> dict:
    middles = {CALL: 2.0, HIGH: 0.5, PUT: 2.0, LOW: 0.5}
    return {symbol: (middle - width / 2, middle + width / 2, size, size)
            for symbol, middle in middles.items()}  # fmt: skip


def test_a_condor_fills_whole_or_not_at_all(market, account):
    order = send(account, condor(limit_price="-2.80"))
    without = quoted()
    without[LOW] = (0.45, 0.55, 20, 0)
    market.row(2, without)
    assert state_of(order) == "accepted"
    market.row(3, quoted(width=0.2))
    assert selectors.why(PaperOrder.objects.get()) == "the market is away from the limit"
    market.row(4, quoted(size=1))
    assert state_of(order) == "partially_filled"
    market.row(5, {symbol: (bid - 0.01, ask - 0.01, 9, 9)
                   for symbol, (bid, ask, *_) in quoted().items()})  # fmt: skip
    assert state_of(order) == "filled"
    assert {one.symbol: one.quantity for one in books.positions(account)} == {
        CALL: -2, HIGH: 2, PUT: -2, LOW: 2,
    }  # fmt: skip
    assert {leg.filled for leg in order.legs.all()} == {2}
    sound(account)


def test_a_package_of_another_kind_or_in_parts_is_refused(market, account):
    wanted = intent("i", (CALL, 1), (PUT, 1), kind="stop", stop_price="1")
    with pytest.raises(RejectedError, match="limit or market"):
        services.submit(account.pk, Request("x", wanted, (False, False)), now=WALL)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (intent("i", ("SPY", 1), limit_price="1"), "SPY is not traded on this market"),
        (intent("i", ("SIM260105C0050", 1), limit_price="1"), "is not traded"),
        (intent("i", (option("C", 501), 1), limit_price="1"), "is not listed now"),
        (intent("i", (CALL, 1), limit_price="1.005"), "price is not a whole number of ticks"),
        (intent("i", (CALL, 1), limit_price="4.01"), "price is not a whole number of ticks"),
        (intent("i", (CALL, 1), quantity="1.5", limit_price="1"), "quantity is not a whole"),
        (intent("i", (CALL, 1), kind="stop", stop_price="1", time_in_force="ioc"), "time in force"),
    ],
)
def test_what_the_venue_does_not_take(market, account, wanted, why):
    with pytest.raises(RejectedError, match=why):
        services.submit(account.pk, Request("x", wanted, (False,)), now=WALL)
    assert not PaperOrder.objects.exists()


def test_a_market_that_stands_still_or_is_over_takes_nothing(market, account):
    FeedRun.objects.update(state="stopped")
    with pytest.raises(RejectedError, match="does not run"):
        services.submit(
            account.pk, Request("x", intent("i", (CALL, 1), limit_price="1"), (False,)), now=WALL
        )


def test_the_account_can_be_suspended(market, account):
    services.suspend(account.pk, on=True)
    assert broker(account).account().obstacles
    with pytest.raises(RejectedError, match="suspended"):
        services.submit(
            account.pk, Request("x", intent("i", (CALL, 1), limit_price="1"), (False,)), now=WALL
        )
    services.suspend(account.pk, on=False)
    send(account, intent("one", (CALL, 1), limit_price="1"))


def test_a_cancel_ends_an_order_after_the_rows_before_it(market, account):
    first = send(account, intent("one", (CALL, 1), limit_price="2.50"))
    second = send(account, intent("two", (CALL, 1), limit_price="2.00"))
    market.row(2, {CALL: (2.40, 2.50, 8, 6)}, steps=False)
    names = [one.client_ids.get().text for one in (first, second)]
    with pytest.raises(RejectedError, match="It is over: filled"):
        broker(account).cancel(names[0], "")
    broker(account).cancel(names[1], "")
    assert (state_of(first), state_of(second)) == ("filled", "canceled")
    with pytest.raises(RejectedError, match="cancelled on request"):
        broker(account).cancel(names[1], "")
    with pytest.raises(RejectedError, match="no such order"):
        broker(account).cancel("nothing", "")
    market.row(3, {CALL: (1.0, 1.1, 8, 6)})
    assert state_of(second) == "canceled"
    sound(account)


def test_a_replacement_takes_the_place_of_an_order(market, account):
    old = send(account, intent("one", (CALL, 1), quantity="5", limit_price="2.00"))
    market.row(2, {CALL: (1.9, 2.0, 9, 2)})
    wanted = intent("two", (CALL, 1), quantity="3", limit_price="2.50")
    placed = orders.replace_order(account.pk, old.pk, wanted, actor="ana").order
    name = orders.begin_send(account.pk, placed.pk)
    for _ in range(2):
        hear(account, broker(account).replace(old.venue_order_id or "paper-0", Request(
            name, wanted, (False,))))  # fmt: skip
    assert (state_of(old), state_of(placed)) == ("replaced", "accepted")
    market.row(3, {CALL: (2.4, 2.5, 9, 9)})
    assert state_of(placed) == "filled"
    assert books.positions(account)[0].quantity == 5
    old.refresh_from_db()
    with pytest.raises(RejectedError, match="over"):
        broker(account).replace(old.venue_order_id, Request("z", wanted, (False,)))
    sound(account)


def test_everything_is_cancelled_at_once(market, account):
    made = [send(account, intent(f"{n}", (CALL, 1), limit_price="1.00")) for n in range(3)]
    assert broker(account).cancel_all() == 3
    assert [state_of(one) for one in made] == ["canceled"] * 3
    assert broker(account).cancel_all() == 0
    sound(account)


def test_a_cancel_that_comes_too_late_keeps_what_filled_before_it(market, account):
    order = send(account, intent("i", (CALL, 1), limit_price="2.50"))
    market.row(2, {CALL: (2.4, 2.5, 9, 9)}, steps=False)  # no worker has walked it yet
    name = PaperOrder.objects.get().client_order_id
    with pytest.raises(RejectedError, match="It is over: filled"):
        broker(account).cancel(name, "")
    assert state_of(order) == "filled"
    assert [one.symbol for one in books.positions(account)] == [CALL]
    sound(account)


def test_a_stop_and_a_trailing_stop_are_the_venues(market, account):
    send(account, intent("in", (CALL, 1), quantity="4", limit_price="2.50"))
    market.row(2, {CALL: (2.40, 2.50, 8, 6)})
    stop = send(account, intent("s", (CALL, -1), quantity="2", kind="stop", stop_price="2.00"))
    trail = send(account, intent("t", (CALL, -1), quantity="2", kind="trailing_stop", trail="0.50"))
    market.row(3, {CALL: (3.00, 3.10, 8, 6)})
    market.row(4, {CALL: (2.60, 2.70, 8, 6)})
    assert (state_of(stop), state_of(trail)) == ("accepted", "accepted")
    market.row(5, {CALL: (2.50, 2.60, 8, 6)})
    assert (state_of(stop), state_of(trail)) == ("accepted", "filled")
    market.row(6, {CALL: (1.95, 2.05, 8, 6)})
    assert state_of(stop) == "filled"
    assert books.positions(account) == []
    sound(account)


def test_one_exit_ends_the_other_on_the_same_row(market, account):
    send(account, intent("in", (CALL, 1), quantity="2", limit_price="2.50"))
    market.row(2, {CALL: (2.40, 2.50, 8, 6)})
    exits = (
        intent("gain", (CALL, -1), quantity="2", limit_price="2.95"),
        intent("again", (CALL, -1), quantity="2", limit_price="2.90"),
    )
    placed = orders.place_group(account.pk, "oco", exits, intent_id="g", actor="ana")
    for one, wanted in zip(placed, exits, strict=True):
        name = orders.begin_send(account.pk, one.order.pk)
        hear(account, broker(account).submit(Request(name, wanted, (True,))))
    market.row(3, {CALL: (3.00, 3.05, 50, 50)})
    assert [state_of(one.order) for one in placed] == ["filled", "canceled"]
    assert books.positions(account) == []
    assert not OrderEvent.objects.exclude(alert="").exists()
    sound(account)


def test_many_orders_see_no_more_size_than_one(market, account):
    for number in range(4):
        send(account, intent(f"{number}", (CALL, 1), quantity="4", limit_price="2.50"))
    market.row(2, {CALL: (2.40, 2.50, 8, 10)})
    assert [int(one.quantity) for one in Fill.objects.order_by("id")] == [4, 4, 2]
    market.row(3, {CALL: (2.40, 2.50, 8, 10)})
    assert Fill.objects.count() == 3  # what was taken does not come back while the price stands
    market.row(4, {CALL: (2.40, 2.50, 8, 13)})
    market.row(5, {CALL: (2.40, 2.50, 8, 14)})
    assert sum(one.quantity for one in Fill.objects.all()) == 14
    send(account, intent("later", (CALL, 1), quantity="4", limit_price="2.50"))
    market.row(6, {CALL: (2.40, 2.50, 8, 14)})
    assert sum(one.quantity for one in Fill.objects.all()) == 14
    market.row(7, {CALL: (2.40, 2.45, 8, 14)})
    assert sum(one.quantity for one in Fill.objects.all()) == 20
    sound(account)


def test_a_day_order_ends_with_the_session(market, account):
    order = send(account, intent("one", (CALL, 1), limit_price="1.00"))
    later = send(account, intent("two", ("SIM", 1), limit_price="1.00", time_in_force="gtc"))
    market.row(market.last_minute, {CALL: (0.9, 0.95, 9, 9)})
    assert (state_of(order), state_of(later)) == ("expired", "accepted")
    sound(account)


def test_a_day_order_ends_in_the_night_when_the_close_was_never_seen(market, account):
    order = send(account, intent("one", (CALL, 1), limit_price="1.00"))
    market.row(20)
    market.closes()
    assert state_of(order) == "expired"


def test_an_order_after_the_close_is_for_the_next_session(market, account):
    market.row(market.last_minute)
    order = send(account, intent("one", ("SIM", 1), limit_price="501.00"))
    market.closes()
    market.next_day()
    assert state_of(order) == "accepted"
    market.row(1)
    assert state_of(order) == "filled"
    with pytest.raises(RejectedError, match="after the last trade"):
        services.submit(
            account.pk, Request("x", intent("i", (CALL, 1), limit_price="1"), (False,)), now=WALL
        )


def test_idle_rows_are_passed_over_without_being_read(market, account):
    for minute in range(2, 9):
        market.row(minute, steps=False)
    send(account, intent("one", (CALL, 1), limit_price="2.50"))
    market.row(9, {CALL: (2.40, 2.50, 8, 6)}, steps=False)
    assert engine.step(account.pk) == 2  # up to the arrival at once, and the row that fills
    assert PaperAccount.objects.get().through == market.at(9)


def test_there_is_no_stream(account):
    with pytest.raises(NotTakenError):
        broker(account).stream()


def test_what_the_account_is_worth(market, account):
    send(account, intent("one", (CALL, 1), quantity="2", limit_price="2.50"))
    market.row(2, {CALL: (2.40, 2.50, 8, 6)})
    told = broker(account).account()
    assert told.equity - told.cash == D("490")
    assert [(one.symbol, one.quantity) for one in broker(account).positions()] == [(CALL, 2)]
    assert Order.objects.get().state == "filled"
