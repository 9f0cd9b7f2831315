"""Realized volatility where the variance is known, jumps, HAR and the variance risk premium."""

import numpy as np
import pytest

from quant import realized


@pytest.fixture(scope="module")
def walk():
    """2,000 sessions of 390 one-minute steps at 1 % a session, no drift."""
    return 0.01 / np.sqrt(390) * np.random.default_rng(4).standard_normal((2000, 390))


def bars(returns, per=390):
    """Return open, high, low, close of each row, from an open of 100."""
    path = 100.0 * np.exp(np.concatenate([np.zeros((len(returns), 1)), np.cumsum(returns, 1)], 1))
    return path[:, 0], path.max(1), path.min(1), path[:, -1]


def test_every_estimator_is_right_on_average(walk):
    """Ranges of discrete steps are a little narrow: 390 steps take about 6 % off the variance."""
    o, h, low, c = bars(walk)
    truth = 1e-4
    assert realized.variance(walk).mean() == pytest.approx(truth, rel=0.01)
    assert realized.bipower(walk).mean() == pytest.approx(truth, rel=0.01)
    for value in (
        realized.parkinson(h, low),
        realized.garman_klass(o, h, low, c),
        realized.rogers_satchell(o, h, low, c),
    ):
        assert value.mean() == pytest.approx(truth, rel=0.12)
        assert value.mean() < truth
    down, up = realized.semivariances(walk)
    np.testing.assert_allclose(down + up, realized.variance(walk), rtol=1e-12)
    assert down.mean() == pytest.approx(up.mean(), rel=0.02)


def test_ranges_are_the_more_efficient(walk):
    """Parkinson's variance of variance is about a fifth of squared returns', Garman-Klass' less."""
    o, h, low, c = bars(walk)
    squared = np.log(c / o) ** 2
    efficiency = [
        squared.var() / one.var()
        for one in (realized.parkinson(h, low), realized.garman_klass(o, h, low, c))
    ]
    assert 4.0 < efficiency[0] < efficiency[1] < 10.0


def test_drift_is_no_variance_to_rogers_satchell_and_gaps_are_to_yang_zhang():
    rng = np.random.default_rng(8)
    steps = 0.01 / np.sqrt(390) * rng.standard_normal((3000, 390)) + 0.02 / 390
    o, h, low, c = bars(steps)
    assert realized.rogers_satchell(o, h, low, c).mean() == pytest.approx(1e-4, rel=0.15)
    assert realized.parkinson(h, low).mean() > 1.5e-4
    gaps = 0.005 * rng.standard_normal(3000)
    level = np.exp(np.cumsum(gaps + np.log(c / o)) - np.log(c / o))
    got = realized.yang_zhang(o * level, h * level, low * level, c * level)
    assert got == pytest.approx(1e-4 + 2.5e-5, rel=0.1)
    assert np.isnan(realized.yang_zhang(o[:2], h[:2], low[:2], c[:2]))


def test_a_jump_shows_in_the_ratio_and_not_in_bipower(walk):
    jumped = walk.copy()
    jumped[:, 200] += 0.01
    assert realized.variance(jumped).mean() == pytest.approx(2e-4, rel=0.02)
    assert realized.bipower(jumped).mean() == pytest.approx(1e-4, rel=0.15)
    found = realized.jumps(jumped)
    assert found.share.mean() == pytest.approx(0.45, abs=0.05)
    assert np.mean(found.p < 0.001) > 0.99


def test_without_jumps_the_test_rejects_as_often_as_it_says(walk):
    p = realized.jumps(walk).p
    for level in (0.01, 0.05, 0.10):
        assert np.mean(p < level) == pytest.approx(level, abs=0.02)


def test_a_still_market_has_no_figures_that_pretend():
    still = realized.jumps(np.zeros(390))
    assert np.isnan(still.z)
    assert np.isnan(realized.bipower([0.01]))
    assert np.isnan(realized.tripower_quarticity([0.01, 0.02]))
    assert realized.annual(1e-4, 252) == pytest.approx(0.15875, rel=1e-4)


def simulated_har(n, seed):
    rng = np.random.default_rng(seed)
    rv = np.full(n + 22, 1e-4)
    for t in range(22, n + 22):
        level = 1e-5 + 0.35 * rv[t - 1] + 0.35 * rv[t - 5 : t].mean() + 0.2 * rv[t - 22 : t].mean()
        rv[t] = level * np.exp(0.3 * rng.standard_normal() - 0.045)
    return rv[22:]


def test_har_finds_the_coefficients_that_made_the_series():
    fitted = realized.har(simulated_har(8000, 1))
    got = np.array([fitted.intercept, fitted.daily, fitted.weekly, fitted.monthly])
    true = np.array([1e-5, 0.35, 0.35, 0.2])
    assert np.all(np.abs(got - true) < 4.0 * fitted.errors)
    assert fitted.observations == 8000 - 22
    assert 0.3 < fitted.r_squared < 0.9
    assert fitted.forecast_error > 0.0


def test_har_forecasts_from_the_newest_sessions_and_further_ahead():
    series = simulated_har(500, 2)
    one, five = realized.har(series), realized.har(series, horizon=5)
    lags = [series[-1], series[-5:].mean(), series[-22:].mean()]
    expected = one.intercept + one.daily * lags[0] + one.weekly * lags[1] + one.monthly * lags[2]
    assert one.forecast == pytest.approx(expected, rel=1e-9)
    assert five.horizon == 5
    assert five.observations == one.observations - 4


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones(30), "at least 60"),
        (np.r_[-1.0, np.ones(99)], "not a finite"),
        (np.ones((9, 9)), "shape"),
    ],
)
def test_a_series_that_cannot_be_fitted_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        realized.har(bad)


def test_the_spread_carries_its_uncertainty():
    rng = np.random.default_rng(6)
    got = 0.15 * np.exp(0.2 * rng.standard_normal(1000))
    sold = np.sqrt(got**2 + 0.004 + 0.001 * rng.standard_normal(1000))
    sold[10] = np.nan
    found = realized.implied_spread(sold, got)
    assert found.observations == 999
    assert abs(found.mean - 0.004) < 4 * found.error
    assert found.error == pytest.approx(0.001 / np.sqrt(999), rel=0.1)
    assert found.variance == pytest.approx(sold[-1] ** 2 - got[-1] ** 2)
    assert realized.implied_spread([np.nan], [0.1]).observations == 0


def test_overlap_widens_the_error():
    """Sums over five days, one each day: the error is about the root of five of the naive one."""
    rng = np.random.default_rng(7)
    means = np.convolve(rng.standard_normal(5004), np.ones(5) / 5, "valid")
    naive, wide = realized.newey_west(means, 0), realized.newey_west(means, 4)
    assert wide / naive == pytest.approx(
        np.sqrt(1 + 2 * sum((1 - i / 5) ** 2 for i in range(1, 5))), rel=0.1
    )
    assert np.isnan(realized.newey_west(np.ones(1), 0))
