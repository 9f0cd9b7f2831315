"""How many units: the rule, then the class's cap, rounded down, with the reason that decided."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.account_classes import account_class
from tools_app.decisions import Risked
from trading.strategies.config import SizingRules
from trading.strategies.sizers import ClassSizer, true_range

UNIT = Risked(loss=250.0, win=250.0, delta=20.0, range=5.0)


def size(equity=100_000.0, unit=UNIT, **rules):
    return ClassSizer(SizingRules(**rules)).size(equity, unit)


def test_a_share_of_equity_over_the_loss_rounded_down():
    assert size(share=0.01).units == 4
    assert size(share=0.01, unit=Risked(251.0, None, 20.0)).units == 3
    assert "1.00% of $100,000.00" in size(share=0.01).reasons[0]


def test_the_class_and_the_strategy_cap_whatever_the_rule_says():
    assert size(share=0.05, most=100).units == 8  # 2 % of a medium account
    assert "medium account" in size(share=0.05, most=100).reasons[0]
    assert size(share=0.05, most=3).units == 3


def test_one_unit_that_is_too_large_is_none_and_says_why():
    found = size(equity=2_000.0, share=0.01)
    assert found.units == 0
    assert "is 0" in found.reasons[0]


def test_no_more_than_the_market_has_room_for():
    found = size(share=0.02, unit=Risked(250.0, 250.0, 20.0, room=2))
    assert found.units == 2
    assert "room for 2" in found.reasons[0]
    assert size(unit=Risked(250.0, 250.0, 20.0, room=0)).units == 0


def test_a_range_of_the_underlying_loses_the_share():
    assert size(kind="volatility", share=0.005, ranges=1.0).units == 5  # $500 over 5 x 20
    assert size(kind="volatility", unit=Risked(250.0, 250.0, 20.0)).units == 0
    assert size(kind="volatility", unit=Risked(250.0, 250.0, 0.0, 5.0)).units == 0


def test_kelly_bets_nothing_without_an_edge_or_a_bound():
    assert size(kind="kelly", share=0.25, chance=0.5).units == 0
    assert "no edge" in size(kind="kelly", share=0.25, chance=0.5).reasons[0]
    assert size(kind="kelly", share=0.25, chance=0.55).units == 8  # the class's 2 % bind
    assert size(kind="kelly", unit=Risked(250.0, None, 20.0)).units == 0


@given(
    st.floats(0.0, 5e6), st.floats(1.0, 1e5), st.floats(1.0, 1e5), st.floats(0.0001, 0.05),
    st.sampled_from(["fixed", "volatility", "kelly"]), st.floats(0.0, 1.0),
)  # fmt: skip
def test_no_size_can_lose_more_than_the_class_allows(equity, loss, win, share, kind, chance):
    found = size(equity, Risked(loss, win, 30.0, 4.0), kind=kind, share=share, chance=chance)
    assert found.units * loss <= equity * account_class(equity).risk * (1 + 1e-9)
    assert found.units <= 10
    assert found.reasons


def test_the_true_range_counts_gaps_and_needs_its_sessions():
    close = np.full(15, 100.0)
    assert true_range(close + 1.0, close - 1.0, close) == pytest.approx(2.0)
    gapped = np.where(np.arange(15) % 2 == 0, 100.0, 110.0)
    assert true_range(gapped + 1.0, gapped - 1.0, gapped) == pytest.approx(11.0)
    assert true_range(close[1:], close[1:], close[1:]) is None
    close[-3] = np.nan
    assert true_range(close, close, close) is None
