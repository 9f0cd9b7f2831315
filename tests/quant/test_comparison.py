"""Two records side by side: the stated error is the spread of the differences."""

import numpy as np
import pytest

from quant.comparison import correlation, sharpe_difference

DAYS = 250


def pairs(rng, count, *, rho=0.5, carried=0.0, tails=None, means=(0.08, 0.08)):
    """Return `count` pairs of records whose days go together and may hang together."""
    size = (count, DAYS, 2)
    shocks = rng.standard_normal(size) if tails is None else rng.standard_t(tails, size)
    shocks[..., 1] = rho * shocks[..., 0] + np.sqrt(1 - rho**2) * shocks[..., 1]
    made = shocks.copy()
    for day in range(1, DAYS):
        made[:, day] += carried * made[:, day - 1]
    return made + np.asarray(means) * shocks.std(axis=(0, 1))


@pytest.mark.parametrize(
    ("rho", "carried", "tails"), [(0.0, 0.0, None), (0.8, 0.0, None), (0.5, 0.3, None), (0.5, 0, 5)]
)
def test_the_error_and_the_interval_are_those_of_repeated_samples(rho, carried, tails):
    """4,000 pairs of 250 days, both truly equal: 95 of 100 intervals hold 0, or nearly."""
    made = pairs(np.random.default_rng(3), 4000, rho=rho, carried=carried, tails=tails)
    found = [sharpe_difference(pair[:, 0], pair[:, 1]) for pair in made]
    spread = np.std([one.value for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.08)
    assert np.mean([one.low < 0 < one.high for one in found]) == pytest.approx(0.94, abs=0.02)
    assert np.mean([one.p < 0.05 for one in found]) == pytest.approx(0.06, abs=0.02)


def test_a_true_difference_is_found():
    made = pairs(np.random.default_rng(4), 500, rho=0.9, means=(0.25, 0.0))
    found = [sharpe_difference(pair[:, 0], pair[:, 1]) for pair in made]
    assert np.mean([one.value for one in found]) == pytest.approx(0.25, abs=0.01)
    assert np.mean([one.low > 0 for one in found]) > 0.95


def test_the_error_is_that_of_memmel_when_days_are_normal_and_apart():
    """2003, correcting Jobson and Korkie (1981): 2 - 2 rho + (s^2 + t^2 - 2 s t rho^2)/2."""
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 20_000))
    a, b = x + 0.2, 0.6 * x + 0.8 * y + 0.1
    found = sharpe_difference(a, b)
    formula = (2 - 2 * 0.6 + 0.5 * (0.2**2 + 0.1**2 - 2 * 0.2 * 0.1 * 0.6**2)) / 20_000
    assert found.error == pytest.approx(np.sqrt(formula), rel=0.03)
    year = found.annual(365)
    assert year.value / year.error == pytest.approx(found.value / found.error)
    assert (year.p, year.observations) == (found.p, 20_000)


def test_scale_says_nothing_and_the_order_turns_the_sign():
    x, y = pairs(np.random.default_rng(6), 1)[0].T
    found, turned = sharpe_difference(x, y), sharpe_difference(y, 7 * x)
    assert turned.value == pytest.approx(-found.value)
    assert turned.error == pytest.approx(found.error)
    assert sharpe_difference(x, 2 * x)[:2] == pytest.approx((0.0, 0.0), abs=1e-8)


def test_correlation_has_fishers_interval():
    made = pairs(np.random.default_rng(7), 2000, rho=0.5)
    found = [correlation(pair[:, 0], pair[:, 1]) for pair in made]
    assert np.mean([one.low < 0.5 < one.high for one in found]) == pytest.approx(0.95, abs=0.015)
    assert correlation(made[0][:, 0], made[0][:, 0])[:3] == pytest.approx((1.0, 1.0, 1.0))


def test_what_says_nothing_is_not_known_and_what_does_not_fit_is_refused():
    for x, y in (([], []), ([1, 2, 3, 4], [1, 2, 3, 5]), ([1] * 9, range(9))):
        assert np.isnan(sharpe_difference(x, y).value)
        assert np.isnan(correlation(x, y).value)
    with pytest.raises(ValueError, match="x has 2 returns and y 1"):
        sharpe_difference([1, 2], [1])
