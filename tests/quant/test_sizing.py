"""Sizes never risk more than was asked, grow with what allows more, and follow the table."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant import sizing
from quant.account_classes import CLASSES, Structure, account_class

dollars = st.floats(0.0, 1e9)
amounts = st.floats(0.01, 1e5)
shares = st.floats(0.0, 1.0)
TINY = 1.0 + 2e-9


@given(dollars, amounts)
def test_contracts_never_lose_more_than_asked_and_one_more_would(risk, loss):
    found = sizing.contracts(risk, loss)
    assert isinstance(found, int)
    assert 0 <= found * loss <= risk * TINY
    assert (found + 1) * loss > risk


def test_rounding_of_binary_fractions_costs_no_contract():
    assert sizing.contracts(0.3, 0.1) == 3
    assert sizing.contracts(2.0 - 1e-6, 1.0) == 1
    assert sizing.contracts(99.99, 100.0) == 0


@given(dollars, shares, amounts, st.sampled_from([1.0, 10.0, 100.0]))
def test_fixed_risk_is_within_its_share(equity, share, stop, multiplier):
    found = sizing.fixed_risk(equity, share, stop, multiplier)
    assert found * stop * multiplier <= equity * share * TINY
    if stop * multiplier > equity * share * TINY:
        assert found == 0


@given(dollars, dollars, shares, shares, amounts, amounts)
def test_fixed_risk_is_monotone(e1, e2, s1, s2, d1, d2):
    assert sizing.fixed_risk(min(e1, e2), s1, d1) <= sizing.fixed_risk(max(e1, e2), s1, d1)
    assert sizing.fixed_risk(e1, min(s1, s2), d1) <= sizing.fixed_risk(e1, max(s1, s2), d1)
    assert sizing.fixed_risk(e1, s1, max(d1, d2)) <= sizing.fixed_risk(e1, s1, min(d1, d2))


def test_fixed_risk_by_hand():
    """2 % of 50,000 is 1,000; a stop 1.50 away loses 150 a contract: 6."""
    assert sizing.fixed_risk(50_000.0, 0.02, 1.5) == 6
    assert sizing.fixed_risk(-5.0, 0.02, 1.5) == 0
    # A vertical of 5 for a credit of 1.50 can lose 350: two would lose 700.
    assert sizing.fixed_risk(50_000.0, 0.01, 3.5) == 1


@given(st.floats(100.0, 1e6), st.floats(0.1, 100.0), st.floats(0.05, 1.0), st.booleans())
def test_one_range_against_the_position_is_the_risk_in_dollars(risk, atr, delta, short):
    found = sizing.volatility_target(risk, atr, delta=-delta if short else delta)
    each = atr * delta * 100.0
    assert found * each <= risk * TINY
    assert risk - found * each < each * TINY


def test_volatility_target_by_hand():
    """ATR 4, delta 0.5: a range costs 200 a contract; two ranges cost 400."""
    assert sizing.volatility_target(1_000.0, 4.0, delta=0.5) == 5
    assert sizing.volatility_target(1_000.0, 4.0, delta=-0.5, stops=2.0) == 2
    assert sizing.volatility_target(1_000.0, 4.0, multiplier=1.0) == 250


@given(amounts, amounts, st.floats(0.1, 100.0), st.floats(0.1, 100.0))
def test_volatility_target_is_monotone(r1, r2, a1, a2):
    assert sizing.volatility_target(min(r1, r2), a1) <= sizing.volatility_target(max(r1, r2), a1)
    assert sizing.volatility_target(r1, max(a1, a2)) <= sizing.volatility_target(r1, min(a1, a2))


def test_the_full_kelly_share_maximises_growth():
    chance, win, loss = 0.6, 150.0, 100.0
    full = sizing.kelly_fraction(chance, win, loss)
    assert full == pytest.approx(0.6 - 0.4 * 100.0 / 150.0)
    f = np.linspace(0.0, 0.9, 901)
    growth = chance * np.log1p(f * win / loss) + (1.0 - chance) * np.log1p(-f)
    assert f[growth.argmax()] == pytest.approx(full, abs=1e-3)
    assert sizing.kelly_fraction(0.4, 100.0, 100.0) == 0.0
    assert sizing.kelly_fraction(1.0, 1.0, 100.0) == 1.0


@given(dollars, shares, amounts, amounts, st.none() | shares)
def test_kelly_stays_within_every_cap(equity, chance, win, loss, share):
    found = sizing.kelly(equity, chance, win, loss, share=share)
    kind = account_class(equity)
    full = sizing.kelly_fraction(chance, win, loss)
    allowed = equity * min(full * min(kind.kelly, 1.0 if share is None else share), kind.risk)
    assert found.at_risk == found.contracts * loss
    assert found.at_risk <= allowed * TINY
    if full == 0.0:
        assert found == (0, 0.0, "edge")


@given(st.floats(100.0, 1e7), shares, shares, amounts, amounts, amounts)
def test_kelly_is_monotone_in_the_edge_and_the_share(equity, c1, c2, w1, w2, loss):
    def count(chance, win, share=None):
        return sizing.kelly(equity, chance, win, loss, share=share).contracts

    assert count(min(c1, c2), w1) <= count(max(c1, c2), w1)
    assert count(c1, min(w1, w2)) <= count(c1, max(w1, w2))
    assert count(c1, w1, min(c1, c2)) <= count(c1, w1, max(c1, c2))


def test_kelly_by_hand():
    """Edge of a third; medium: a quarter of it is 8.3 %, above the 2 % a trade may lose."""
    found = sizing.kelly(100_000.0, 0.6, 150.0, 100.0)
    assert (found.contracts, found.bound) == (20, "risk")
    # A twentieth of it is 1.67 %: 1,666 dollars.
    found = sizing.kelly(100_000.0, 0.6, 150.0, 100.0, share=0.05)
    assert (found.contracts, found.bound) == (16, "kelly")
    # More than the class's share is not to be had.
    assert sizing.kelly(100_000.0, 0.51, 100.0, 100.0, share=1.0).contracts == 5
    assert sizing.kelly(1_000.0, 0.6, 150.0, 100.0).contracts == 0


@pytest.mark.parametrize(
    ("equity", "name"),
    [
        (-10.0, "micro"), (0.0, "micro"), (2_499.99, "micro"), (2_500.0, "small"),
        (24_999.99, "small"), (25_000.0, "medium"), (249_999.99, "medium"), (250_000.0, "large"),
        (2_499_999.99, "large"), (2_500_000.0, "institutional"), (1e12, "institutional"),
    ],
)  # fmt: skip
def test_the_class_of_an_account(equity, name):
    assert account_class(equity).name == name


def test_a_larger_account_may_do_no_less_and_risks_a_smaller_part():
    for less, more in pairwise(CLASSES):
        assert less.below < more.below
        assert less.structures <= more.structures
        assert more.symbols is None or less.symbols <= more.symbols
        assert less.kelly < more.kelly <= 0.5
        assert less.trades_a_day < more.trades_a_day
        assert less.seconds_between > more.seconds_between
        assert less.risk > more.risk
        assert less.daily_loss > more.daily_loss
    assert all(kind.risk <= kind.daily_loss <= 0.10 for kind in CLASSES)
    assert CLASSES[-1].structures == frozenset(Structure)
    assert CLASSES[0].allows_symbol("SPY")
    assert not CLASSES[0].allows_symbol("GME")
    assert CLASSES[2].allows_symbol("GME")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("risk", lambda: sizing.contracts(-1.0, 1.0)),
        ("loss", lambda: sizing.contracts(1.0, 0.0)),
        ("loss", lambda: sizing.contracts(1e300, 1e-300)),
        ("equity", lambda: sizing.fixed_risk(math.nan, 0.1, 1.0)),
        ("share", lambda: sizing.fixed_risk(1.0, 1.1, 1.0)),
        ("stop", lambda: sizing.fixed_risk(1.0, 0.1, 0.0)),
        ("multiplier", lambda: sizing.fixed_risk(1.0, 0.1, 1.0, 0.0)),
        ("atr", lambda: sizing.volatility_target(1.0, 0.0)),
        ("stops", lambda: sizing.volatility_target(1.0, 1.0, stops=0.0)),
        ("delta", lambda: sizing.volatility_target(1.0, 1.0, delta=0.0)),
        ("chance", lambda: sizing.kelly_fraction(1.5, 1.0, 1.0)),
        ("win", lambda: sizing.kelly_fraction(0.5, 0.0, 1.0)),
        ("share", lambda: sizing.kelly(1e4, 0.5, 1.0, 1.0, share=-0.1)),
        ("equity", lambda: account_class(math.inf)),
    ],
)
def test_an_argument_that_is_not_valid_is_named(name, call):
    with pytest.raises(ValueError, match=name):
        call()
