"""Cover beside other open orders: what an order moves together covers together.

The oracle is a linear programme for each right and expiry: shares of each order's ways fill, at
most one whole, and what stays bare is made as large as it can be.
"""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from scipy.optimize import linprog

from tests.trading.risk.built import SHARE, given, held, leg, option, outcome
from tests.trading.risk.test_payoff import DAYS, piles, short_of_cover
from trading.risk import payoff
from trading.risk.facts import Filling, Pending
from trading.risk.payoff import Line, Pile, uncovered

D = Decimal
books = st.lists(st.lists(piles, min_size=1, max_size=2), max_size=3)


def counts(pile: Pile, is_call: bool, day) -> tuple[float, float]:
    """Short units of a right that live to a day, and the shares that would cover them."""
    short = -sum(one.units for one in pile.lines if one.is_call == is_call and one.expiry >= day)
    return float(short), float(pile.shares if is_call else -pile.shares)


def barest(held_: Pile, orders: list[list[Pile]], is_call: bool, day) -> float:
    """Maximise t with t <= short and t <= short - shares over all parts that may fill."""
    ways = [way for order in orders for way in order]
    short, cover = counts(held_, is_call, day)
    parts = [counts(way, is_call, day) for way in ways]
    rows = [[1.0, *(-a for a, _ in parts)], [1.0, *(b - a for a, b in parts)]]
    bounds = [short, short - cover]
    for number in range(len(orders)):
        of = [float(at == number) for at, order in enumerate(orders) for _ in order]
        rows.append([0.0, *of])
        bounds.append(1.0)
    free = [(None, None), *((0.0, 1.0) for _ in ways)]
    aim = np.array([-1.0, *(0.0 for _ in ways)])
    found = linprog(aim, A_ub=np.array(rows), b_ub=np.array(bounds), bounds=free)
    return max(-float(found.fun), 0.0)


def lines_live(pile_list: list[Pile], is_call: bool) -> set:
    return {one.expiry for pile in pile_list for one in pile.lines if one.is_call == is_call}


@over(piles, books)
@settings(max_examples=150)
def test_cover_is_what_a_linear_programme_says(book, orders):
    whole = [book, *itertools.chain(*orders)]
    found = sum(
        max((barest(book, orders, is_call, day) for day in lines_live(whole, is_call)), default=0)
        for is_call in (True, False)
    )
    assert float(uncovered(book, orders)) == pytest.approx(found, abs=1e-6)


def test_the_least_of_many_weights_is_found():
    """It falls and then rises with the weight; the search halves, the oracle looks at each."""
    rng = random.Random(7)
    for _ in range(300):
        orders = [
            [(D(0), D(0)), *((D(rng.randint(-9, 9)), D(rng.randint(-9, 9))) for _ in range(2))]
            for _ in range(rng.randint(1, 6))
        ]
        inner = {Fraction(rng.randint(1, 19), 20) for _ in range(rng.randint(0, 9))}
        weights = sorted({Fraction(0), Fraction(1)} | inner)
        right = min(payoff._weighted(orders, one) for one in weights)
        assert payoff._least(orders, weights) == right


def turned(pile: Pile) -> Pile:
    lines = tuple(Line(one.is_call, one.strike, one.expiry, -one.units) for one in pile.lines)
    return Pile(lines, -pile.shares, pile.spot, pile.gap)


def package(shares: int, *rows: tuple[bool, int, int]) -> Pile:
    lines = tuple(Line(call, D(strike), DAYS[0], D(units)) for call, strike, units in rows)
    return Pile(lines, D(shares), D(100), D("0.2"))


covered = st.sampled_from([
    package(0, (False, 90, 100), (False, 100, -100), (True, 100, -100), (True, 110, 100)),
    package(0, (True, 100, -100), (True, 110, 100)),
    package(0, (False, 100, -200), (False, 90, 200)),
    package(100, (True, 110, -100)),
    package(100),
    package(0, (True, 100, 100)),
])  # fmt: skip


@over(st.data())
@settings(max_examples=150)
def test_leaving_parts_of_what_is_covered_uncovers_nothing(data):
    """Orders that each leave one covered piece of a book, whatever else of it they leave."""
    pieces = data.draw(st.lists(covered, min_size=1, max_size=4))
    whole = Pile()
    for one in pieces:
        whole = whole.plus(one)
    leaving = data.draw(st.sets(st.sampled_from(range(len(pieces)))))
    orders = [[turned(pieces[at])] for at in leaving]
    assert short_of_cover(whole) == 0
    assert uncovered(whole, orders) == 0


CONDOR = ((590, False, -1), (585, False, 1), (610, True, -1), (615, True, 1))
"""As it is held."""


def condor_left(**more):
    legs = tuple(leg(option(strike, call=call), -ratio, closing=True)
                 for strike, call, ratio in CONDOR)  # fmt: skip
    held_ = tuple(held(option(strike, call=call), ratio) for strike, call, ratio in CONDOR)
    return given(legs, positions=(*held_, *more.pop("also", ())), price=D("0.02"), **more)


def other(*moves, closing: bool = False) -> Pending:
    return Pending((Filling(moves, D(0)),), D(0), closing)


@pytest.mark.parametrize(
    ("also", "orders"),
    [
        ((), ()),
        ((held(SHARE, 100),), (other(held(SHARE, -100), closing=True),)),
        ((held(SHARE, 100),), (other(held(SHARE, -50), closing=True),)),
        ((held(SHARE, 100), held(option(620), -1)),
         (other(held(SHARE, -100), held(option(620), 1), closing=True),)),
        ((held(option(600), 1),), (other(held(option(600), -1), closing=True),)),
        ((), (other(held(option(595), 1), held(option(600), -1)),)),
        ((held(option(605), -1), held(option(620), 1)),
         (other(held(option(605), 1), held(option(620), -1), closing=True),)),
    ],
)  # fmt: skip
def test_a_condor_is_left_beside_other_open_orders(also, orders):
    facts = condor_left(also=also, pending=orders)
    assert facts.picture.reducing
    assert outcome(facts, "uncovered") == "pass"
    assert facts.picture.cover.uncovered == 0


def test_a_condor_is_not_left_by_what_another_order_takes():
    """Both orders fill: the second one's shorts have no cover that the first did not take."""
    first = other(held(option(615), -1), closing=True)
    assert condor_left(pending=(first,)).picture.cover.uncovered == 100


def test_shares_and_the_call_on_them_are_left_together():
    legs = (leg(SHARE, -100, closing=True), leg(option(610), 1, closing=True))
    book = (held(SHARE, 100), held(option(610), -1))
    facts = given(legs, positions=book, price=D("-5.95"))
    assert facts.picture.reducing
    assert outcome(facts, "uncovered") == "pass"
    alone = given((leg(SHARE, -1, units=100, closing=True),), positions=book, price=D(600))
    assert outcome(alone, "uncovered") == "refuse"
