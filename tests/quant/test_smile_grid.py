"""Smiles at deltas and strikes, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import simpson
from scipy.special import ndtr

from quant.smile_grid import log_moneyness_at, risk_neutral_density, vols_at_deltas
from quant.svi import SVI

FLAT = SVI(a=0.04, b=0.0, rho=0.0, m=0.0, sigma=0.1)
SKEWED = SVI(a=0.01, b=0.08, rho=-0.6, m=0.02, sigma=0.12)


@given(st.floats(0.01, 0.99))
def test_a_strike_at_a_delta_has_that_delta(delta):
    k = log_moneyness_at(SKEWED, delta)
    s = np.sqrt(SKEWED.total_variance(k))
    assert ndtr(-k / s + s / 2) == pytest.approx(delta, abs=1e-6)


def test_deltas_fall_as_strikes_rise():
    k = log_moneyness_at(SKEWED, np.linspace(0.99, 0.01, 50))
    assert (np.diff(k) > 0).all()


def test_a_flat_smile_is_flat_at_every_delta():
    np.testing.assert_allclose(vols_at_deltas(FLAT, 0.25, [0.9, 0.5, 0.1]), 0.4, rtol=1e-14)


def test_a_delta_that_no_strike_has_is_not_made_up():
    assert np.isnan(log_moneyness_at(SKEWED, [0.0, 1.0, np.nan, -0.2])).all()


@pytest.mark.parametrize("smile", [FLAT, SKEWED])
def test_the_density_is_one_and_its_mean_the_forward(smile):
    strikes = np.exp(np.linspace(-4.0, 3.0, 20_001)) * 50.0
    density = risk_neutral_density(smile, 50.0, strikes)
    assert (density > 0).all()
    assert simpson(density, x=strikes) == pytest.approx(1.0, abs=1e-4)
    assert simpson(density * strikes, x=strikes) == pytest.approx(50.0, rel=1e-3)
