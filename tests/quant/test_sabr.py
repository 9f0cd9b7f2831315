"""SABR against published values, another library, and what it must keep by construction."""

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import assume, given
from hypothesis import strategies as st

from quant import sabr

# QuantLib's test suite, interpolations.cpp.
QUANTLIB_STRIKES = np.arange(0.03, 0.0605, 0.001)
TABLE = {"F": 0.039, "T": 1.0, "alpha": 0.3, "beta": 0.6, "rho": 0.01, "nu": 0.02}
params = st.tuples(
    st.floats(0.05, 1.0), st.floats(0.0, 1.0), st.floats(-0.95, 0.95), st.floats(0.01, 2.0)
)


def test_the_library_that_others_use_agrees_over_its_own_table():
    ours = sabr.vol(QUANTLIB_STRIKES, **TABLE)
    theirs = [
        ql.sabrVolatility(float(k), 0.039, 1.0, 0.3, 0.6, 0.02, 0.01) for k in QUANTLIB_STRIKES
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@given(params, st.floats(0.3, 3.0), st.floats(0.01, 5.0))
def test_the_library_that_others_use_agrees_everywhere(p, moneyness, T):
    alpha, beta, rho, nu = p
    assume(nu / alpha * abs(np.log(moneyness)) > 1e-3)  # nearer, its logarithm loses the digits
    F = 100.0
    scaled = alpha * F ** (1 - beta)
    ours = float(sabr.vol(F * moneyness, F, T, scaled, beta, rho, nu))
    theirs = ql.sabrVolatility(F * moneyness, F, T, scaled, beta, nu, rho)
    assert ours == pytest.approx(theirs, rel=2e-11)


@given(params, st.floats(0.5, 2.0), st.floats(1e-5, 2.0))
def test_time_enters_through_the_scaled_parameters_alone(p, moneyness, T):
    """sigma(alpha, nu, T) sqrt(T) = sigma(alpha sqrt(T), nu sqrt(T), 1): a smile of an hour is one
    of a year."""
    alpha, beta, rho, nu = p
    root = np.sqrt(T)
    for formula in ("hagan", "obloj"):
        one = sabr.vol(moneyness, 1.0, T, alpha, beta, rho, nu, formula) * root
        two = sabr.vol(moneyness, 1.0, 1.0, alpha * root, beta, rho, nu * root, formula)
        assert float(one) == pytest.approx(float(two), rel=1e-12)


@given(params, st.floats(0.5, 2.0))
def test_both_formulas_are_one_at_beta_one_and_at_the_money(p, moneyness):
    alpha, beta, rho, nu = p
    hagan, obloj = (
        sabr.vol(moneyness, 1.0, 0.5, alpha, 1.0, rho, nu, f) for f in ("hagan", "obloj")
    )
    assert float(hagan) == pytest.approx(float(obloj), rel=1e-12)
    hagan, obloj = (sabr.vol(1.0, 1.0, 0.5, alpha, beta, rho, nu, f) for f in ("hagan", "obloj"))
    assert float(hagan) == pytest.approx(float(obloj), rel=1e-12)


def test_the_smile_is_smooth_through_the_money():
    """No step where the series takes over from the closed form."""
    for formula in ("hagan", "obloj"):
        K = np.exp(np.linspace(-2e-3, 2e-3, 4001))
        v = sabr.vol(K, 1.0, 0.5, 0.3, 0.7, -0.4, 1.0, formula)
        assert np.abs(np.diff(v, 3)).max() < 2e-12


def test_the_exact_short_time_limit_is_kept_far_from_the_money():
    """Obloj's leading term keeps beta -> 1; Hagan's own approximation of it does not."""
    near, one = (
        sabr.vol(3.0, 1.0, 1e-8, 0.3, beta, -0.3, 0.8, "obloj") for beta in (1 - 1e-9, 1.0)
    )
    assert float(near) == pytest.approx(float(one), rel=1e-8)


@pytest.mark.parametrize(
    ("sigma", "F", "T", "beta", "rho", "nu", "alpha"),
    [
        (0.20, 0.015, 10.0, 0.5, -0.2, 0.3, 0.023107135),  # pysabr
        (0.15, 6000.0, 1.0, 1.0, -0.9, 1.5, 0.16599),  # the smaller of two roots
    ],
)
def test_alpha_is_the_smallest_root_that_gives_the_money(sigma, F, T, beta, rho, nu, alpha):
    found = sabr.alpha_of_atm(sigma, F, T, beta, rho, nu)
    assert found == pytest.approx(alpha, rel=1e-5)
    assert float(sabr.vol(F, F, T, found, beta, rho, nu)) == pytest.approx(sigma, rel=1e-12)


def test_an_impossible_level_is_refused():
    with pytest.raises(ValueError, match="at-the-money"):
        sabr.alpha_of_atm(-0.2, 100.0, 1.0, 0.5, 0.0, 0.3)


@pytest.mark.parametrize("minutes", [5, 60, 390, 43_200, 525_600])
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_a_smile_comes_back_from_its_own_points(minutes, beta):
    """From five minutes to a year, on parameters that a last day needs."""
    T, F = minutes / 525_600, 6000.0
    root = np.sqrt(T)
    true = sabr.SABR(0.15 * F ** (1 - beta), beta, -0.45, 0.35 / root)
    K = F * np.exp(np.linspace(-4, 4, 25) * 0.15 * root)
    fit = sabr.calibrate(K, F, T, sabr.vol(K, F, T, *true), beta=beta)
    assert fit is not None
    assert fit.fault is None
    assert fit.rms < 1e-9
    np.testing.assert_allclose(fit.parameters, true, rtol=1e-5)


def test_a_noisy_smile_is_fitted_no_worse_than_by_the_library_that_others_use():
    rng = np.random.default_rng(3)
    F, T = 100.0, 0.25
    for _ in range(20):
        alpha, rho, nu = rng.uniform(0.1, 0.4), rng.uniform(-0.8, 0.2), rng.uniform(0.3, 1.5)
        K = F * np.exp(np.linspace(-2.4, 2.0, 40) * alpha * np.sqrt(T))
        iv = sabr.vol(K, F, T, alpha, 1.0, rho, nu) + 3e-4 * rng.standard_normal(40)
        fit = sabr.calibrate(K, F, T, iv)
        other = ql.SABRInterpolation(
            K.tolist(), iv.tolist(), T, F, 0.2, 1.0, 0.5, -0.2, False, True, False, False, False
        )
        theirs = np.sqrt(np.mean((np.array([other(k) for k in K.tolist()]) - iv) ** 2))
        assert fit.rms <= theirs * (1 + 1e-6)


def test_what_cannot_be_trusted_says_so():
    K = 100.0 * np.exp(np.linspace(-0.5, 0.5, 15))
    wild = 0.2 + 3.0 * np.abs(np.log(K / 100.0)) ** 0.5
    fit = sabr.calibrate(K, 100.0, 1.0, wild)
    assert fit is not None
    assert fit.fault is not None


def test_too_few_or_missing_points():
    K, iv = np.array([90.0, 100.0, 110.0, 120.0]), np.array([0.2, np.nan, 0.2, 0.21])
    assert sabr.calibrate(K, 100.0, 1.0, iv) is None
    assert sabr.calibrate([], 100.0, 1.0, []) is None
    iv[1] = 0.19
    fit = sabr.calibrate(K, 100.0, 1.0, iv, weights=[1.0, 1.0, 1.0, 0.5])
    assert fit is not None
    assert fit.points == 4


def test_many_smiles_at_once_are_the_smiles_one_by_one():
    rng = np.random.default_rng(8)
    smiles = []
    for count in (4, 7, 40, 300, 3):  # one longer than a tile, one too short
        K = 100.0 * np.exp(np.sort(rng.uniform(-0.3, 0.3, count)))
        iv = sabr.vol(K, 100.0, 0.5, 0.2, 1.0, -0.5, 0.9) + 1e-3 * rng.standard_normal(count)
        smiles.append((K, 100.0, 0.5, iv, None))
    together = sabr.calibrate_many(smiles, threads=2)
    assert together == [sabr.calibrate(K, F, T, iv, w) for K, F, T, iv, w in smiles]
    assert together[-1] is None


def test_a_steep_expansion_shows_its_negative_density():
    found = sabr.butterfly(sabr.SABR(0.2, 1.0, -0.75, 1.2), 1000.0, 10.0, 3.0)
    assert found.violated
    assert found.intervals[0][0] < 0.0
    tame = sabr.butterfly(sabr.SABR(0.2, 1.0, -0.3, 0.5), 1000.0, 0.25, 0.5)
    assert not tame.violated
