"""Legs by delta and expiry: what is bought and sold, what it can lose, and why nothing fits."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant import bsm
from quant.chain import Chain
from tools_app.decisions import Reading
from trading.strategies import course
from trading.strategies.config import StructureRules
from trading.strategies.structures import DAY_NS, Chosen, Refused, choose, limit_at, sides

SPOT, VOL = 500.0, 0.2
STRIKES = np.arange(470.0, 531.0, 1.0)
VERTICAL = StructureRules(kind="debit_vertical")


def chain(*, half=0.01, days=(1.0, 3.0, 10.0), strikes=STRIKES, spot=SPOT):
    time = 1_767_625_200 * 10**9
    expiry = np.repeat([time + round(day * DAY_NS) for day in days], 2 * strikes.size)
    strike = np.tile(np.repeat(strikes, 2), len(days))
    is_call = np.tile([True, False], strikes.size * len(days))
    years = (expiry - time) / (365 * DAY_NS)
    price = np.asarray(bsm.price(spot, strike, years, 0.04, 0.0, VOL, is_call))
    bids = np.round(np.maximum(price - half, 0.0), 2)
    size = np.full(strike.size, 50.0)
    return Chain(
        time=time, spot=spot, strikes=strike, expiries=expiry, is_call=is_call, bids=bids,
        asks=np.round(bids + 2 * half, 2), bid_sizes=size, ask_sizes=size,
        open_interest=1e4 + 0 * size, volume=size, multiplier=100.0 + 0 * size, r=0.04,
    )  # fmt: skip


def legs(found):
    return [(leg.ratio, leg.is_call) for leg in found.legs]


def test_a_long_reading_buys_the_call_spread_at_the_deltas_asked_for():
    found = choose(chain(), Reading.LONG, VERTICAL)
    assert isinstance(found, Chosen)
    assert legs(found) == [(1, True), (-1, True)]
    near, far = found.legs
    assert near.delta == pytest.approx(0.5, abs=0.06)
    assert far.delta == pytest.approx(0.3, abs=0.06)
    assert near.strike < far.strike
    assert (found.expiry - chain().time) / DAY_NS == pytest.approx(1.0)
    assert found.unit.loss == pytest.approx(100 * float(found.limit))
    assert found.unit.win == pytest.approx(100 * (far.strike - near.strike - float(found.limit)))


@pytest.mark.parametrize(
    ("kind", "reading", "expected"),
    [
        ("debit_vertical", Reading.SHORT, [(1, False), (-1, False)]),
        ("credit_vertical", Reading.LONG, [(-1, False), (1, False)]),
        ("credit_vertical", Reading.SHORT, [(-1, True), (1, True)]),
        ("long_option", Reading.LONG, [(1, True)]),
        ("long_option", Reading.SHORT, [(1, False)]),
    ],
)
def test_each_structure_takes_the_side_that_is_read(kind, reading, expected):
    found = choose(chain(), reading, StructureRules(kind=kind))
    assert legs(found) == expected
    assert (found.limit < 0) == (kind == "credit_vertical")
    assert np.sign(found.unit.delta) == (1 if reading is Reading.LONG else -1)


def test_a_credit_loses_the_width_less_what_came_in():
    found = choose(chain(), Reading.LONG, StructureRules(kind="credit_vertical"))
    width = found.legs[0].strike - found.legs[1].strike
    assert found.unit.win == pytest.approx(-100 * float(found.limit))
    assert found.unit.loss == pytest.approx(100 * width - found.unit.win)


@pytest.mark.parametrize("reading", [Reading.LONG_VOLATILITY, Reading.WARNING])
def test_a_reading_without_a_side_is_not_traded(reading):
    found = choose(chain(), reading, VERTICAL)
    assert isinstance(found, Refused)
    assert "takes a side" in found.reasons[0]


def test_why_nothing_fits_is_said():
    far_out = replace(VERTICAL, days=5.0, least_days=4.0, most_days=6.0)
    assert "No expiry is 4 to 6 days away" in choose(chain(), Reading.LONG, far_out).reasons[0]
    sparse = chain(strikes=np.array([400.0, 600.0]))
    assert "near 0.50" in choose(sparse, Reading.LONG, VERTICAL).reasons[0]
    wide = choose(chain(half=0.6), Reading.LONG, VERTICAL)
    assert "too wide" in wide.reasons[0]
    unquoted = chain()
    unquoted = replace(unquoted, bids=np.full(len(unquoted), np.nan))
    assert isinstance(choose(unquoted, Reading.LONG, VERTICAL), Refused)


def test_a_leg_that_nobody_holds_is_passed_over_and_the_rest_sets_the_room():
    whole = chain()
    best = choose(whole, Reading.LONG, VERTICAL)
    interest = whole.open_interest.copy()
    interest[best.legs[0].place] = 20.0
    found = choose(replace(whole, open_interest=interest), Reading.LONG, VERTICAL)
    assert found.legs[0].place != best.legs[0].place
    assert best.unit.room == 50  # displayed
    interest[:] = 120.0
    assert choose(replace(whole, open_interest=interest), Reading.LONG, VERTICAL).unit.room == 6
    unknown = replace(whole, open_interest=np.full(len(whole), np.nan))
    assert isinstance(choose(unknown, Reading.LONG, VERTICAL), Chosen)


def test_the_expiry_nearest_to_the_days_asked_for_is_taken():
    found = choose(chain(), Reading.LONG, replace(VERTICAL, days=2.4))
    assert (found.expiry - chain().time) / DAY_NS == pytest.approx(3.0)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["debit_vertical", "credit_vertical", "long_option"]),
    st.sampled_from([Reading.LONG, Reading.SHORT]),
    st.floats(0.2, 0.7), st.floats(0.05, 0.15), st.floats(0.005, 0.3), st.floats(480.0, 520.0),
)  # fmt: skip
def test_the_loss_is_bounded_at_every_price_of_the_underlying(kind, reading, near, gap, half, spot):
    rules = StructureRules(kind=kind, near=near, far=near - gap)
    found = choose(chain(half=half, spot=spot), reading, rules)
    if isinstance(found, Refused):
        assert found.reasons[0].endswith(".")
        return
    at = np.linspace(1.0, 1_500.0, 3_000)
    worth = sum(
        leg.ratio * np.maximum(at - leg.strike if leg.is_call else leg.strike - at, 0.0)
        for leg in found.legs
    )
    result = 100 * (worth - float(found.limit))
    assert result.min() >= -found.unit.loss - 1e-6
    if found.unit.win is not None:
        assert result.max() <= found.unit.win + 1e-6
    assert found.natural >= found.mid


def test_a_limit_goes_to_the_far_side_and_no_farther_than_the_collar():
    assert limit_at(1.00, 1.05, 2) == Decimal("1.05")
    assert limit_at(1.00, 1.50, 2) == Decimal("1.10")
    assert limit_at(0.10, 0.50, 2) == Decimal("0.16")
    assert limit_at(-1.00, -0.95, 2) == Decimal("-0.95")


def test_a_package_without_a_quote_has_no_price():
    assert all(np.isnan(sides([(1, 1.0, 1.1), (-1, np.nan, 1.0)])))
    assert all(np.isnan(sides([(1, 1.2, 1.1)])))


def test_what_is_held_is_left_at_what_others_pay():
    assert course.exit_limit([(-1, 1.20, 1.24)]) == Decimal("1.20")
    assert course.exit_limit([(-1, 0.0, 0.05)]) == Decimal("0.01")
    assert course.exit_limit([(-1, 2.00, 2.02), (1, 1.00, 1.02)]) == Decimal("-0.98")
    assert course.exit_limit([(-1, np.nan, 2.02)]) is None


def test_a_result_is_a_share_of_what_can_be_lost():
    held = [(1, 2.00, 2.02), (-1, 1.00, 1.02)]
    assert course.result(0.50, 0.50, held) == pytest.approx(1.0)
    assert course.result(1.50, 1.50, held) == pytest.approx(-1 / 3)
    assert course.result(-1.00, 4.00, [(-1, 0.58, 0.62), (1, 0.18, 0.22)]) == pytest.approx(0.15)
    assert course.result(1.0, 1.0, [(1, np.nan, 1.0)]) is None
