"""Track records: the published values of the Sharpe ratio's statistics, and plain curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quant import performance
from quant.performance import (
    deflated_sharpe,
    expected_maximum,
    minimum_backtest,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe,
)


def test_deflated_ratio_of_bailey_and_lopez_de_prado():
    """2014: 2.5 a year over 1,250 days, 100 trials of variance 1/2, skewness -3, kurtosis 10."""
    daily, variance = 2.5 / np.sqrt(250), 0.5 / 250
    assert np.sqrt(variance) * expected_maximum(100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(daily, 1250, -3, 10, 100, variance) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(daily, 1250, -3, 10, 46, variance) == pytest.approx(0.9505, abs=5e-5)
    assert deflated_sharpe(daily, 1250, 0, 3, 88, variance) == pytest.approx(0.9505, abs=5e-5)


def test_probabilistic_ratio_of_bailey_and_lopez_de_prado():
    """2012: a monthly ratio of 0.458 over two years, normal and as hedge funds are."""
    assert probabilistic_sharpe(0.458, 24) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(
    ("periods", "skewness", "kurtosis", "years"),
    [(250, 0, 3, 2.73), (52, 0, 3, 2.83), (12, 0, 3, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_minimum_track_record_of_bailey_and_lopez_de_prado(periods, skewness, kurtosis, years):
    """2012: a ratio of 2 a year against 1, at 95 %."""
    root = np.sqrt(periods)
    found = minimum_track_record(2 / root, 1 / root, 0.95, skewness, kurtosis)
    assert found / periods == pytest.approx(years, abs=5e-3)


def test_minimum_backtest_and_expected_maxima():
    assert minimum_backtest(45) == pytest.approx(5.0, abs=0.05)
    for trials, value in ((10, 1.5746), (100, 2.5306), (1000, 3.2551), (1, 0.0)):
        assert expected_maximum(trials) == pytest.approx(value, abs=5e-5)
    assert minimum_track_record(0.1, 0.1) == np.inf


def test_the_ratios_error_is_that_of_repeated_samples():
    """4,000 records of 250 skewed returns: the stated error is the spread of the ratios."""
    rng = np.random.default_rng(1)
    draws = 0.1 - (rng.gamma(4.0, 0.5, (4000, 250)) - 2.0)
    found = [sharpe(row) for row in draws]
    ratios = np.array([one.ratio for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(ratios.std(), rel=0.05)
    low, high = zip(*[one.interval() for one in found], strict=True)
    true = 0.1 / 1.0
    assert np.mean((np.array(low) < true) & (true < np.array(high))) == pytest.approx(
        0.95, abs=0.015
    )
    year = found[0].annual(252)
    assert year.ratio / year.error == pytest.approx(found[0].ratio / found[0].error)
    assert found[0].observations == 250


def test_a_record_that_says_nothing_has_no_ratio():
    for empty in ([], [0.01], [0.01, 0.01, 0.01], [np.nan, 0.01]):
        assert np.isnan(sharpe(empty).ratio)
    assert np.isnan(performance.sortino([]))
    assert performance.sortino([0.01, 0.02]) == np.inf
    assert np.isnan(performance.sortino([0.0, 0.0]))


def test_sortino_and_calmar_by_hand():
    assert performance.sortino([0.02, -0.01, 0.03, -0.02]) == pytest.approx(
        0.005 / np.sqrt((0.01**2 + 0.02**2) / 4)
    )
    curve = [100.0, 110.0, 99.0, 121.0]
    assert performance.calmar(curve, 3) == pytest.approx(0.21 / 0.1)
    assert performance.calmar([1.0, 2.0], 1) == np.inf
    assert np.isnan(performance.calmar([1.0, 1.0], 1))


def test_drawdown_by_hand():
    found = performance.drawdown([100, 120, 90, 100, 125, 124, 126])
    assert (found.peak, found.trough, found.recovered, found.longest) == (1, 2, 4, 2)
    assert found.depth == pytest.approx(0.25)
    still = performance.drawdown([100, 90, 80])
    assert (still.peak, still.trough, still.recovered, still.longest) == (0, 2, None, 2)
    rising = performance.drawdown([1, 2, 3])
    assert (rising.depth, rising.recovered, rising.longest) == (0.0, None, 0)
    for bad in ([], [1.0, 0.0], [1.0, np.nan]):
        with pytest.raises(ValueError, match="equity"):
            performance.drawdown(bad)


@settings(max_examples=100)
@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=60))
def test_drawdown_is_the_worst_pair(steps):
    curve = np.cumprod(steps)
    worst = max(1 - curve[j] / curve[i] for i in range(len(curve)) for j in range(i, len(curve)))
    found = performance.drawdown(curve)
    assert found.depth == pytest.approx(worst, abs=1e-12)
    assert 1 - curve[found.trough] / curve[found.peak] == pytest.approx(found.depth, abs=1e-12)


def test_a_wilson_interval_is_that_of_scipy():
    for hits, tries in ((8, 20), (0, 10), (10, 10), (1, 3)):
        low, high = stats.binomtest(hits, tries).proportion_ci(method="wilson")
        assert performance.wilson(hits, tries) == pytest.approx((low, high), abs=1e-12)
    assert performance.wilson(0, 0) == (0.0, 1.0)
