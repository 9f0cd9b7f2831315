"""Levels that are read off arrays of strikes."""

import warnings

import numpy as np
import pytest
from scipy.integrate import quad

from quant.levels import best_strike, max_pain, pin_probability, vol_trigger_proxy, walls

STRIKES = np.array([95.0, 100.0, 105.0])


def test_equal_strikes_are_decided_by_the_distance_to_spot():
    assert best_strike(STRIKES, np.array([5.0, 1.0, 5.0]), 101.0) == 105.0
    assert best_strike(STRIKES, np.array([5.0, 1.0, 5.0]), 99.0) == 95.0


@pytest.mark.parametrize("score", [np.zeros(3), -np.ones(3), np.full(3, np.nan)])
def test_no_strike_above_zero_is_no_level(score):
    assert best_strike(STRIKES, score, 100.0) is None


def test_walls_are_gamma_and_not_open_interest():
    call, put = np.array([1.0, 2.0, 3.0]), np.array([-9.0, -1.0, -2.0])
    gross = walls(strikes=STRIKES, gamma_call=call, gamma_put=put, spot=100.0, mode="gross")
    net = walls(strikes=STRIKES, gamma_call=call, gamma_put=put, spot=103.0, mode="net")
    assert gross == (105.0, 95.0)
    assert net == (105.0, 95.0)
    positive = walls(strikes=STRIKES, gamma_call=call, gamma_put=0 * put, spot=100.0, mode="net")
    assert positive == (105.0, None)


def test_the_vol_trigger_proxy_lies_at_or_below_zero_gamma_and_near_it():
    gamma = np.array([-50.0, -5.0, 90.0])
    common = {"strikes": STRIKES, "gamma": gamma, "zero_gamma": 103.0}
    assert vol_trigger_proxy(**common, sd=6.0, spacing=5.0) == 95.0
    assert vol_trigger_proxy(**common, sd=2.5, spacing=5.0) == 100.0
    assert vol_trigger_proxy(**common, sd=0.01, spacing=5.0) == 100.0
    assert vol_trigger_proxy(**common, sd=0.01, spacing=2.0) is None


def test_max_pain_of_the_fixture():
    strikes = np.repeat([5950.0, 5975.0, 6000.0, 6025.0, 6050.0], 2)
    interest = np.array([200, 1500, 400, 900, 1200, 1100, 1500, 500, 1000, 150], dtype=float)
    common = {"strikes": strikes, "is_call": np.tile([True, False], 5), "spot": 6003.0}
    multiplier = np.full(10, 100.0)
    assert max_pain(**common, open_interest=interest, multiplier=multiplier) == (6000.0, 4e6)
    nothing = np.full(10, np.nan)
    assert max_pain(**common, open_interest=nothing, multiplier=multiplier) is None


def test_max_pain_is_the_minimum_over_every_listed_strike():
    rng = np.random.default_rng(4)
    strikes, is_call = np.repeat(np.arange(90.0, 111.0), 2), np.tile([True, False], 21)
    interest = rng.integers(0, 1000, 42).astype(float)

    def owed(settle):
        paid = np.where(is_call, settle - strikes, strikes - settle)
        return float(np.sum(np.maximum(paid, 0) * interest) * 100)

    got = max_pain(
        strikes=strikes,
        is_call=is_call,
        open_interest=interest,
        multiplier=np.full(42, 100.0),
        spot=100.0,
    )
    assert got.payout == min(owed(strike) for strike in strikes) == owed(got.strike)


def test_pin_probability_of_the_fixture():
    got = pin_probability(6000, 6000, 2.5, np.array([60, 1]) / 525_600, 0.045, 0.013, 0.15)
    np.testing.assert_allclose(got, [0.205125014165, 0.955973742795], rtol=1e-9)


@pytest.mark.parametrize("K", [80.0, 99.0, 101.0, 160.0])
def test_pin_probability_is_the_integral_of_the_lognormal_density(K):
    T, r, q, sigma = 0.1, 0.05, 0.01, 0.2
    s = sigma * np.sqrt(T)
    mean = np.log(100.0) + (r - q) * T - s * s / 2

    def density(x):
        return np.exp(-0.5 * ((np.log(x) - mean) / s) ** 2) / (x * s * np.sqrt(2 * np.pi))

    expected = quad(density, K - 1, K + 1, epsabs=0, epsrel=1e-11)[0]
    got = float(pin_probability(100, K, 1.0, T, r, q, sigma))
    assert got == pytest.approx(expected, rel=1e-9)


def test_pin_probability_of_what_cannot_be_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = pin_probability(
            [100, -1, 100, 100, np.nan], 100, [1, 1, 0, 1, 1], [0, 1, 1, np.inf, 1], 0, 0, 0.2
        )
        wide = pin_probability(100, 100, 200, 1.0, 0, 0, 0.2)
    assert np.isnan(got).all()
    assert 0.99 < wide <= 1.0
