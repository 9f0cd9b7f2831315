"""eSSVI: known slices come back, and no fit of anything has arbitrage."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from quant import ssvi, svi
from quant.ssvi import Slice

YEARS = np.array([1.0, 3.0, 8.0, 30.0, 90.0, 365.0]) / 365.0


def surface(rho=-0.6, eta=1.2):
    """Slices of a power-law SSVI surface, free of arbitrage by Gatheral and Jacquier 4.2."""
    theta = 0.03 * YEARS * (1.0 + 0.2 * YEARS)
    return [Slice(t, rho, eta * t / np.sqrt(t * (1.0 + t))) for t in theta.tolist()]


def smiles_of(slices, noise=0.0, seed=1, count=60):
    rng = np.random.default_rng(seed)
    out = []
    for each, years in zip(slices, YEARS.tolist(), strict=True):
        k = np.linspace(-4.0, 3.0, count) * np.sqrt(each.theta)
        iv = each.vol(k, years) + noise * rng.standard_normal(count)
        out.append((k, iv, years, np.ones(count)))
    return out


def free(parameters):
    assert all(each.free_of_butterflies() for each in parameters)
    assert all(ssvi.cannot_cross(one, two) for one, two in itertools.pairwise(parameters))


def test_a_known_surface_comes_back():
    truth = surface()
    fits = ssvi.fit(smiles_of(truth))
    for fitted, each in zip(fits, truth, strict=True):
        np.testing.assert_allclose(fitted.parameters, each, rtol=1e-5)
        assert fitted.rms < 1e-7
    free([fitted.parameters for fitted in fits])


def test_a_slice_is_svi_in_other_words():
    each = surface()[3]
    k = np.linspace(-1.0, 1.0, 21)
    np.testing.assert_allclose(each.raw().total_variance(k), each.total_variance(k), rtol=1e-14)
    natural = svi.to_natural(each.raw())
    np.testing.assert_allclose(natural, (0.0, 0.0, each.rho, each.theta, each.phi), atol=1e-15)


@pytest.mark.parametrize("rho", [-0.95, -0.3, 0.0, 0.7])
def test_at_the_sufficient_bound_the_density_stays_positive(rho):
    """Theorem 4.2's bounds are met with equality and g has no negative stretch."""
    for theta in (1e-4, 0.01, 0.5):
        wing = 1.0 + abs(rho)
        psi = min(4.0 / wing, 2.0 * np.sqrt(theta / wing))
        each = Slice(theta, rho, psi)
        assert each.free_of_butterflies()
        found = svi.butterfly(each.raw())
        assert not found.violated, found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0.05, 1.5), st.floats(-1.5, 1.5), st.floats(0.0, 4.0), st.floats(-0.5, 0.5)
        ),
        min_size=2,
        max_size=6,
    ),
    st.integers(0, 2**32 - 1),
)
def test_whatever_the_smiles_the_surface_has_no_arbitrage(shapes, seed):
    """Levels, skews and curvatures at random, each expiry apart from the others."""
    rng = np.random.default_rng(seed)
    smiles = []
    for place, (level, skew, bend, shift) in enumerate(shapes):
        years = (place + 1) ** 2 / 200.0
        x = np.sort(rng.uniform(-4.0, 4.0, 30))
        iv = level * np.exp(0.1 * skew * x + 0.02 * bend * (x - shift) ** 2)
        smiles.append((x * level * np.sqrt(years), iv, years, rng.uniform(0.1, 10.0, 30)))
    fits = ssvi.fit(smiles)
    parameters = [fitted.parameters for fitted in fits]
    free(parameters)
    for one, two in itertools.pairwise(parameters):
        for share in (0.2, 0.7):
            free([one, ssvi.between(one, two, share), two])
    free([ssvi.before(parameters[0], 0.3), parameters[0]])
    free([parameters[-1], ssvi.after(parameters[-1], 1.7)])


def test_no_worse_than_a_general_least_squares_fit():
    """A slice alone, free of its neighbors, against SciPy from twelve starts."""
    smile = smiles_of(surface(), noise=2e-3)[3]
    k, iv, years, _ = smile
    fitted = ssvi.fit([smile])[0]

    def miss(u):
        return Slice(np.exp(u[0]), np.tanh(u[1]), np.exp(u[2])).vol(k, years) - iv

    costs = [
        2.0 * least_squares(miss, [np.log(0.02 * years), rho, psi]).cost
        for rho in (-1.0, 0.0, 1.0)
        for psi in (-4.0, -3.0, -2.0, -1.0)
    ]
    assert fitted.rms**2 * k.size <= min(costs) * (1.0 + 1e-6)


def test_a_smile_that_its_neighbor_holds_back_says_so():
    (k, _, near, ones), (x, _, far, _) = smiles_of(surface())[1:4:2]
    rich, poor = surface()[1], surface()[3]
    rich = Slice(16.0 * rich.theta, rich.rho, 4.0 * rich.psi)
    dear = (4.0 * k, rich.vol(4.0 * k, near), near, ones)
    cheap = (x, 0.3 * poor.vol(x, far), far, ones)
    first, second = ssvi.fit([dear, cheap])
    assert not first.held_back
    assert first.rms < 1e-3
    assert second.held_back
    assert second.rms > 0.01
    free([first.parameters, second.parameters])


def test_too_few_points_give_none_and_do_not_disturb_the_others():
    smiles = smiles_of(surface())
    k, iv, years, weights = smiles[2]
    iv = iv.copy()
    iv[2:] = np.nan
    fits = ssvi.fit([*smiles[:2], (k, iv, years, weights), *smiles[3:]])
    assert fits[2] is None
    assert all(fitted is not None and fitted.rms < 1e-6 for fitted in (*fits[:2], *fits[3:]))
    assert ssvi.fit([]) == []
