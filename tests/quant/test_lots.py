"""Lots against an oracle of fractions, and laws that hold for every history."""

from __future__ import annotations

from decimal import Decimal as D  # noqa: N817
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.lots import Book, Closing, Execution, LotError, Method, Settlement, replay

NAMES = ("SPY", "SPY261218C00500000", "BTC/USD")
MULTIPLIERS = {"SPY": D(1), "SPY261218C00500000": D(100), "BTC/USD": D(1)}
METHODS = st.sampled_from(list(Method))
prices = st.decimals(0, 100_000, places=4)
quantities = st.decimals("-50", "50", places=8).filter(bool)


@st.composite
def executions(draw, *, names=NAMES, most=25):
    count = draw(st.integers(1, most))
    at, made = 0, []
    for _ in range(count):
        at += draw(st.integers(0, 2))
        name = draw(st.sampled_from(names))
        fee = draw(st.decimals("-1", "5", places=3))
        made.append(Execution(at, name, draw(quantities), draw(prices), MULTIPLIERS[name], fee))
    return made


def buy(at, quantity, price, name="SPY", **more):
    return Execution(at, name, D(quantity), D(price), MULTIPLIERS.get(name, D(1)), **more)


@given(history=executions(), method=METHODS, marks=st.tuples(prices, prices, prices))
def test_realised_and_unrealised_are_cash_and_value(history, method, marks):
    book = replay(history, method)
    at = dict(zip(NAMES, marks, strict=True))
    left = Fraction(book.realised) + Fraction(book.unrealised(at))
    cash = -sum(
        Fraction(e.quantity) * Fraction(e.price) * Fraction(e.multiplier) + Fraction(e.fee)
        for e in history
    )
    held = {
        name: sum((Fraction(e.quantity) for e in history if e.instrument == name), Fraction(0))
        for name in NAMES
    }
    value = sum(held[name] * Fraction(at[name]) * Fraction(MULTIPLIERS[name]) for name in NAMES)
    assert left == cash + value
    assert Fraction(book.cash) == cash
    assert Fraction(book.value(at)) == value
    assert {p.instrument: Fraction(p.quantity) for p in book.positions()} == {
        name: quantity for name, quantity in held.items() if quantity
    }


@given(history=executions(), method=METHODS, seed=st.randoms(use_true_random=False))
def test_the_order_of_simultaneous_legs_does_not_matter(history, method, seed):
    shuffled = list(history)
    seed.shuffle(shuffled)
    one, other = replay(history, method), replay(shuffled, method)
    assert (one.realised, one.cash, one.fees, one.turnover) == (
        other.realised, other.cash, other.fees, other.turnover,
    )  # fmt: skip
    assert one.closings == other.closings
    assert [(p.instrument, p.lots) for p in one.positions()] == [
        (p.instrument, p.lots) for p in other.positions()
    ]


@given(history=executions(), method=METHODS)
def test_taking_a_history_in_parts_changes_nothing(history, method):
    book = Book(method)
    for at in sorted({event.at for event in history}):
        book.apply(event for event in history if event.at == at)
    whole = replay(history, method)
    assert (book.realised, book.cash, book.closings) == (
        whole.realised, whole.cash, whole.closings,
    )  # fmt: skip


def fifo_oracle(history):
    """Match units of the smallest size one by one: slow, and nothing like the book."""
    queue, profit = [], Fraction(0)
    for event in history:
        price = Fraction(event.price)
        for _ in range(abs(int(event.quantity))):
            side = 1 if event.quantity > 0 else -1
            if queue and queue[0][0] != side:
                held_side, paid = queue.pop(0)
                profit += held_side * (price - paid)
            else:
                queue.append((side, price))
    return profit


@given(
    st.lists(st.tuples(st.integers(-6, 6).filter(bool), prices), min_size=1, max_size=15),
)
def test_first_in_first_out_is_what_matching_units_gives(trades):
    history = [buy(at, quantity, price) for at, (quantity, price) in enumerate(trades)]
    assert Fraction(replay(history).realised) == fifo_oracle(history)


