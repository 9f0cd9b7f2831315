"""Regimes: what they are called, on what they rest, and that they see no future."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools_app.optimize.regimes import WINDOW, Regime, carried, rows_in, trend


def walk(rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(1e-3 * rng.standard_normal(rows)))
    close[rng.random(rows) < 0.05] = np.nan
    return close


@pytest.mark.parametrize(
    ("drift", "regime"), [(1e-3, Regime.BULL), (-1e-3, Regime.BEAR), (0.0, Regime.SIDEWAYS)]
)
def test_a_plain_trend_has_its_name(drift, regime):
    close = 100.0 * np.exp(drift * np.arange(300.0))
    assert rows_in(regime, close)[WINDOW:].all()
    for other in set(Regime) - {regime}:
        assert not rows_in(other, close).any()


def test_the_trend_is_the_move_over_the_root_of_the_squared_steps():
    close = walk(400, 7)
    logs = np.log(carried(close))
    steps = np.diff(logs)
    found = trend(close)
    for row in (WINDOW + 20, 300, 399):
        size = np.sqrt(np.sum(steps[row - WINDOW : row] ** 2))
        assert found[row] == pytest.approx((logs[row] - logs[row - WINDOW]) / size, rel=1e-10)


def test_a_random_walk_is_in_each_about_a_third_of_the_time():
    close = 100.0 * np.exp(np.cumsum(1e-3 * np.random.default_rng(1).standard_normal(200_000)))
    for regime in Regime:
        assert rows_in(regime, close)[WINDOW:].mean() == pytest.approx(1 / 3, abs=0.03)


def test_no_regime_before_the_window_is_full():
    close = walk(WINDOW, 2)
    assert not any(rows_in(regime, close).any() for regime in Regime)


@given(seed=st.integers(0, 99), cut=st.integers(1, 399))
@settings(max_examples=50)
def test_the_future_changes_no_regime_and_a_prefix_says_the_same(seed, cut):
    close = walk(400, seed)
    changed = close.copy()
    changed[cut:] = walk(400, seed + 1000)[cut:] * 3.0
    for regime in Regime:
        whole = rows_in(regime, close)
        np.testing.assert_array_equal(whole[:cut], rows_in(regime, changed)[:cut])
        np.testing.assert_array_equal(whole[:cut], rows_in(regime, close[:cut]))


@given(seed=st.integers(0, 99))
@settings(max_examples=20)
def test_every_row_with_a_trend_is_in_exactly_one(seed):
    close = walk(400, seed)
    named = sum(rows_in(regime, close).astype(int) for regime in Regime)
    np.testing.assert_array_equal(named == 1, np.isfinite(trend(close)))
