"""Scores and tests of forecasts: exact values, and the rates at which they reject."""

import numpy as np
import pytest
from scipy import stats

from quant import forecasts


def test_crps_of_a_normal_forecast_has_its_exact_values():
    assert forecasts.crps_normal(0.0, 0.0, 1.0) == pytest.approx(0.2336950, abs=5e-8)
    assert forecasts.crps_normal(1.0, 0.0, 1.0) == pytest.approx(0.6024414, abs=5e-8)
    assert forecasts.crps_normal(5.0, 3.0, 2.0) == pytest.approx(2 * 0.6024414, abs=1e-6)


def test_crps_is_the_integral_of_the_squared_distance_to_a_step():
    x = np.linspace(-12, 12, 400_001)
    gap = (stats.norm.cdf(x, 0.3, 0.7) - (x >= 1.1)) ** 2
    assert forecasts.crps_normal(1.1, 0.3, 0.7) == pytest.approx(np.trapezoid(gap, x), abs=1e-4)


def test_pinball_is_least_at_the_quantile_and_qlike_at_the_truth():
    draws = np.random.default_rng(1).standard_normal(50_000)
    grid = np.linspace(-3, 3, 121)
    losses = [forecasts.pinball(draws, q, 0.1).mean() for q in grid]
    assert grid[np.argmin(losses)] == pytest.approx(stats.norm.ppf(0.1), abs=0.06)
    squared = draws**2
    levels = np.linspace(0.5, 2.0, 61)
    scores = [forecasts.qlike(squared, h).mean() for h in levels]
    assert levels[np.argmin(scores)] == pytest.approx(1.0, abs=0.06)
    assert forecasts.qlike(2.0, 2.0) == 0.0


def test_diebold_mariano_by_hand_with_its_small_sample_factor():
    """Ten one-step differences: mean over its error, times sqrt((n - 1)/n), t with 9 degrees."""
    gap = np.array([0.3, -0.1, 0.4, 0.2, -0.2, 0.5, 0.1, 0.0, 0.3, 0.2])
    found = forecasts.diebold_mariano(gap, np.zeros(10))
    plain = gap.mean() / np.sqrt(gap.var() / 10)
    assert found.statistic == pytest.approx(plain * np.sqrt(9 / 10), rel=1e-12)
    expected = stats.ttest_1samp(gap, 0.0)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    long = np.random.default_rng(2).standard_normal(40)
    far = forecasts.diebold_mariano(long, np.zeros(40), horizon=3)
    factor = np.sqrt((40 + 1 - 6 + 6 / 40) / 40)
    away = long - long.mean()
    spread = away @ away + 2 * (away[1:] @ away[:-1]) + 2 * (away[2:] @ away[:-2])
    assert far.statistic == pytest.approx(long.mean() / np.sqrt(spread / 1600) * factor, rel=1e-12)
    assert np.isnan(forecasts.diebold_mariano(gap, gap).statistic)


@pytest.mark.parametrize("horizon", [1, 4])
def test_equal_forecasts_are_called_unequal_as_often_as_stated(horizon):
    rng = np.random.default_rng(horizon)
    kernel = np.ones(horizon) / horizon
    rejected = 0
    for _ in range(1000):
        gap = np.convolve(rng.standard_normal(203), kernel, "valid")
        rejected += forecasts.diebold_mariano(gap, np.zeros(gap.size), horizon).p < 0.05
    assert rejected / 1000 == pytest.approx(0.05, abs=0.025)


def test_the_better_forecast_is_found_on_its_side():
    rng = np.random.default_rng(3)
    y = rng.standard_normal(500)
    good, poor = (y - 0.9 * y) ** 2, (y - 0.5 * y) ** 2
    assert forecasts.diebold_mariano(good, poor, alternative="less").p < 1e-6
    assert forecasts.diebold_mariano(poor, good, alternative="less").p > 0.999


def test_clark_west_sees_what_estimation_noise_hides():
    """The large model holds the truth but is noisy: its squared error alone is no smaller."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal(2000)
    y = 0.2 * x + rng.standard_normal(2000)
    noisy = 0.2 * x + 0.25 * rng.standard_normal(2000)
    assert forecasts.clark_west(y, np.zeros(2000), noisy).p < 0.001
    idle = 0.2 * rng.standard_normal(2000)
    assert forecasts.clark_west(y, np.zeros(2000), idle).p > 0.01


def test_an_unbiased_forecast_is_calibrated_and_a_biased_one_is_not():
    rng = np.random.default_rng(5)
    h = np.exp(0.5 * rng.standard_normal(5000))
    s = h * rng.chisquare(5, 5000) / 5
    fair = forecasts.mincer_zarnowitz(s, h)
    assert abs(fair.slope - 1.0) < 0.15
    assert fair.p > 0.01
    assert forecasts.mincer_zarnowitz(s, 1.5 * h).p < 1e-6


def test_berkowitz_rejects_wrong_width_and_dependence_only():
    rng = np.random.default_rng(6)
    p = [forecasts.berkowitz(rng.random(500)).p for _ in range(400)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.03)
    z = rng.standard_normal(500)
    assert forecasts.berkowitz(stats.norm.cdf(1.3 * z)).p < 1e-4
    chained = np.zeros(500)
    for t in range(1, 500):
        chained[t] = 0.4 * chained[t - 1] + np.sqrt(1 - 0.16) * z[t]
    assert forecasts.berkowitz(stats.norm.cdf(chained)).p < 1e-4
