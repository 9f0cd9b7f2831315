"""Value at risk by full repricing: exact conventions, known books, allocation, the stated error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quant import bsm, risk
from quant.risk import Book, Scenarios

MINUTE = 1.0 / 525_600
CONDOR = {
    "K": [5950.0, 5975.0, 6025.0, 6050.0],
    "is_call": [False, False, True, True],
    "quantity": [1.0, -1.0, -1.0, 1.0],
}


def condor(**change):
    """Return a short condor two hours before settlement, at 25 %."""
    return Book.of(6000.0, T=120 * MINUTE, sigma=0.25, r=0.045, q=0.013, **(CONDOR | change))


def test_the_normal_tail_has_its_values():
    losses = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000)
    found = risk.tail(losses, 0.99)
    assert found.var == pytest.approx(2.3263478740, abs=2e-4)
    assert found.cvar == pytest.approx(2.6652142203, abs=2e-4)


def test_order_statistic_and_fractional_atom_by_hand():
    """Of 10 losses at 85 %: k = 9, shortfall (10 + 0.5 x 9)/1.5."""
    losses = np.array([3, 1, 2, 5, 4, 7, 6, 9, 8, 10.0])
    found = risk.tail(losses, 0.85)
    assert found.var == 9.0
    assert found.cvar == pytest.approx((10.0 + 0.5 * 9.0) / 1.5)
    assert risk.tail(losses, 0.9).var == 9.0
    assert risk.tail(losses, 0.9).cvar == pytest.approx(10.0)
    assert risk.tail(np.arange(1, 101.0), 0.99).var == 99.0
    for bad in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="level"):
            risk.tail(losses, bad)
    with pytest.raises(ValueError, match="0 losses"):
        risk.tail([], 0.99)


def test_a_condor_on_its_last_day_by_full_repricing():
    """120 minutes left, one hour ahead, vol 25 %, shocks of 30 %: VaR 11.79, CVaR 14.47."""
    found = risk.value_at_risk(condor(), 60 * MINUTE, spot_vol=0.25, vol_of_vol=0.3, power=13)
    assert found.var == pytest.approx(11.79, abs=4 * found.var_error + 0.02)
    assert found.cvar == pytest.approx(14.47, abs=0.05)
    assert found.var_error < 0.05
    assert (found.scenarios, found.replications) == (8192, 16)


def test_the_expansion_in_greeks_is_a_third_off_where_repricing_is_right():
    """Why risk is repriced: second order says 17.6 for the same condor's shortfall."""
    rng = np.random.default_rng(2)
    book = condor()
    drawn = risk._drawn(book, 60 * MINUTE, 0.25, 0.3, 0.0, 14, rng)
    greeks = bsm.greeks(6000.0, book.K, book.T, 0.045, 0.013, book.sigma, book.is_call)
    move, shift = drawn.spot[:, None] - 6000.0, 0.25 * (drawn.vol[:, None] - 1.0)
    taylor = (
        greeks.delta * move + greeks.gamma * move**2 / 2 + greeks.theta * 60 * MINUTE
        + greeks.vega * shift + greeks.vanna * move * shift + greeks.vomma * shift**2 / 2
    ) @ book.quantity  # fmt: skip
    full = risk.tail(-risk.profits(book, drawn, 60 * MINUTE)).cvar
    assert risk.tail(-taylor).cvar == pytest.approx(17.64, abs=0.15)
    assert full == pytest.approx(14.47, abs=0.1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 600), st.integers(1, 3))
def test_the_kernel_reprices_as_the_formula_does(seed, contracts, scenarios, threads):
    rng = np.random.default_rng(seed)
    book = Book.of(
        100.0,
        rng.uniform(50, 150, contracts),
        rng.uniform(0.0, 1.0, contracts) * (rng.random(contracts) > 0.2),
        rng.uniform(0.0, 0.8, contracts),
        rng.random(contracts) < 0.5,
        rng.normal(size=contracts) * 100,
        r=0.04,
        q=0.01,
        units=rng.normal() * 10,
    )
    drawn = Scenarios(
        100.0 * np.exp(0.2 * rng.normal(size=scenarios)), np.exp(0.3 * rng.normal(size=scenarios))
    )
    got = risk.profits(book, drawn, 0.05, threads=threads)
    values = book.values(*drawn, 0.05) @ book.quantity + book.units * drawn.spot
    np.testing.assert_allclose(got, values - book.value(), rtol=1e-9, atol=1e-7)
    np.testing.assert_array_equal(got, risk.profits(book, drawn, 0.05, threads=1))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 0.995))
