"""The normal density, the Mills ratio and the integral that gives out-of-the-money prices."""

import numpy as np
from scipy.special import erfcx

from quant.arrays import FloatArray

INV_SQRT_2PI = 0.3989422804014326779
SQRT_HALF_PI = 1.2533141373155002512
SQRT_HALF = 0.7071067811865475244
LOG_SQRT_2PI = 0.9189385332046727418

_points, _weights = np.polynomial.legendre.leggauss(10)
_NODES = tuple(float(node) for node in 0.5 * (1.0 + _points))
_WEIGHTS = tuple(float(weight) for weight in 0.5 * _weights)


def density(z: FloatArray) -> FloatArray:
    """Return the standard normal density at z."""
    out: FloatArray = INV_SQRT_2PI * np.exp(-0.5 * z * z)
    return out


def mills(z: FloatArray) -> FloatArray:
    """Return the Mills ratio N(-z)/n(z), without the underflow of its two parts."""
    out: FloatArray = SQRT_HALF_PI * erfcx(SQRT_HALF * z)
    return out


def mills_slope(z: FloatArray) -> FloatArray:
    """Return 1 - z M(z), which is minus the derivative of the Mills ratio M."""
    out: FloatArray = 1.0 - z * mills(z)
    return out


def mills_drop(a: FloatArray, s: FloatArray) -> FloatArray:
    """Return M(a) - M(a + s) for 0 <= s < 1.5 without cancellation.

    Parameters
    ----------
    a, s : float64, broadcast together
        Lower limit and width, both in standard deviations; a > -1.

    Returns
    -------
    float64
        The integral of 1 - z M(z) over [a, a + s], by ten-point Gauss-Legendre, which is exact
        to rounding for widths below 1.5.
    """
    total = np.zeros(np.broadcast_shapes(np.shape(a), np.shape(s)))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight * mills_slope(a + node * s)
    total *= s
    return total
