"""What a fitted surface is made of: slices with their fits, the quality of each, crossings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from quant import between_smiles
from quant.arrays import FloatArray, FloatLike
from quant.butterfly import Butterfly
from quant.crossings import Crossing
from quant.sabr import SABRFit
from quant.smile_points import Points
from quant.ssvi import SliceFit
from quant.svi import SVI, JumpWings

Model = Literal["svi", "essvi"]

GOOD_SPREADS = 1.5
"""Miss, in half-spreads, up to which a fit is good."""
GOOD_SHARE = 0.02
"""The same as a share of the at-the-money volatility, for markets quoted very tightly."""


class Quality(NamedTuple):
    """How far a fit is from the quotes it was fitted to.

    Attributes
    ----------
    rms, worst : float
        Root mean square and largest miss, in volatility per square root of a year.
    core : float
        Root mean square miss weighted by the root of vega: what the part that trades is off by.
    spreads : float
        The same in half-spreads.
    inside : float
        Share of the quotes that the fit meets to half a spread.
    money : float
        Miss at the forward.
    fault : str or None
        Why the fit is not good, None when it is.
    """

    rms: float
    worst: float
    core: float
    spreads: float
    inside: float
    money: float
    fault: str | None

    @property
    def good(self) -> bool:
        """Whether nothing speaks against the fit."""
        return self.fault is None


def quality(
    points: Points, years: float, model: FloatArray, money: float, also: str | None = None
) -> Quality:
    """Judge a fit by its misses.

    Parameters
    ----------
    points : Points
        At least one.
    years : float
        To settlement.
    model : (n,) float64
        Fitted volatilities.
    money : float
        Fitted volatility at the forward.
    also : str, optional
        What else speaks against the fit.
    """
    miss = model - points.mid
    weight = np.exp(-0.25 * points.deviations(years) ** 2)
    total = weight.sum()
    core = float(np.sqrt(weight @ miss**2 / total))
    spreads = float(np.sqrt(weight @ (miss / points.half) ** 2 / total))
    half = float(np.interp(0.0, points.k, points.half))
    off = money - points.money
    fault = also
    if fault is None and spreads > GOOD_SPREADS and core > GOOD_SHARE * points.money:
        fault = f"misses the quotes by {100 * core:.2f} points ({spreads:.1f} half-spreads)"
    elif fault is None and abs(off) > max(half, GOOD_SHARE * points.money):
        fault = f"misses the volatility at the forward by {100 * off:+.2f} points"
    return Quality(
        rms=float(np.sqrt(np.mean(miss**2))),
        worst=float(np.abs(miss).max()),
        core=core,
        spreads=spreads,
        inside=float(np.mean(np.abs(miss) <= points.half)),
        money=off,
        fault=fault,
    )


@dataclass(frozen=True, slots=True)
class SurfaceSlice:
    """One expiry of a surface.

    Attributes
    ----------
    expiry : int
        Settlement instant, ns UTC.
    years, forward, discount : float
    parity : bool
        Whether the forward comes from put-call parity and not from the rate and yield given.
    points : Points
        The quotes fitted to, with the tally of those left out.
    cliffs : int
        Quotes left out because they fall off the smile.
    raw : SVI or None
        The closest SVI fit, arbitrage or not; with `raw_quality` and its `butterfly` report.
    sabr : SABRFit or None
        With `sabr_quality`.
    essvi : SliceFit or None
        With `essvi_quality`.
    smile : SVI or None
        The smile, free of butterflies and crossing no other, as raw SVI; None where no fit is
        good. With its `quality` and the `model` that gave it.
    jump_wings : JumpWings or None
        Of the smile.
    fault : str or None
        Why the smile is not SVI, or why there is none.
    """

    expiry: int
    years: float
    forward: float
    discount: float
    parity: bool
    points: Points
    cliffs: int = 0
    raw: SVI | None = None
    raw_quality: Quality | None = None
    butterfly: Butterfly | None = None
    sabr: SABRFit | None = None
    sabr_quality: Quality | None = None
    essvi: SliceFit | None = None
    essvi_quality: Quality | None = None
    model: Model | None = None
    smile: SVI | None = None
    quality: Quality | None = None
    jump_wings: JumpWings | None = None
    fault: str | None = None

    @property
    def good(self) -> bool:
        """Whether the slice has a smile."""
        return self.smile is not None

    def vol(self, K: FloatLike) -> FloatArray:
        """Return the smile's volatility at strikes K; NaN where there is no smile."""
        strikes = np.asarray(K, dtype=np.float64)
        if self.smile is None:
            return np.full(strikes.shape, np.nan)
        return self.smile.vol(np.log(strikes / self.forward), self.years)

    def money_vol(self) -> float:
        """Return the smile's volatility at the forward; NaN where there is no smile."""
        return float(self.vol(self.forward))


@dataclass(frozen=True, slots=True)
class Surface:
    """Slices in order of expiry, and where the closest SVI fits of neighbors cross.

    Attributes
    ----------
    time : int
        ns UTC.
    spot : float
    slices : tuple of SurfaceSlice
        Expiries still ahead.
    crossings : tuple of Crossing
        Calendar arbitrage between the closest fits; the smiles themselves have none.
    """

    time: int
    spot: float
    slices: tuple[SurfaceSlice, ...]
    crossings: tuple[Crossing, ...]

    def total_variance(self, k: FloatLike, years: FloatLike) -> FloatArray:
        """Return w at log-moneyness k and time to settlement, free of arbitrage.

        NaN where `years` is not above zero, and everywhere when no slice has a smile.
        """
        x, when = np.broadcast_arrays(
            np.asarray(k, dtype=np.float64), np.asarray(years, dtype=np.float64)
        )
        out = np.full(x.shape, np.nan)
        known = [(one.years, one.smile) for one in self.slices if one.smile is not None]
        if not known:
            return out
        times = np.array([instant for instant, _ in known])
        smiles = tuple(smile for _, smile in known)
        for instant in np.unique(when[when > 0.0]).tolist():
            own = when == instant
            out[own] = between_smiles.total_variance(x[own], instant, times, smiles)
        return out

    def vol(self, k: FloatLike, years: FloatLike) -> FloatArray:
        """Return the volatility at log-moneyness k and time, per square root of a year."""
        with np.errstate(all="ignore"):
            out: FloatArray = np.sqrt(self.total_variance(k, years) / np.asarray(years))
        return out
