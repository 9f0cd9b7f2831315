"""SVI against the published example, its conversions, fits and checks for arbitrage."""

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import assume, given
from hypothesis import strategies as st

from quant import svi
from quant.butterfly import butterfly_of, density, durrleman
from quant.svi import SVI, JumpWings, Natural

# Axel Vogt's slice in Gatheral and Jacquier (2014, arXiv 1204.0646), t = 1.
VOGT = SVI(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
K = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
W = [0.13678196112230, 0.09275565217221, 0.05097657169033, 0.01742625255516,
     0.02315156561219, 0.08682670975189, 0.16715169988637]  # fmt: skip
G = [0.2478306952584, 0.2678703587365, 0.3568535725377, 1.0386497312818,
     0.0693792113008, -0.0277416959046, 0.0291238656582]  # fmt: skip


def slices():
    """Slices of every shape within the wings' bound and above zero."""

    def build(drawn):
        level, b, rho, m, sigma = drawn
        b = min(b, 2.0 / (1.0 + abs(rho)))
        return SVI(level - b * sigma * np.sqrt(1 - rho**2), b, rho, m, sigma)

    return st.tuples(
        st.floats(1e-4, 0.5), st.floats(0.01, 1.5), st.floats(-0.95, 0.95),
        st.floats(-0.8, 0.8), st.floats(0.02, 1.5),
    ).map(build)  # fmt: skip


def test_the_published_slice_to_twelve_digits():
    np.testing.assert_allclose(VOGT.total_variance(K), W, rtol=1e-12)
    np.testing.assert_allclose(durrleman(K, *VOGT.derivatives(K)), G, rtol=1e-11)
    assert svi.to_jump_wings(VOGT, 1.0) == pytest.approx(
        (0.01742625, -0.1752111, 0.6997381, 1.316798, 0.01162490), rel=1e-6
    )
    assert svi.to_natural(VOGT) == pytest.approx(
        (-0.0936249032, 0.4920848672, 0.306, 0.1161231100, 2.2923946836), rel=1e-9
    )


def test_the_published_slice_has_its_arbitrage_found():
    found = svi.butterfly(VOGT)
    assert found.violated
    assert found.least == pytest.approx(-0.0328636, rel=1e-5)
    assert found.at == pytest.approx(0.87926, abs=1e-4)
    ((low, high),) = found.intervals
    assert (low, high) == pytest.approx((0.64241, 1.25691), abs=2e-5)


def test_the_published_repair_is_free_and_ours_stays_nearer():
    form = svi.to_jump_wings(VOGT, 1.0)
    safe_c = form.p + 2 * form.psi
    safe_v = 4 * form.v * form.p * safe_c / (form.p + safe_c) ** 2
    assert (safe_c, safe_v) == pytest.approx((0.3493158, 0.01548182), rel=1e-6)
    safe = svi.from_jump_wings(form._replace(c=safe_c, v_least=safe_v), 1.0)
    assert svi.butterfly(safe).least > 0.25  # towards (4 - slope^2)/16 in the wings
    best = svi.from_jump_wings(form._replace(c=0.8564763), 1.0)  # the paper's own optimum
    assert svi.butterfly(best).least == pytest.approx(0.0081, abs=2e-4)
    mended = svi.repair(VOGT, 1.0)
    assert not svi.butterfly(mended).violated
    away = np.abs(mended.total_variance(K) - VOGT.total_variance(K)).max()
    assert away < np.abs(safe.total_variance(K) - VOGT.total_variance(K)).max()
    assert svi.repair(mended, 1.0) == mended


@given(slices(), st.floats(1e-4, 3.0))
def test_forms_convert_there_and_back(raw, years):
    natural = svi.from_natural(svi.to_natural(raw))
    k = np.linspace(-2, 2, 21)
    np.testing.assert_allclose(natural.total_variance(k), raw.total_variance(k), rtol=1e-9)
    form = svi.to_jump_wings(raw, years)
    # Where the minimum is near the money, the difference that tells its sharpness is rounding.
    assume(form.v - form.v_least > 1e-4 * form.v)
    back = svi.from_jump_wings(form, years)
    scale = np.abs(raw.total_variance(k)).max()
    assert np.abs(back.total_variance(k) - raw.total_variance(k)).max() < 1e-6 * scale


def test_a_bend_at_the_money_converts_though_its_formula_divides_by_zero():
    raw = SVI(0.01, 0.2, -0.4, 0.0, 0.3)
    back = svi.from_jump_wings(svi.to_jump_wings(raw, 0.5), 0.5)
    assert back == pytest.approx(raw, rel=1e-12)


def test_a_minimum_at_the_money_is_not_determined_by_jump_wings():
    form = svi.to_jump_wings(SVI(0.01, 0.2, 0.0, 0.0, 0.3), 0.5)
    with pytest.raises(ValueError, match="not determine"):
        svi.from_jump_wings(form, 0.5)


def test_a_skew_outside_the_wings_is_refused():
    with pytest.raises(ValueError, match="between the slopes"):
        svi.from_jump_wings(JumpWings(0.04, -2.0, 0.5, 0.5, 0.03), 1.0)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (SVI(0.01, -0.1, 0.0, 0.0, 0.1), "below 0"),
        (SVI(0.01, 0.1, 1.0, 0.0, 0.1), "rho"),
        (SVI(0.01, 0.1, 0.0, 0.0, 0.0), "sigma"),
        (SVI(-0.5, 0.1, 0.0, 0.0, 0.1), "minimum"),
        (SVI(0.01, 1.5, 0.5, 0.0, 0.1), "steeper than 2"),
        (SVI(np.nan, 0.1, 0.0, 0.0, 0.1), "finite"),
    ],
)
def test_what_no_slice_may_be_is_named(raw, words):
    assert words in raw.fault()


