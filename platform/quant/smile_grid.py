"""A smile at given deltas and strikes, for tables and meshes."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from quant.arrays import FloatArray, FloatLike
from quant.butterfly import density
from quant.svi import SVI

_STEPS = 60
_CLOSE = 1e-7


def log_moneyness_at(smile: SVI, deltas: FloatLike) -> FloatArray:
    """Return k at which a call has the given forward delta N(d1), NaN where that is not found.

    A put of delta -0.25 has the strike of a call of 0.75. Fixed-point steps k = w/2 - z sqrt(w),
    damped; deltas fall strictly with strike on a smile free of arbitrage, so there is one answer.
    """
    wanted = np.asarray(deltas, dtype=np.float64)
    z = ndtri(np.where((wanted > 0.0) & (wanted < 1.0), wanted, np.nan))
    w = np.broadcast_to(smile.total_variance(0.0), z.shape)
    k = 0.5 * w - z * np.sqrt(w)
    for _ in range(_STEPS):
        w = np.maximum(smile.total_variance(k), 1e-300)
        moved = 0.5 * w - z * np.sqrt(w)
        k = 0.5 * (k + moved)
    w = np.maximum(smile.total_variance(k), 1e-300)
    miss = np.abs(ndtr(-k / np.sqrt(w) + 0.5 * np.sqrt(w)) - wanted)
    out: FloatArray = np.where(miss < _CLOSE, k, np.nan)
    return out


def vols_at_deltas(smile: SVI, years: float, deltas: FloatLike) -> FloatArray:
    """Return volatilities at call deltas, per square root of a year."""
    return smile.vol(log_moneyness_at(smile, deltas), years)


def risk_neutral_density(smile: SVI, forward: float, K: FloatLike) -> FloatArray:
    """Return the density of the settlement price at strikes K, per unit of currency."""
    strikes = np.asarray(K, dtype=np.float64)
    k = np.log(strikes / forward)
    out: FloatArray = density(k, *smile.derivatives(k)) / strikes
    return out