def test_contributions_add_up_and_scale(seed, level):
    rng = np.random.default_rng(seed)
    args = (100.0, rng.uniform(80, 120, 6), rng.uniform(0.02, 0.5, 6), 0.3, rng.random(6) < 0.5)
    held = rng.normal(size=6) * 10
    asked = {
        "spot_vol": 0.3,
        "vol_of_vol": 0.2,
        "correlation": -0.5,
        "level": level,
        "power": 9,
        "seed": 1,
    }
    one = risk.value_at_risk(Book.of(*args, held, units=3.0), 0.02, **asked)
    total = one.contributions.sum() + one.units
    np.testing.assert_allclose(total, one.cvar, rtol=1e-10, atol=1e-10)
    double = risk.value_at_risk(Book.of(*args, 2 * held, units=6.0), 0.02, **asked)
    np.testing.assert_allclose(double.cvar, 2 * one.cvar, rtol=1e-9)
    np.testing.assert_allclose(double.contributions, 2 * one.contributions, rtol=1e-9, atol=1e-9)
    assert one.cvar >= one.var


def test_shares_alone_have_the_lognormal_answer():
    book = Book.of(100.0, [], [], [], [], [], r=0.03, q=0.01, units=5.0)
    found = risk.value_at_risk(book, 0.25, spot_vol=0.2, power=12)
    total = 0.2 * np.sqrt(0.25)
    worst = 100.0 * np.exp(0.02 * 0.25 - total**2 / 2 - 2.3263478740 * total)
    assert found.var == pytest.approx(5 * (100.0 - worst), rel=2e-3)
    assert found.units == pytest.approx(found.cvar, rel=1e-12)
    assert found.mean == pytest.approx(5 * 100.0 * (np.exp(0.02 * 0.25) - 1), abs=0.05)


def test_the_stated_error_is_the_spread_of_repeated_runs():
    runs = [
        risk.value_at_risk(condor(), 60 * MINUTE, spot_vol=0.25, vol_of_vol=0.3, power=9, seed=seed)
        for seed in range(40)
    ]
    spread = np.std([run.cvar for run in runs], ddof=1)
    stated = np.mean([run.cvar_error for run in runs])
    assert 0.6 < stated / spread < 1.7
    again = risk.value_at_risk(
        condor(), 60 * MINUTE, spot_vol=0.25, vol_of_vol=0.3, power=9, seed=0
    )
    assert again.cvar == runs[0].cvar


def test_sobol_beats_random_numbers_by_far():
    """Spread of the shortfall over runs of 1,024 scenarios: at least three times smaller."""
    book, rng = condor(), np.random.default_rng(4)
    plain = []
    for _ in range(60):
        z = rng.standard_normal((1024, 2))
        total = 0.25 * np.sqrt(60 * MINUTE)
        spot = 6000.0 * np.exp(0.032 * 60 * MINUTE - total**2 / 2 + total * z[:, 0])
        drawn = Scenarios(spot, np.exp(0.3 * z[:, 1] - 0.045))
        plain.append(risk.tail(-risk.profits(book, drawn, 60 * MINUTE)).cvar)
    found = risk.value_at_risk(
        book, 60 * MINUTE, spot_vol=0.25, vol_of_vol=0.3, power=10, replications=60
    )
    assert np.std(plain) / (found.cvar_error * np.sqrt(60)) > 3.0


def test_order_statistics_enclose_the_true_quantile_as_often_as_stated():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        low, high = risk.var_interval(rng.standard_normal(1000), 0.95)
        hits += low <= stats.norm.ppf(0.95) <= high
    assert 0.92 <= hits / 400 <= 0.99
    assert risk.var_interval(np.arange(50.0), 0.99)[1] == np.inf


def test_an_option_that_settles_within_the_horizon_is_exercised_at_the_end():
    book = Book.of(100.0, [95.0, 105.0], [0.01, 0.01], 0.2, [True, False], [1.0, 1.0])
    drawn = Scenarios(np.array([90.0, 100.0, 110.0]), np.ones(3))
    got = risk.profits(book, drawn, 0.05) + book.value()
    np.testing.assert_allclose(got, [15.0, 10.0, 15.0], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"K": [-1.0, 1, 1, 1]}, "K"),
        ({"quantity": [np.nan, 1, 1, 1]}, "quantity"),
    ],
)
def test_a_book_that_makes_no_sense_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        condor(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replications": 1}, "replications"),
        ({"correlation": 1.5}, "correlation"),
        ({"spot_vol": -0.1}, "spot_vol"),
        ({"vol_of_vol": np.inf}, "vol_of_vol"),
    ],
)
def test_arguments_that_make_no_sense_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        risk.value_at_risk(condor(), MINUTE, **({"spot_vol": 0.2} | change))