def test_a_good_slice_has_no_fault():
    assert VOGT.fault() is None


@given(slices())
def test_the_derivatives_are_those_of_the_variance(raw):
    k, h = np.linspace(-1, 1, 11), 1e-5
    w, first, second = raw.derivatives(k)
    up, down = raw.total_variance(k + h), raw.total_variance(k - h)
    np.testing.assert_allclose(w, raw.total_variance(k), rtol=1e-15)
    np.testing.assert_allclose(first, (up - down) / (2 * h), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(second, (up - 2 * w + down) / h**2, rtol=1e-2, atol=1e-3)


@given(slices())
def test_a_slice_that_is_called_free_has_a_density_everywhere(raw):
    found = svi.butterfly(raw, reach=4.0)
    k = np.linspace(-4.0, 4.0, 20_001)
    values = durrleman(k, *raw.derivatives(k))
    if not found.violated:
        assert values.min() > -1e-6
    else:
        assert found.steepest > 2.0 or values.min() < 1e-6
        inside = [((k >= low) & (k <= high)) for low, high in found.intervals]
        negative = np.any(inside, axis=0) if inside else np.zeros(k.size, bool)
        assert (values[negative] < 1e-6).all()
        assert (values[~negative] > -1e-5).all()


def test_a_wing_steeper_than_two_is_arbitrage_though_the_middle_is_not():
    """The often quoted bound of 4 would let this pass: g tends to (4 - slope^2)/16."""
    steep = SVI(0.3, 1.5, 0.99, 0.0, 1.0)
    assert svi.butterfly(steep, reach=0.5).steepest == pytest.approx(2.985)
    assert svi.butterfly(steep, reach=0.5).violated


def test_the_density_integrates_to_one():
    raw = SVI(0.02, 0.1, -0.4, 0.05, 0.2)
    k = np.linspace(-6, 6, 60_001)
    assert np.trapezoid(density(k, *raw.derivatives(k)), k) == pytest.approx(1.0, abs=1e-6)


def test_a_smile_whose_variance_falls_below_zero_is_arbitrage():
    found = butterfly_of(lambda k: (0.01 - k * k, -2 * k, -2 + 0 * k), 1.0)
    assert found.violated


@pytest.mark.parametrize("minutes", [5, 390, 43_200, 1_051_200])
def test_a_slice_comes_back_from_its_own_points(minutes):
    """Five minutes to two years: the fit works in the smile's own units."""
    years = minutes / 525_600
    unit = 0.2 * np.sqrt(years)
    true = SVI(0.5 * unit**2, 0.6 * unit, -0.5, 0.3 * unit, 0.8 * unit)
    k = np.linspace(-5, 4, 40) * unit
    fit = svi.calibrate(k, true.vol(k, years), years)
    assert fit is not None
    assert fit.points == 40
    assert fit.rms < 1e-7
    assert fit.worst < 1e-6
    np.testing.assert_allclose(fit.raw, true, rtol=2e-3, atol=1e-6 * unit)


def test_a_noisy_slice_is_fitted_no_worse_than_by_the_library_that_others_use():
    rng = np.random.default_rng(5)
    years, F, k = 0.25, 100.0, np.linspace(-0.5, 0.35, 40)
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    for _ in range(10):
        raw = SVI(
            rng.uniform(0.01, 0.03), rng.uniform(0.05, 0.2), rng.uniform(-0.8, 0.1),
            rng.uniform(-0.05, 0.1), rng.uniform(0.05, 0.3),
        )  # fmt: skip
        iv = raw.vol(k, years) + 3e-4 * rng.standard_normal(40)
        fit = svi.calibrate(k, iv, years)
        strikes = (F * np.exp(k)).tolist()
        none = ql.nullDouble()
        other = ql.SviInterpolatedSmileSection(
            today + 91, F, strikes, False, 0.2, iv.tolist(), none, none, none, none, none,
            False, False, False, False, False, False,
        )  # fmt: skip
        theirs = np.sqrt(
            np.mean((np.array([other.volatility(strike) for strike in strikes]) - iv) ** 2)
        )
        assert fit.rms <= theirs * (1 + 1e-4)


def test_a_fit_keeps_the_wings_bound_and_stays_above_zero():
    k = np.linspace(-1.0, 1.0, 30)
    iv = np.sqrt(0.01 + 3.0 * np.abs(k))
    fit = svi.calibrate(k, iv, 1.0)
    assert fit.raw.fault() is None


def test_too_few_points_and_points_that_are_missing():
    k = np.linspace(-0.2, 0.2, 8)
    iv = np.full(8, 0.2)
    iv[::2] = np.nan
    assert svi.calibrate(k, iv, 0.5) is None
    assert svi.calibrate([], [], 0.5) is None
    flat = svi.calibrate(k, np.full(8, 0.2), 0.5)
    assert flat is not None
    assert flat.worst < 1e-4


def test_many_slices_at_once_are_the_slices_one_by_one():
    rng = np.random.default_rng(2)
    smiles = []
    for count in (6, 40, 700, 5):
        k = np.sort(rng.uniform(-0.4, 0.3, count))
        iv = SVI(0.02, 0.1, -0.4, 0.02, 0.15).vol(k, 0.5) + 1e-3 * rng.standard_normal(count)
        smiles.append((k, iv, 0.5, rng.uniform(0.5, 2.0, count)))
    together = svi.calibrate_many(smiles, threads=2)
    assert together == [svi.calibrate(*smile) for smile in smiles]
    assert together[-1] is None


def test_natural_form_of_a_slice_is_what_it_says():
    form = Natural(0.01, 0.05, -0.4, 0.2, 3.0)
    k = np.linspace(-1, 1, 9)
    direct = form.delta + 0.5 * form.omega * (
        1 + form.zeta * form.rho * (k - form.mu)
        + np.sqrt((form.zeta * (k - form.mu) + form.rho) ** 2 + 1 - form.rho**2)
    )  # fmt: skip
    np.testing.assert_allclose(svi.from_natural(form).total_variance(k), direct, rtol=1e-13)
