"""Prices on the steps in which they are quoted."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.orders import ticks
from trading.orders.intents import Intent, Leg, OrderError

PLAIN, SPY, INDEX = "SIM260116C00502000", "SPY260116C00502000", "SPXW260116C05020000"
cents = st.integers(1, 100_000).map(lambda count: Decimal(count) / 100)
symbols = st.sampled_from([PLAIN, SPY, INDEX, "SPY", "BTC/USD"])


def order(symbol, ratio=1, **more) -> Intent:
    return Intent("one", (Leg(symbol, ratio, Decimal(100)),), Decimal(1), **more)


@pytest.mark.parametrize(
    ("symbol", "price", "step"),
    [(PLAIN, "2.99", "0.01"), (PLAIN, "3.00", "0.05"), (SPY, "5.02", "0.01"),
     (INDEX, "2.95", "0.05"), (INDEX, "3.00", "0.10"), ("SPY", "502.41", "0.01")],
)  # fmt: skip
def test_the_step_follows_root_and_price(symbol, price, step):
    assert ticks.steps_of(symbol).at(Decimal(price)) == Decimal(step)


@given(symbol=symbols, price=cents, ratio=st.sampled_from([1, -1]))
def test_a_rounded_price_is_on_the_steps_and_on_the_asked_side(symbol, price, ratio):
    legs = (Leg(symbol, ratio, Decimal(100)),)
    step = ticks.steps_of(symbol).at(price)
    worse = ticks.no_better(legs, price) - price
    better = ticks.no_worse(legs, price) - price
    assert worse * ratio >= 0
    assert abs(worse) < step
    assert better * ratio <= 0 or price < step  # nothing is quoted below one step
    for found in (ticks.no_better, ticks.no_worse, ticks.nearest):
        ticks.check(order(symbol, ratio, limit_price=found(legs, price)))


@given(price=st.integers(-100_000, 100_000).map(lambda count: Decimal(count) / 1000))
def test_a_package_is_in_cents(price):
    legs = (Leg(PLAIN, 1, Decimal(100)), Leg(INDEX, -1, Decimal(100)))
    low, high = ticks.no_worse(legs, price), ticks.no_better(legs, price)
    assert low <= ticks.nearest(legs, price) <= high
    assert high - low <= Decimal("0.01")
    ticks.check(Intent("one", legs, Decimal(1), limit_price=low))


@pytest.mark.parametrize("name", ["limit_price", "stop_price"])
def test_between_two_steps_both_are_named(name):
    with pytest.raises(OrderError, match=r"steps of 0\.05: give 5\.00 or 5\.05\.") as caught:
        ticks.check(order(PLAIN, kind="stop", **{name: Decimal("5.02")}))
    assert caught.value.field == name
