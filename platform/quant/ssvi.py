"""eSSVI: a surface of slices that cannot cross, each free of butterfly arbitrage.

A slice has three numbers: at-the-money total variance theta, correlation rho, and psi = theta phi,

    w(k) = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)).

Butterfly (Gatheral and Jacquier 2014, theorem 4.2, sufficient): psi (1 + |rho|) <= 4 and
psi^2 (1 + |rho|) <= 4 theta. Calendar between neighbors (Hendriks and Martini 2019): theta and
psi (1 + rho), psi (1 - rho) all rise with time, and phi does not. Slices are fitted from the
nearest to the farthest, each within what the one before leaves (Corbetta, Cohort, Laachir and
Martini 2019); between two slices theta, psi and rho psi are linear in time, which stays free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quant.arrays import FloatArray, FloatLike
from quant.svi import SVI

LEAST_POINTS = 3


class Slice(NamedTuple):
    """One expiry of an eSSVI surface."""

    theta: float
    rho: float
    psi: float

    @property
    def phi(self) -> float:
        """psi / theta."""
        return self.psi / self.theta

    def total_variance(self, k: FloatLike) -> FloatArray:
        """Return w at log-moneyness k."""
        x = np.asarray(k, dtype=np.float64) * self.phi
        root = np.sqrt((x + self.rho) ** 2 + 1.0 - self.rho**2)
        out: FloatArray = 0.5 * self.theta * (1.0 + self.rho * x + root)
        return out

    def vol(self, k: FloatLike, years: float) -> FloatArray:
        """Return the implied volatility at log-moneyness k, per square root of a year."""
        out: FloatArray = np.sqrt(self.total_variance(k) / years)
        return out

    def raw(self) -> SVI:
        """Return the slice as raw SVI."""
        flat = float(np.sqrt(1.0 - self.rho**2))
        return SVI(
            a=0.5 * self.theta * flat**2,
            b=0.5 * self.psi,
            rho=self.rho,
            m=-self.rho / self.phi,
            sigma=flat / self.phi,
        )

    def free_of_butterflies(self) -> bool:
        """Whether the sufficient conditions against butterfly arbitrage hold."""
        wing = self.psi * (1.0 + abs(self.rho))
        return wing <= 4.0 and self.psi * wing <= 4.0 * self.theta * (1.0 + 1e-12)


def cannot_cross(earlier: Slice, later: Slice) -> bool:
    """Whether the sufficient conditions against a crossing of two slices hold."""
    slack = 1.0 + 1e-12
    wings = (
        later.psi * (1.0 + side * later.rho) * slack >= earlier.psi * (1.0 + side * earlier.rho)
        for side in (1.0, -1.0)
    )
    return all(wings) and later.theta * slack >= earlier.theta and later.phi <= earlier.phi * slack


class SliceFit(NamedTuple):
    """A fitted slice with its volatility errors per square root of a year.

    `held_back` says whether the slices before it kept it from its own optimum: a bound was met.
    """

    parameters: Slice
    rms: float
    worst: float
    points: int
    held_back: bool


def fit(
    smiles: Sequence[tuple[FloatLike, FloatLike, float, FloatLike]],
) -> list[SliceFit | None]:
    """Fit a surface to smiles in order of expiry; None for one with fewer than three points.

    Parameters
    ----------
    smiles : sequence of (k, iv, years, weights)
        Log-moneyness, implied volatility per square root of a year, years to settlement (rising
        from item to item), and weights of squared volatility errors. Points that are not finite
        are left out.
    """
    from quant.kernels import ssvi as kernels

    points = [_points(*smile) for smile in smiles]
    able = [place for place, (k, _, _) in enumerate(points) if k.size >= LEAST_POINTS]
    found: list[SliceFit | None] = [None] * len(smiles)
    if not able:
        return found
    chosen = [points[place] for place in able]
    offsets = np.concatenate([[0], np.cumsum([row[0].size for row in chosen])])
    k, total, weight = (np.concatenate([row[i] for row in chosen]) for i in range(3))
    money = np.array([np.interp(0.0, row[0], row[1]) ** 2 for row in chosen])
    out = np.empty((len(able), 4))
    kernels.essvi_kernel(offsets, k, total, weight, money, out)
    for row, place in enumerate(able):
        theta, rho, psi, bound = out[row].tolist()
        own = slice(offsets[row], offsets[row + 1])
        parameters = Slice(theta, rho, psi)
        miss = np.sqrt(parameters.total_variance(k[own])) - total[own]
        miss /= np.sqrt(smiles[place][2])
        found[place] = SliceFit(
            parameters,
            rms=float(np.sqrt(np.mean(miss**2))),
            worst=float(np.abs(miss).max()),
            points=int(miss.size),
            held_back=bound > 0.0,
        )
    return found


def between(earlier: Slice, later: Slice, share: float) -> Slice:
    """Return the slice at `share` of the way from one to the next, 0 to 1, without arbitrage.

    theta, psi and rho psi are linear (Corbetta et al. 2019, proposition 3.1).
    """
    theta = earlier.theta + share * (later.theta - earlier.theta)
    psi = earlier.psi + share * (later.psi - earlier.psi)
    lean = earlier.rho * earlier.psi
    lean += share * (later.rho * later.psi - lean)
    return Slice(theta, lean / psi, psi)


def before(first: Slice, share: float) -> Slice:
    """Return a slice earlier than the first, at `share` of its time: variance in proportion.

    psi falls with the root of time, so that the skew grows as time runs out, and the conditions
    against butterflies and crossings are kept.
    """
    return Slice(first.theta * share, first.rho, first.psi * float(np.sqrt(share)))


def after(last: Slice, ratio: float) -> Slice:
    """Return a slice later than the last, `ratio` of its time: variance in proportion."""
    return Slice(last.theta * ratio, last.rho, last.psi)


def _points(
    k: FloatLike, iv: FloatLike, years: float, weights: FloatLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return finite points ascending in k: log-moneyness, total volatility, root weight."""
    x, vol, weight = (np.asarray(part, dtype=np.float64) for part in (k, iv, weights))
    good = np.isfinite(x) & np.isfinite(vol) & (vol > 0.0) & np.isfinite(weight) & (weight > 0.0)
    order = np.argsort(x[good], kind="stable")
    root = np.sqrt(weight[good][order])
    scale = float(np.sqrt(np.mean(root**2))) if root.size else 1.0
    return x[good][order], vol[good][order] * float(np.sqrt(years)), root / scale
