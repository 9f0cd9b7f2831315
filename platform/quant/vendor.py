"""Where a vendor's volatilities differ from ours, and what explains it.

An out-of-the-money quote determines total variance sigma^2 T almost alone, so two honest
volatilities of one quote differ by their clocks: sigma_v^2 T_v = sigma^2 T gives the vendor's time
T_v. What is left after that is set against the contract's side: a forward that is too high makes
every call look cheap and every put dear.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quant.arrays import BoolArray, FloatArray
from quant.chain import Chain
from quant.implied_vol import ChainVols
from quant.status import Status

MINUTES_PER_YEAR = 525_600.0
LEAST = 5
_STEADY = 0.25
"""A clock is believed when half of the contracts, and calls and puts, agree on it to this share."""
_SAME_CLOCK = 0.002
"""Relative difference of volatilities that is no difference of clocks."""
_TICKS = 2.0


class Compared(NamedTuple):
    """One expiry: ours against the vendor's.

    Attributes
    ----------
    expiry : int
        ns UTC.
    years : float
        Ours, to settlement.
    contracts : int
        Out-of-the-money contracts that have both volatilities.
    ours_only, theirs_only : int
        Contracts of either side with a volatility of one of the two alone.
    ratio : float
        Median of ours over theirs.
    clock_minutes : float
        Minutes by which the vendor's time to settlement is longer; NaN when not determined.
    steady : bool
        Whether the contracts agree on that.
    left, left_95 : float
        Median and 95 % quantile of the absolute difference once the clocks are set alike, per
        square root of a year on our clock.
    calls, puts : float
        Median difference, ours less theirs, of each side after that.
    """

    expiry: int
    years: float
    contracts: int
    ours_only: int
    theirs_only: int
    ratio: float
    clock_minutes: float
    steady: bool
    left: float
    left_95: float
    calls: float
    puts: float


def compare(chain: Chain, vols: ChainVols, theirs: FloatArray, tick: float) -> list[Compared]:
    """Compare by expiry, those ahead, nearest first.

    Parameters
    ----------
    chain : Chain
    vols : ChainVols
        Our volatilities.
    theirs : (n,) float64
        The vendor's, NaN where there is none.
    tick : float
        Quotes worth less than two of them are left out: their volatility is a matter of rounding.
    """
    years, mids = chain.years(), chain.mids()
    ours, vendor = np.isfinite(vols.mid) & (vols.status == Status.OK), np.isfinite(theirs)
    outside = np.where(chain.is_call, chain.strikes >= vols.forward, chain.strikes < vols.forward)
    with np.errstate(invalid="ignore"):
        thick = mids >= _TICKS * tick
    found = []
    for expiry in chain.expiry_values().tolist():
        mine = (chain.expiries == expiry) & (years > 0.0)
        if not (mine & vendor).any():
            continue
        both = mine & ours & vendor & outside & thick
        found.append(
            _one(
                expiry,
                float(years[mine][0]),
                vols.mid[both],
                theirs[both],
                chain.is_call[both],
                (int(np.sum(mine & ours & ~vendor)), int(np.sum(mine & vendor & ~ours))),
            )
        )
    return found


def _one(
    expiry: int,
    years: float,
    ours: FloatArray,
    theirs: FloatArray,
    calls: BoolArray,
    alone: tuple[int, int],
) -> Compared:
    unknown = float("nan")
    if ours.size < LEAST:
        return Compared(
            expiry, years, int(ours.size), *alone, unknown, unknown, False, unknown, unknown,
            unknown, unknown,
        )  # fmt: skip
    ratio = ours / theirs
    middle = float(np.median(ratio))
    extra = (ratio**2 - 1.0) * years * MINUTES_PER_YEAR
    clock = float(np.median(extra))
    spread = float(np.median(np.abs(extra - clock)))
    apart = abs(middle - 1.0) > _SAME_CLOCK
    sides = [float(np.median(extra[side])) for side in (calls, ~calls) if side.any()]
    agreed = max(spread, *(abs(side - clock) for side in sides)) <= _STEADY * abs(clock)
    steady = apart and agreed
    # On one clock: theirs would be larger by the root of the longer time.
    away = ours - theirs * (middle if steady else 1.0)
    return Compared(
        expiry=expiry,
        years=years,
        contracts=int(ours.size),
        ours_only=alone[0],
        theirs_only=alone[1],
        ratio=middle,
        clock_minutes=clock,
        steady=steady,
        left=float(np.median(np.abs(away))),
        left_95=float(np.quantile(np.abs(away), 0.95)),
        calls=_median(away[calls]),
        puts=_median(away[~calls]),
    )


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if values.size else float("nan")


class Scaled(NamedTuple):
    """A Greek of a vendor against ours: contracts compared, median of theirs over ours, and the
    median absolute deviation of that ratio from it."""

    contracts: int
    ratio: float
    spread: float


def scale(ours: FloatArray, theirs: FloatArray, smallest: float) -> Scaled:
    """Return in which unit a vendor gives a Greek, as a multiple of ours.

    Parameters
    ----------
    ours, theirs : (n,) float64
    smallest : float
        Values of ours below this are left out: the vendor's digits end there.
    """
    with np.errstate(invalid="ignore"):
        good = np.isfinite(ours) & np.isfinite(theirs) & (np.abs(ours) >= smallest)
    if np.count_nonzero(good) < LEAST:
        return Scaled(int(np.count_nonzero(good)), float("nan"), float("nan"))
    ratio = theirs[good] / ours[good]
    middle = float(np.median(ratio))
    return Scaled(int(ratio.size), middle, float(np.median(np.abs(ratio - middle))))
