"""An implied-volatility surface without static arbitrage: SSVI with power-law curvature.

    w(k) = theta/2 {1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)},  k = ln(K/F)
    phi(theta) = eta / sqrt(theta (1 + theta))

(Gatheral and Jacquier 2014). No butterfly arbitrage while eta (1 + |rho|) <= 2, which
`SimulatorConfig` enforces, and no calendar arbitrage while theta grows with expiry, which
`term.total_variance` grants. Skew in standard deviations is the same for every expiry, as index
options show.
"""

import numpy as np

from quant.arrays import FloatArray, FloatLike


def skewed_variance(
    k: FloatLike, theta: FloatLike, *, rho: FloatLike, eta: FloatLike
) -> FloatArray:
    """Return total implied variance.

    Parameters
    ----------
    k : float64
        Log of strike over forward.
    theta : float64
        Total variance at the money, above zero.
    rho, eta : float64
        Skew and curvature; one pair for the whole surface.

    Returns
    -------
    float64
        Of the broadcast shape, above zero.
    """
    level = np.asarray(theta, dtype=np.float64)
    tilt = np.asarray(rho, dtype=np.float64)
    steep = np.asarray(eta, dtype=np.float64) / np.sqrt(level * (1.0 + level))
    x = steep * np.asarray(k, dtype=np.float64)
    total: FloatArray = 0.5 * level * (1.0 + tilt * x + np.sqrt((x + tilt) ** 2 + 1.0 - tilt**2))
    return total


def implied_vol(variance: FloatLike, years: FloatLike) -> FloatArray:
    """Return the volatility per root calendar year of a total variance; 0 where no time is left."""
    left = np.asarray(years, dtype=np.float64)
    alive = left > 0.0
    return np.where(alive, np.sqrt(variance / np.where(alive, left, 1.0)), 0.0)
