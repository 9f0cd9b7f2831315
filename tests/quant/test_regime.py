"""Filters that never look ahead, and that see what is there."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quant.regime import (
    TRENDS,
    VOLATILITIES,
    RegimeModel,
    ewma,
    realized_volatility,
    regime_filter,
    trend_strength,
)

SHORT = RegimeModel(warm_up=12)
FILTERS = {
    "regime": lambda returns: regime_filter(returns, SHORT).joint,
    "ewma": lambda returns: ewma(returns, 5.0, 3),
    "realized_volatility": lambda returns: realized_volatility(returns, 5.0, 3),
    "trend_strength": lambda returns: trend_strength(returns, 5.0, 3),
}
daily = st.one_of(st.floats(-0.2, 0.2), st.just(np.nan), st.just(0.0), st.floats(-1e200, 1e200))


def equal(a, b):
    return np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=60)
@given(past=arrays(float, 30, elements=daily), futures=arrays(float, (2, 10), elements=daily))
def test_the_future_never_changes_the_past(name, past, futures):
    one, two = (FILTERS[name](np.concatenate([past, future])) for future in futures)
    alone = FILTERS[name](past)
    assert equal(one[:30], alone)
    assert equal(two[:30], alone)


@pytest.mark.parametrize("name", FILTERS)
def test_a_batch_equals_its_paths_bit_for_bit(name):
    rng = np.random.default_rng(2)
    returns = rng.normal(0, 0.01, (3, 5, 60))
    returns[rng.random(returns.shape) < 0.05] = np.nan
    batch = FILTERS[name](returns)
    assert batch.shape[:3] == (3, 5, 60)
    for i, j in np.ndindex(3, 5):
        assert equal(batch[i, j], FILTERS[name](returns[i, j]))


@pytest.mark.parametrize("name", FILTERS)
def test_hostile_returns_raise_nothing_and_are_not_modified(name):
    returns = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-320, 0.0, 0.01] * 6)
    kept = returns.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = FILTERS[name](returns)
        constant = FILTERS[name](np.zeros(40))
    assert equal(returns, kept)
    assert not np.isinf(got[-1]).any()
    assert not np.isinf(constant).any()


def test_probabilities_are_a_distribution_after_the_warm_up_only():
    returns = np.random.default_rng(0).normal(0, 0.01, 120)
    returns[70] = np.nan
    got = regime_filter(returns)
    known = np.isfinite(got.leading_probability)
    first = RegimeModel().warm_up - 1
    assert np.flatnonzero(~known).tolist() == [*range(first), 70]
    np.testing.assert_allclose(got.joint[known].sum(axis=(-2, -1)), 1.0, rtol=1e-12)
    np.testing.assert_allclose(got.trend[known].sum(axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(got.volatility[known].sum(axis=-1), 1.0, rtol=1e-12)
    assert np.all(got.leading[~known] == -1)
    flat = got.joint[known].reshape(-1, 9)
    assert np.array_equal(got.leading[known], flat.argmax(axis=-1))
    assert got.joint[known].min() >= 0.0


def test_the_filter_is_bayes_rule_over_all_paths_of_states():
    # Five sessions after the scale is known, by brute force over every sequence of nine states.
    rng = np.random.default_rng(8)
    returns = rng.normal(0, 0.01, 14)
    model = RegimeModel(warm_up=1)
    got = regime_filter(returns, model).joint[-1]

    trend, volatility = model.trend_moves(), model.volatility_moves()
    moves = np.kron(trend, volatility)
    belief = np.kron([0.25, 0.5, 0.25], np.full(3, 1 / 3))
    keep = 0.5 ** (1 / model.half_life)
    for t, now in enumerate(returns):
        belief = belief @ moves
        if t < 10:
            continue
        weights = keep ** np.arange(t - 1, -1, -1)
        size = now / np.sqrt(np.sum(weights * returns[:t] ** 2) / weights.sum())
        likely = []
        for mean in (-model.drift, 0.0, model.drift):
            for spread in model.scales:
                z2 = (size / spread - mean) ** 2 * model.degrees / (model.degrees - 2)
                likely.append((1 + z2 / model.degrees) ** (-(model.degrees + 1) / 2) / spread)
        belief = belief * likely
        belief /= belief.sum()
    np.testing.assert_allclose(got.ravel(), belief, rtol=1e-10)


def test_transition_matrices_are_stochastic():
    for moves in (RegimeModel().trend_moves(), RegimeModel().volatility_moves()):
        np.testing.assert_allclose(moves.sum(axis=1), 1.0, rtol=1e-15)
        assert moves.min() >= 0.0


@pytest.mark.parametrize("scale", [0.002, 0.01, 0.05])
def test_a_crash_is_seen_as_down_and_high_whatever_the_underlyings_scale(scale):
    rng = np.random.default_rng(6)
    calm = rng.normal(0.05, 0.8, (20, 200))
    crash = rng.normal(-1.2, 2.5, (20, 25))
    got = regime_filter(scale * np.concatenate([calm, crash], axis=-1))
    down, high = TRENDS.index("down"), VOLATILITIES.index("high")
    before, after = 199, 224
    assert np.mean(got.volatility[:, before, high]) < 0.25
    assert np.mean(got.volatility[:, after, high]) > 0.85
    assert np.mean(got.trend[:, after, down]) > 0.5 > np.mean(got.trend[:, before, down])


def test_a_steady_climb_is_an_up_trend():
    rng = np.random.default_rng(9)
    returns = 0.01 * np.concatenate([rng.normal(0, 1, (30, 100)), rng.normal(0.5, 1, (30, 60))], 1)
    got = regime_filter(returns)
    up = TRENDS.index("up")
    assert np.mean(got.trend[:, -1, up]) > 0.7 > np.mean(got.trend[:, 99, up])
    assert np.mean(trend_strength(returns)[:, -1]) > 2.0


def test_mirrored_returns_mirror_the_trend():
    returns = np.random.default_rng(1).normal(0.001, 0.01, 90)
    straight, mirrored = regime_filter(returns).joint, regime_filter(-returns).joint
    np.testing.assert_allclose(straight[:, ::-1], mirrored, rtol=1e-10)


def test_ewma_is_the_weighted_mean_of_what_was_seen():
    values = np.array([1.0, np.nan, 3.0, 5.0])
    got = ewma(values, half_life=1.0)
    np.testing.assert_allclose(got, [1.0, np.nan, (3 + 0.5) / 1.5, (5 + 1.5 + 0.25) / 1.75])
    assert np.isnan(ewma(values, 1.0, warm_up=3)).tolist() == [True, True, True, False]


def test_realized_volatility_is_annualized():
    got = realized_volatility(np.tile([0.01, -0.01], 50))
    np.testing.assert_allclose(got[20:], 0.01 * np.sqrt(252), rtol=1e-12)


def test_trend_strength_of_noise_is_about_standard_normal():
    noise = np.random.default_rng(3).normal(0, 0.01, (4000, 200))
    got = trend_strength(noise)[:, -1]
    assert abs(np.mean(got)) < 0.05
    assert np.std(got) == pytest.approx(1.0, abs=0.08)
