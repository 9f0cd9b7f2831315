"""GARCH: fits against an independent likelihood, forecasts, and what simulations must be."""

import numpy as np
import pytest
from arch.data import sp500
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy import stats
from scipy.optimize import minimize

from quant import garch
from quant.garch import Parameters
from quant.kernels.random import philox

CALM = Parameters(mu=2e-4, omega=1.5e-6, alpha=0.05, gamma=0.0, beta=0.93)
GJR = Parameters(mu=0.0, omega=2e-6, alpha=0.02, gamma=0.10, beta=0.90)


@pytest.fixture(scope="module")
def index_returns():
    """Daily returns of the S&P 500 as the `arch` package brings them along."""
    return np.diff(np.log(sp500.load()["Adj Close"].to_numpy(dtype=float)))


def log_likelihood(p, returns, start):
    """Return the normal likelihood by a plain loop, variance `start` before the first return."""
    mu, omega, alpha, gamma, beta = p
    h, total = omega + (alpha + 0.5 * gamma + beta) * start, 0.0
    for r in returns:
        total -= 0.5 * (np.log(2.0 * np.pi * h) + (r - mu) ** 2 / h)
        h = omega + (alpha + (gamma if r < mu else 0.0)) * (r - mu) ** 2 + beta * h
    return total


def test_the_fit_is_the_maximum_of_an_independent_likelihood(index_returns):
    """The last 1,000 days; no step away from the estimates raises the likelihood."""
    returns = index_returns[-1000:]
    start = float(np.mean((returns - returns.mean()) ** 2))
    fitted = garch.fit(returns, backcast=start)
    assert fitted.fault is None
    best = np.array(fitted.parameters[:5])
    top = log_likelihood(best, returns, start)
    assert fitted.log_likelihood == pytest.approx(top, abs=1e-6)
    for place in (0, 1, 2, 4):
        for step in (-0.02, 0.02):
            moved = best.copy()
            moved[place] *= 1.0 + step
            assert log_likelihood(moved, returns, start) < top + 1e-4

    def cost(u):
        p = [u[0] * 1e-4, np.exp(u[1]), np.exp(u[2]), 0.0, np.exp(u[3])]
        return -log_likelihood(p, returns, start) if p[2] + p[4] < 1 else 1e6

    found = minimize(cost, [5.0, np.log(3e-6), np.log(0.1), np.log(0.85)], method="Nelder-Mead",
                     options={"maxfev": 600, "xatol": 1e-4, "fatol": 1e-4})  # fmt: skip
    assert -found.fun <= top + 1e-3


def test_units_do_not_matter(index_returns):
    one = garch.fit(index_returns[-1500:], "gjr", "t")
    assert one.parameters.gamma > 0.05
    assert 4.0 < one.parameters.freedom < 15.0
    assert one.errors["gamma"] > 0.0
    hundred = garch.fit(10.0 * index_returns[-1500:], "gjr", "t")
    assert hundred.parameters.omega == pytest.approx(100.0 * one.parameters.omega, rel=2e-2)
    assert hundred.parameters.beta == pytest.approx(one.parameters.beta, rel=2e-3)
    assert one.log_likelihood - hundred.log_likelihood == pytest.approx(
        1500 * np.log(10.0), abs=0.05
    )
    np.testing.assert_allclose(one.residuals.std(), 1.0, atol=0.05)


def test_parameters_come_back_from_a_long_simulation():
    made = garch.simulate(GJR, 1, 20_000, GJR.long_run, seed=11)
    fitted = garch.fit(made.returns[:, 0], "gjr", mean=False)
    for name in ("alpha", "gamma", "beta"):
        got, true = getattr(fitted.parameters, name), getattr(GJR, name)
        assert abs(got - true) < 4.0 * fitted.errors[name]
    assert fitted.next_variance == pytest.approx(made.next_variance[0], rel=0.05)


@pytest.mark.parametrize("freedom", [None, 6.0])
@pytest.mark.parametrize("model", [CALM, GJR])
def test_simulated_variance_has_the_expectation_in_closed_form(model, freedom):
    """100,000 paths of 60 steps from twice the long-run variance, within four standard errors."""
    start = 2.0 * model.long_run
    made = garch.simulate(model._replace(freedom=freedom), 100_000, 60, start, seed=3)
    expected = model.forecast(start, 61)
    for step in (0, 1, 9, 59):
        squares = (made.returns[step] - model.mu) ** 2
        error = squares.std() / np.sqrt(squares.size)
        assert abs(squares.mean() - expected[step]) < 4.0 * error
    assert made.next_variance.mean() == pytest.approx(expected[60], rel=0.05)
    np.testing.assert_allclose(made.total, made.returns.sum(axis=0), atol=1e-15 + 1e-12)
    np.testing.assert_allclose(made.realized, (made.returns**2).sum(axis=0), rtol=1e-12)


def test_each_step_follows_the_recursion():
    made = garch.simulate(GJR, 300, 50, GJR.long_run, seed=5)
    h = np.full(300, GJR.long_run)
    for shock in made.returns:
        z = shock / np.sqrt(h)
        assert np.abs(z).max() < 7.0
        h = GJR.omega + (GJR.alpha + GJR.gamma * (shock < 0)) * shock**2 + GJR.beta * h
    np.testing.assert_allclose(made.next_variance, h, rtol=1e-12)


