"""The payoff at the end against a slow look at every price, and the words of the figure."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading.desk.payoff import Part, payoff

D = Decimal
PARTS = st.lists(
    st.builds(
        Part,
        units=st.integers(-5, 5).filter(bool).map(lambda one: D(100 * one)),
        strike=st.one_of(st.none(), st.integers(1, 60).map(D)),
        is_call=st.booleans(),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def slow(parts, cost, price):
    worth = D(0)
    for one in parts:
        if one.strike is None:
            worth += one.units * price
        else:
            inside = price - one.strike if one.is_call else one.strike - price
            worth += one.units * max(inside, D(0))
    return worth - cost


@given(parts=PARTS, cost=st.integers(-5_000, 5_000).map(D))
def test_no_price_pays_more_or_less_than_it_says(parts, cost):
    found = payoff(parts, cost)
    prices = [D(one) / 2 for one in range(0, 1_000)]
    profits = [slow(parts, cost, price) for price in prices]
    assert found.most is None or max(profits) <= found.most
    assert found.least is None or min(profits) >= found.least
    assert found.most is None or found.most in profits
    assert found.least is None or found.least in profits
    for price, profit in zip(prices, profits, strict=True):
        if price <= found.points[-1][0]:
            assert found.at(price) == profit
    for one in found.even:
        assert abs(slow(parts, cost, one)) < D("1e-12")


def test_a_condor_has_two_ends_and_two_even_prices():
    parts = [Part(D(100), D(575), False), Part(D(-100), D(585), False), Part(D(-100), D(615)),
             Part(D(100), D(625))]  # fmt: skip
    found = payoff(parts, D(-332))
    assert (found.most, found.least) == (332, -668)
    assert found.even == (D("581.68"), D("618.32"))
    shown = found.shown(D(600))
    assert shown[0][1] == shown[-1][1] == -668
    assert D(600) in dict(shown)


def test_a_short_call_loses_without_end_and_shares_make_without_end():
    assert payoff([Part(D(-100), D(10))], D(-50)).least is None
    shares = payoff([Part(D(10))], D(1_000))
    assert (shares.most, shares.least, shares.even) == (None, -1_000, (D(100),))
