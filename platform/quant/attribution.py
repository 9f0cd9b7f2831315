"""Why a book's value changed: by Greeks, with what they do not explain beside them.

Over a step

    dV = delta dS + gamma dS^2/2 + theta dt + vega dsigma + vanna dS dsigma + vomma dsigma^2/2
         + charm dS dt + residual,

Greeks at the step's start. The residual is what is left of the actual change, never hidden. In one
step over an hour of a last day it may be a fifth of the whole; over a path of minutes it is a few
cents, so a path is attributed step by step and summed.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

import numpy as np

from quant import bsm
from quant.arrays import BoolLike, FloatArray, FloatLike
from quant.bsm import Greeks

PARTS = ("delta", "gamma", "theta", "vega", "vanna", "volga", "charm", "residual")
GREEKS = ("delta", "gamma", "theta", "vega", "vanna", "vomma", "charm")
"""What `attribute` needs."""
_CENT = Decimal("0.01")


class Attribution(NamedTuple):
    """Parts of a change in value, in currency, one element per position; they add up to `actual`.

    `volga` is the part of the second derivative in volatility.
    """

    delta: FloatArray
    gamma: FloatArray
    theta: FloatArray
    vega: FloatArray
    vanna: FloatArray
    volga: FloatArray
    charm: FloatArray
    residual: FloatArray
    actual: FloatArray

    def total(self) -> Attribution:
        """Return the parts of the whole book."""
        return Attribution(*(np.asarray(part.sum()) for part in self))

    def unexplained(self, tick: float = 0.01) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Return where the residual is more than a tick and than a tenth of the actual change."""
        return np.abs(self.residual) > np.maximum(tick, 0.1 * np.abs(self.actual))

    def cents(self) -> dict[str, Decimal]:
        """Return the book's parts in whole cents that add up to the actual change in cents.

        Each part is rounded to the nearest cent as far as the sum allows: cents that rounding
        leaves over go to the parts that it cut most.
        """
        whole = self.total()
        actual = Decimal(repr(float(whole.actual))).quantize(_CENT)
        exact = {name: Decimal(repr(float(getattr(whole, name)))) for name in PARTS}
        down = {name: value.quantize(_CENT, ROUND_FLOOR) for name, value in exact.items()}
        left = int((actual - sum(down.values())) / _CENT)
        by_loss = sorted(PARTS, key=lambda name: down[name] - exact[name])
        each, more = divmod(left, len(PARTS))
        for place, name in enumerate(by_loss):
            down[name] += _CENT * (each + (1 if place < more else 0))
        return {**down, "actual": actual}


def attribute(
    greeks: Greeks,
    quantity: FloatLike,
    dS: FloatLike,
    dsigma: FloatLike,
    dt: FloatLike,
    actual: FloatLike,
) -> Attribution:
    """Attribute one step.

    Parameters
    ----------
    greeks : Greeks
        At the step's start, raw units; `GREEKS` at least.
    quantity : float64
        Units of the underlying: contracts times multiplier.
    dS, dsigma : float64
        Change of spot, and of each volatility per square root of a year.
    dt : float64
        Calendar years.
    actual : float64
        Change of value, in currency.
    """
    held = np.asarray(quantity, dtype=np.float64)
    move, shift, time = (np.asarray(part, dtype=np.float64) for part in (dS, dsigma, dt))
    parts = [
        held * greeks.delta * move,
        held * greeks.gamma * (0.5 * move * move),
        held * greeks.theta * time,
        held * greeks.vega * shift,
        held * greeks.vanna * (move * shift),
        held * greeks.vomma * (0.5 * shift * shift),
        held * greeks.charm * (move * time),
    ]
    whole = np.asarray(actual, dtype=np.float64)
    arrays = np.broadcast_arrays(*parts, whole)
    explained = np.sum(np.stack(arrays[:-1]), axis=0)
    named = dict(zip(PARTS, [*arrays[:-1], arrays[-1] - explained], strict=True))
    return Attribution(**named, actual=arrays[-1])


def attribute_path(
    S: FloatLike,
    sigma: FloatLike,
    T: FloatLike,
    K: FloatLike,
    r: float,
    q: float,
    is_call: BoolLike,
    quantity: FloatLike,
) -> Attribution:
    """Attribute a path step by step, and sum.

    Parameters
    ----------
    S : (steps + 1,) float64
        Spots.
    sigma, T : (steps + 1, n) or (steps + 1, 1) float64
        Volatilities, and years left.
    K, is_call, quantity : (n,)
    r, q : float

    Returns
    -------
    Attribution
        (n,) each; `actual` is the change of the model's value from the first to the last point.
    """
    spot = np.asarray(S, dtype=np.float64)[:, None]
    vol, left = np.asarray(sigma, dtype=np.float64), np.asarray(T, dtype=np.float64)
    if vol.shape[0] != spot.shape[0] or left.shape[0] != spot.shape[0]:
        raise ValueError(
            f"S has {spot.shape[0]} points, sigma {vol.shape[0]}, T {left.shape[0]}; give as many"
        )
    prices = bsm.price(spot, K, left, r, q, vol, is_call)
    greeks = bsm.greeks(spot[:-1], K, left[:-1], r, q, vol[:-1], is_call, names=GREEKS)
    held = np.asarray(quantity, dtype=np.float64)
    steps = attribute(
        greeks,
        held,
        np.diff(spot, axis=0),
        np.diff(vol, axis=0),
        left[:-1] - left[1:],
        held * np.diff(prices, axis=0),
    )
    parts = [part.sum(axis=0) for part in steps[: len(PARTS) - 1]]
    actual = held * (prices[-1] - prices[0])
    named = dict(zip(PARTS, [*parts, actual - np.sum(parts, axis=0)], strict=True))
    return Attribution(**named, actual=actual)
