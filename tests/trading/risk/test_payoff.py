"""The most that is lost, and what is uncovered, against every path and every choice of fills."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from trading.risk.payoff import Line, Pile, over_cash, uncovered, worst_loss

D = Decimal
NEAR, LATER, LAST = (dt.date(2026, month, 18) for month in (10, 11, 12))
DAYS = (NEAR, LATER, LAST)

lines = st.builds(
    Line, st.booleans(), st.sampled_from([D(90), D(100), D(110)]), st.sampled_from(DAYS),
    st.sampled_from([D(-200), D(-100), D(100), D(200)]),
)  # fmt: skip
piles = st.builds(
    lambda parts, shares: Pile(tuple(parts), D(shares), D(100), D("0.2")),
    st.lists(lines, max_size=5), st.sampled_from([0, 0, 100, 200, -100]),
)  # fmt: skip


def short_of_cover(pile: Pile) -> Decimal:
    """Cover shorts one by one, the last to expire first, by longs that live as long: what is left.

    For one right every long that lives on is as good as any other.
    """
    left = D(0)
    for is_call in (True, False):
        mine = [one for one in pile.lines if one.is_call == is_call]
        net = {day: sum((one.units for one in mine if one.expiry == day), D(0)) for day in DAYS}
        free = D(0)
        owed = D(0)
        for day in reversed(DAYS):
            free += net[day]
            if free < 0:
                owed, free = owed - free, D(0)
        cover = max(pile.shares if is_call else -pile.shares, D(0))
        left += max(owed - cover, D(0))
    return left


@given(piles, st.lists(st.lists(piles, min_size=1, max_size=2), max_size=3))
@settings(max_examples=300)
def test_no_choice_of_fills_leaves_more_uncovered(held, orders):
    worst = D(0)
    for ways in itertools.product(*([None, *order] for order in orders)):
        pile = held
        for way in ways:
            pile = pile if way is None else pile.plus(way)
        worst = max(worst, short_of_cover(pile))
    found = uncovered(held, orders)
    assert found >= worst


@given(piles)
@settings(max_examples=300)
def test_what_is_held_is_counted_exactly(held):
    assert uncovered(held, ()) == short_of_cover(held)


def paid(pile: Pile, prices: dict[dt.date, Decimal]) -> Decimal:
    """What a pile pays when each option is held to its end; shares end at the last price."""
    value = D(0)
    for one in pile.lines:
        at = prices[one.expiry]
        value += one.units * max(at - one.strike if one.is_call else one.strike - at, D(0))
    low, high = pile.spot * (1 - pile.gap), pile.spot * (1 + pile.gap)
    end = prices[LAST]
    return value + pile.shares * (max(end, low) if pile.shares > 0 else min(end, high))


@given(piles, st.lists(st.sampled_from([0, 80, 95, 100, 105, 120, 200]), min_size=3, max_size=3))
@settings(max_examples=500)
def test_no_path_loses_more_than_the_worst(pile, path):
    """Longs are kept to their end here, which a holder need not do: with calendars the holder
    may do better, so only piles of which no long outlives a short are compared."""
    shorts = {one.expiry for one in pile.lines if one.units < 0}
    longs = {one.expiry for one in pile.lines if one.units > 0}
    if shorts and longs and len(shorts | longs) > 1:
        return
    if pile.shares and shorts and len(shorts) > 1:
        return
    worst = worst_loss(pile)
    prices = dict(zip(DAYS, map(D, path), strict=True))
    if pile.shares and shorts:
        prices[LAST] = prices[min(shorts)]
    if worst is not None:
        assert -paid(pile, prices) <= worst


def call(strike: int, units: int, day: dt.date = LAST) -> Line:
    return Line(True, D(strike), day, D(units))


def put(strike: int, units: int, day: dt.date = LAST) -> Line:
    return Line(False, D(strike), day, D(units))


@pytest.mark.parametrize(
    ("lines", "shares", "cost", "loss"),
    [
        ([call(100, 100)], 0, 250, 250),
        ([call(100, -100)], 0, -250, None),
        ([put(100, -100)], 0, -250, 9_750),
        ([call(100, -100), call(110, 100)], 0, -300, 700),
        ([call(100, 100), call(110, -100)], 0, 300, 300),
        ([put(90, 100), put(100, -100), call(110, -100), call(120, 100)], 0, -400, 600),
        # Two verticals of two expiries may both lose: the price may go both ways.
        (
            [put(100, -100, NEAR), put(90, 100, NEAR), call(100, -100), call(110, 100)],
            0,
            -500,
            1_500,
        ),
        # A calendar loses what it costs; turned round it has no cover.
        ([call(100, -100, NEAR), call(100, 100)], 0, 200, 200),
        ([call(100, 100, NEAR), call(100, -100)], 0, -200, None),
        # One long option covers one short one, not one at each expiry.
        ([call(100, -100, NEAR), call(100, -100), call(100, 100)], 0, 0, None),
        # What protects most stays at its own expiry, the other one is lent to the short before.
        (
            [call(105, -100), call(90, 100), call(110, 100), call(100, -100, NEAR)],
            0,
            0,
            1_000,
        ),
        (
            [put(95, -100), put(110, 100), put(90, 100), put(100, -100, NEAR)],
            0,
            0,
            1_000,
        ),
        # A short that its own expiry covers borrows nothing of what lives on.
        ([call(100, -100, NEAR), call(110, 100, NEAR), call(105, 100)], 0, 0, 1_000),
        ([], 100, 10_000, 2_000),
        ([], -100, -10_000, 2_000),
        ([call(110, -100)], 100, 9_700, 1_700),
        ([call(110, -200)], 100, 9_400, None),
        ([put(90, -100)], -100, -10_300, 1_700),
    ],
)
def test_the_most_that_known_structures_lose(lines, shares, cost, loss):
    pile = Pile(tuple(lines), D(shares), D(100), D("0.2"), D(cost))
    assert worst_loss(pile) == (None if loss is None else D(loss))


def test_a_single_unit_stands_over_cash_too():
    pile = Pile((put(100, -1), put(90, -1), put(80, 1), call(120, -1)))
    assert over_cash(pile, ()) == 100
    assert worst_loss(Pile((call(100, -1),))) is None
