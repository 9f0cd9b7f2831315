"""A vendor's volatilities against ours: the clock, the forward and the unit are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from quant import bsm
from quant.chain import NANOSECONDS_PER_YEAR, Chain
from quant.implied_vol import chain_iv
from quant.vendor import compare, scale

DAYS = 3.0
TICK = 0.01


def quoted() -> Chain:
    """A chain of one expiry whose quotes are exact."""
    strikes = np.repeat(np.arange(80.0, 121.0, 1.0), 2)
    is_call = np.tile([True, False], strikes.size // 2)
    years = DAYS / 365.0
    vols = 0.3 - 0.4 * np.log(strikes / 100.0)
    price = bsm.price(100.0, strikes, years, 0.02, 0.0, vols, is_call)
    known = np.full(strikes.size, 100.0)
    return Chain(
        time=0, spot=100.0, strikes=strikes,
        expiries=np.full(strikes.size, round(years * NANOSECONDS_PER_YEAR)), is_call=is_call,
        bids=price * (1 - 1e-9), asks=price * (1 + 1e-9), bid_sizes=known, ask_sizes=known,
        open_interest=known, volume=known, multiplier=known, r=0.02, q=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("minutes", [30.0, -45.0, 1440.0])
def test_another_clock_is_read_off_the_volatilities(minutes):
    chain = quoted()
    ours = chain_iv(chain, TICK)
    years = chain.years()
    theirs = ours.mid * np.sqrt(years / (years + minutes / 525_600.0))
    (found,) = compare(chain, ours, theirs, TICK)
    assert found.steady
    assert found.clock_minutes == pytest.approx(minutes, rel=1e-6)
    assert found.left < 1e-9
    assert found.contracts > 10


def test_another_forward_shows_as_calls_against_puts():
    chain = quoted()
    ours = chain_iv(chain, TICK)
    theirs = ours.mid + np.where(chain.is_call, -0.01, 0.01)
    (found,) = compare(chain, ours, theirs, TICK)
    assert not found.steady
    assert (found.calls, found.puts) == (pytest.approx(0.01), pytest.approx(-0.01))


def test_equal_volatilities_differ_by_nothing():
    chain = quoted()
    ours = chain_iv(chain, TICK)
    (found,) = compare(chain, ours, ours.mid, TICK)
    assert (found.ratio, found.left, found.left_95, found.steady) == (1.0, 0.0, 0.0, False)


def test_who_has_a_volatility_alone_is_counted_and_too_few_are_no_comparison():
    chain = quoted()
    ours = chain_iv(chain, TICK)
    theirs = ours.mid.copy()
    far = np.abs(chain.strikes - 100.0) > 1.0
    theirs[far] = np.nan
    (found,) = compare(chain, ours, theirs, TICK)
    assert np.isnan(found.ratio)
    assert found.ours_only == np.isfinite(ours.mid[far]).sum()
    assert compare(chain, ours, np.full(len(chain), np.nan), TICK) == []


def test_the_unit_of_a_greek_is_its_ratio():
    ours = np.linspace(1.0, 2.0, 20)
    found = scale(ours, ours / 365.0, 0.05)
    assert (found.contracts, found.ratio) == (20, pytest.approx(1 / 365.0))
    assert found.spread < 1e-15
    assert np.isnan(scale(ours * 1e-6, ours, 0.05).ratio)
