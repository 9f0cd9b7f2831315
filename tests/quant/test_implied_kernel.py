"""Many implied volatilities at once: exact on the hard grid, and what the reference says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant import bsm
from quant import implied_vol as module
from quant.implied_vol import implied_vol, reference
from quant.status import Status
from tests.quant.test_kernels import wide_book

MINUTE = 1 / 525_600
EXPIRIES = (MINUTE, 10 * MINUTE, 60 * MINUTE, 1 / 365, 30 / 365, 1.0, 2.0)


def hard_grid():
    """Twelve standard deviations either side, a minute to two years, 5 % to 300 %."""
    far = np.concatenate([np.linspace(-12, 12, 121), [1e-3, 1e-6, 0.0]])
    h, years, vol = (
        axis.ravel()
        for axis in np.meshgrid(far, EXPIRIES, np.geomspace(0.05, 3.0, 30), indexing="ij")
    )
    strikes = 100.0 * np.exp(-h * vol * np.sqrt(years))
    return strikes, years, vol, strikes >= 100.0


def test_the_hard_grid_comes_back_without_a_failure():
    strikes, years, vol, is_call = hard_grid()
    price = bsm.price(100.0, strikes, years, 0.0, 0.0, vol, is_call)
    found = implied_vol(price, 100.0, strikes, years, 0.0, 0.0, is_call)
    assert (found.status == Status.OK).all()
    assert np.abs(found.iv / vol - 1).max() < 1e-13


def test_what_the_kernel_leaves_alone_is_rare(monkeypatch):
    """On the hard grid and on ordinary chains the reference is hardly asked."""
    asked: list[int] = []
    real = module.reference
    monkeypatch.setattr(
        module, "reference", lambda *columns: (asked.append(columns[0].size), real(*columns))[1]
    )
    strikes, years, vol, is_call = hard_grid()
    price = bsm.price(100.0, strikes, years, 0.02, 0.01, vol, is_call)
    implied_vol(price, 100.0, strikes, years, 0.02, 0.01, is_call)
    assert sum(asked) < 0.001 * price.size


@pytest.mark.parametrize("seed", range(3))
def test_any_price_gets_the_volatility_and_status_of_the_reference(seed):
    S, K, T, r, q, sigma, is_call = wide_book(20_000, seed)
    rng = np.random.default_rng(seed)
    price = bsm.price(S, K, T, r, q, sigma, is_call)
    price *= rng.choice([1.0, 1.0, 0.999, 1.001, 0.0, 1e9, -1.0, np.nan, np.inf], price.size)
    T = np.where(rng.random(T.size) < 0.05, rng.choice([0.0, -1.0, np.nan], T.size), T)
    S = np.where(rng.random(S.size) < 0.05, rng.choice([0.0, -1.0, np.nan, 1e300], S.size), S)
    got, truth = (f(price, S, K, T, r, q, is_call) for f in (implied_vol, reference))
    with np.errstate(all="ignore"):
        side = np.where(is_call, 1.0, -1.0)
        paid, owed = S * np.exp(-q * T), K * np.exp(-r * T)
        value = price - np.maximum(side * (paid - owed), 0.0)
        room = np.where(is_call, paid, owed) - price
        rounding = np.finfo(float).eps * (np.abs(price) + paid + owed)
        # A price within rounding of a bound may fall on either side of it.
        clear = ~((np.abs(value) < 8 * rounding) | (np.abs(room) < 8 * rounding))
        lost = 64 * rounding / np.minimum(np.abs(value), np.abs(room))
    assert np.array_equal(got.status[clear], truth.status[clear])
    assert set(np.unique(got.status)) >= {0, 1, 5, 6, 7}
    known = (truth.status == Status.OK) & clear
    assert np.array_equal(np.isnan(got.iv), got.status != Status.OK)
    gap = np.abs(got.iv / truth.iv - 1)[known]
    assert (gap <= 1e-12 + lost[known]).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 400), st.integers(1, 4), st.integers(0, 5_000))
def test_neighbors_and_threads_do_not_change_a_bit(count, threads, begin):
    S, K, T, r, q, sigma, is_call = wide_book(6_000, seed=3)
    price = bsm.price(S, K, T, r, q, sigma, is_call)
    columns = (price, S, K, T, r, q, is_call)
    whole = implied_vol(*columns, threads=1)
    cut = slice(begin, begin + count)
    part = implied_vol(*(column[cut] for column in columns), threads=threads)
    assert part.iv.tobytes() == whole.iv[cut].tobytes()
    assert np.array_equal(part.status, whole.status[cut])


def test_shapes_broadcast_and_may_be_empty():
    strikes = np.array([[90.0, 100.0, 110.0]])
    years = np.array([[0.1], [1.0]])
    price = bsm.price(100.0, strikes, years, 0.03, 0.0, 0.25, True)
    found = implied_vol(price, 100.0, strikes, years, 0.03, 0.0, True)
    assert found.iv.shape == found.status.shape == (2, 3)
    np.testing.assert_allclose(found.iv, 0.25, rtol=1e-13)
    assert implied_vol(np.empty(0), 100.0, 100.0, 1.0, 0.0, 0.0, True).iv.shape == (0,)