@pytest.mark.parametrize(
    ("freedom", "law"), [(None, stats.norm), (5.0, stats.t(5.0, scale=np.sqrt(3.0 / 5.0)))]
)
def test_innovations_have_their_distribution(freedom, law):
    """A million draws pass Kolmogorov and Smirnov; neighbors are not correlated."""
    unit = Parameters(0.0, 1.0, 0.0, 0.0, 0.0, freedom)
    draws = garch.simulate(unit, 10_000, 100, 1.0, seed=2).returns
    assert stats.kstest(draws.ravel(), law.cdf).pvalue > 1e-3
    for left, right in (
        (draws[:-1], draws[1:]),
        (draws[:, :-1], draws[:, 1:]),
        (draws[:, :-128], draws[:, 128:]),
    ):
        assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 4.5e-3
    assert draws.mean() == pytest.approx(0.0, abs=4e-3)
    assert draws.var() == pytest.approx(1.0, abs=1e-2)


def test_filtered_history_draws_its_own_residuals_and_no_others(index_returns):
    fitted = garch.fit(index_returns[-1500:], "gjr", "t")
    pool = fitted.residuals
    made = garch.simulate(fitted.parameters, 5_000, 1, fitted.next_variance, seed=9, residuals=pool)
    z = (made.returns[0] - fitted.parameters.mu) / np.sqrt(fitted.next_variance)
    near = np.sort(pool)[np.clip(np.searchsorted(np.sort(pool), z), 1, pool.size - 1)]
    before = np.sort(pool)[np.clip(np.searchsorted(np.sort(pool), z), 1, pool.size - 1) - 1]
    assert np.minimum(np.abs(near - z), np.abs(before - z)).max() < 1e-9
    assert len(np.unique(np.round(z, 9))) > 0.9 * 1500 * (1 - np.exp(-5000 / 1500))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(1, 1500), st.integers(1, 20), st.integers(0, 20))
def test_the_bits_do_not_depend_on_threads_or_on_where_it_was_cut(seed, paths, steps, cut):
    once = garch.simulate(GJR, paths, steps, 1e-4, seed=seed, threads=1)
    twice = garch.simulate(GJR, paths, steps, 1e-4, seed=seed, threads=3)
    np.testing.assert_array_equal(once.returns, twice.returns)
    cut = min(cut, steps)
    first = garch.simulate(GJR, paths, cut, 1e-4, seed=seed)
    rest = garch.simulate(GJR, paths, steps - cut, first.next_variance, seed=seed, first_step=cut)
    np.testing.assert_array_equal(np.vstack([first.returns, rest.returns]), once.returns)
    blocks = list(
        garch.simulate_blocks(GJR, paths, steps, 1e-4, seed=seed, block_bytes=8 * paths * 3)
    )
    assert all(block.returns.shape[0] <= 3 for block in blocks)
    np.testing.assert_array_equal(np.vstack([block.returns for block in blocks]), once.returns)
    sums = garch.simulate(GJR, paths, steps, 1e-4, seed=seed, keep=False)
    assert sums.returns.shape == (0, paths)
    np.testing.assert_array_equal(sums.total, once.total)


def test_another_seed_gives_other_paths_and_none_gives_new_ones():
    one, two = (garch.simulate(CALM, 10, 5, 1e-4, seed=seed).returns for seed in (1, 2))
    assert not np.any(one == two)
    free = [garch.simulate(CALM, 10, 5, 1e-4).returns for _ in range(2)]
    assert not np.any(free[0] == free[1])


def test_forecasts_have_their_closed_form_and_a_unit_root_goes_on():
    ahead = CALM.forecast(3e-4, 250)
    level, left = CALM.long_run, CALM.persistence
    np.testing.assert_allclose(ahead, level + left ** np.arange(250) * (3e-4 - level), rtol=1e-12)
    walk = Parameters(0.0, 1e-6, 0.1, 0.0, 0.9)
    np.testing.assert_allclose(walk.forecast(1e-4, 5), 1e-4 + 1e-6 * np.arange(5), rtol=1e-12)
    assert walk.long_run == np.inf


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(50), "at least 100"),
        (np.zeros((20, 20)), "one dimension"),
        (np.full(200, 0.01), "all equal"),
        (np.r_[np.nan, np.ones(200)], r"returns\[0\] is nan"),
    ],
)
def test_returns_that_cannot_be_fitted_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        garch.fit(bad)


def test_arguments_that_cannot_be_simulated_are_named():
    for change, message in (
        ({"variance": -1.0}, "variance"),
        ({"variance": np.nan}, "variance"),
        ({"paths": -1}, "paths"),
        ({"residuals": []}, "residuals"),
        ({"residuals": [np.inf]}, "residuals"),
        ({"seed": -1}, "seed"),
    ):
        asked = {"paths": 3, "steps": 2, "variance": 1.0, "seed": 1} | change
        with pytest.raises(ValueError, match=message):
            garch.simulate(
                CALM, asked.pop("paths"), asked.pop("steps"), asked.pop("variance"), **asked
            )
    with pytest.raises(ValueError, match="freedom"):
        garch.simulate(CALM._replace(freedom=2.0), 1, 1, 1.0)


def test_the_generator_gives_the_known_answers_of_philox():
    """Random123's known-answer vectors for philox4x32, ten rounds."""

    @njit
    def words(c0, c1, c2, c3, k0, k1):
        return philox(c0, c1, c2, c3, k0, k1)

    for given_words, expected in (
        ((0,) * 6, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 6, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ):
        got = words(*map(np.uint64, given_words))
        assert " ".join(f"{int(word):08x}" for word in got) == expected