@given(history=executions(names=("SPY",)))
def test_both_methods_agree_when_nothing_is_left(history):
    last = history[-1].at + 1
    held = sum((event.quantity for event in history), D(0))
    if held:
        history = [*history, Execution(last, "SPY", -held, D(7))]
    fifo, average = replay(history), replay(history, Method.AVERAGE)
    assert fifo.realised == average.realised == fifo.cash
    assert fifo.positions() == average.positions() == []


def test_a_part_is_closed_at_the_oldest_or_the_average_price():
    history = [buy(1, 10, 100), buy(2, 10, 110), buy(3, -5, 120)]
    fifo, average = replay(history), replay(history, Method.AVERAGE)
    assert fifo.realised == 100
    assert average.realised == 75
    assert [lot.quantity for lot in fifo.positions()[0].lots] == [5, 10]
    assert average.positions()[0].average == 105
    assert fifo.closings == [Closing(3, "SPY", D(5), D(100))]


def test_a_flip_through_zero_closes_all_and_opens_the_rest():
    for method in Method:
        book = replay([buy(1, 10, 100), buy(2, -25, 90), buy(3, 5, 80)], method)
        assert book.realised == -100 + 50
        assert [(p.quantity, p.cost) for p in book.positions()] == [(-10, -900)]
        assert book.unrealised({"SPY": D(95)}) == -50


def test_options_count_a_hundred_and_fees_at_once():
    name = "SPY261218C00500000"
    book = replay([buy(1, 2, "1.25", name, fee=D("1.30")), buy(2, -1, "2.00", name)])
    assert book.realised == D("75.00") - D("1.30")
    assert book.fees == D("1.30")
    assert book.turnover == D("450")
    assert book.unrealised({name: D("1.75")}) == 50


def test_a_spread_is_its_legs():
    long, short = "SPY261218C00500000", "SPY261218C00510000"
    legs = [buy(1, 1, 5, long), Execution(1, short, D(-1), D(2), D(100))]
    book = replay([*legs, Settlement(2, long, D(7)), Settlement(2, short, D(0))])
    assert book.realised == 400  # 200 on the long leg, 200 on the short one that expired worthless
    assert book.positions() == []
    assert book.turnover == 700  # an expiry turns nothing over


def test_a_settlement_of_what_nobody_holds_changes_nothing_but_its_fee():
    book = replay([Settlement(1, "SPY", D(3), fee=D(1))])
    assert (book.realised, book.cash, book.closings) == (-1, -1, [])


def test_fractions_of_a_coin_are_exact():
    history = [buy(1, "0.00000003", "61234.56789012", "BTC/USD")]
    history += [buy(2, "-0.00000001", "61234.56789013", "BTC/USD")]
    assert replay(history).realised == D("1e-16")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: buy(1, 0, 1), "quantity is 0"),
        (lambda: buy(1, "NaN", 1), "quantity is not a finite number"),
        (lambda: buy(1, 1, "Infinity"), "price is not a finite number"),
        (lambda: buy(1, 1, "1" * 41), "price has more than 40 digits"),
        (lambda: Execution(1, "SPY", D(1), D(1), D(0)), "multiplier is not above 0"),
        (lambda: Settlement(1, "SPY", D("sNaN")), "price is not a finite number"),
    ],
)
def test_what_no_book_can_hold_is_refused(make, says):
    with pytest.raises(LotError, match=says):
        make()


def test_time_does_not_run_back_and_a_multiplier_stays():
    book = replay([buy(5, 1, 1)])
    with pytest.raises(LotError, match="an event at 4 lies before 5"):
        book.apply([buy(4, 1, 1)])
    with pytest.raises(LotError, match="SPY has the multiplier 1"):
        book.apply([Execution(6, "SPY", D(1), D(1), D(100))])
    with pytest.raises(KeyError):
        book.unrealised({})
