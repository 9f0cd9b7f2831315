"""Degrees of truth of a condition: 0 absent, 0.5 just met, 1 met with room to spare.

Every function is elementwise, keeps NaN, and rises or falls steadily in its value.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from market.frames import FloatArray


def above(value: npt.ArrayLike, limit: npt.ArrayLike, width: npt.ArrayLike) -> FloatArray:
    """Return 0.5 where the value equals the limit, 1 from `width` above it, 0 from below it.

    Parameters
    ----------
    value, limit : float64, broadcast together with `width`
    width : float64
        Above zero, in the value's unit.
    """
    room = np.subtract(value, limit) / np.asarray(width, dtype=np.float64)
    return _unit(0.5 + 0.5 * room)


def below(value: npt.ArrayLike, limit: npt.ArrayLike, width: npt.ArrayLike) -> FloatArray:
    """Return 0.5 where the value equals the limit, 1 from `width` below it, 0 from above it."""
    room = np.subtract(limit, value) / np.asarray(width, dtype=np.float64)
    return _unit(0.5 + 0.5 * room)


def _unit(degree: FloatArray) -> FloatArray:
    """Hold a degree within 0 and 1, NaN kept; `numpy.clip` costs more than both on short arrays."""
    held: FloatArray = np.minimum(np.maximum(degree, 0.0), 1.0)
    return held


def holds(truth: npt.ArrayLike, *needed: FloatArray) -> FloatArray:
    """Return 1 where something is true and 0 where it is not; NaN where `needed` has a NaN.

    A comparison with NaN is False, not unknown, so what was compared has to be named.
    """
    out = np.where(truth, 1.0, 0.0)
    for values in needed:
        out = np.where(np.isnan(values), np.nan, out)
    return out


def either(*degrees: FloatArray) -> FloatArray:
    """Return the greatest degree; NaN where one of them is NaN."""
    out = degrees[0]
    for degree in degrees[1:]:
        out = np.maximum(out, degree)
    return out


def weakest(*degrees: FloatArray) -> FloatArray:
    """Return the least degree; NaN where one of them is NaN."""
    out = degrees[0]
    for degree in degrees[1:]:
        out = np.minimum(out, degree)
    return out


def pick(side: FloatArray, up: FloatArray, down: FloatArray) -> FloatArray:
    """Return what belongs to the long side where the side is long, else to the short one."""
    return np.where(side > 0.0, up, down)


def share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return part / whole, NaN where the whole is zero or either is missing."""
    out = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=out, where=whole != 0.0)
    return out
