"""Which quotes a smile is fitted to, and why the others are not.

Out-of-the-money quotes carry the smile. Left out are those without a volatility, those whose time
value is a matter of ticks, those too far away to trade, and those that fall off the smile by
several times their spread: stale and cabinet quotes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from quant.arrays import BoolArray, FloatArray, IntArray
from quant.chain import Chain
from quant.implied_vol import ChainVols
from quant.status import Status

MOST_DEVIATIONS = 5.0
LEAST_TICKS = 2.0
_FLOOR = 5e-4
"""Half-spread, in volatility, below which a quote counts as no tighter: prices come in ticks."""
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
_BLUR = 0.01
"""Share of the at-the-money volatility below which a tighter spread gives no more weight."""


class Points(NamedTuple):
    """Quotes of one expiry that carry its smile, ascending in strike, and the tally of others.

    Attributes
    ----------
    where : (n,) int64
        Positions in the chain.
    k : (n,) float64
        Log-moneyness ln(K/F).
    bid, mid, ask : (n,) float64
        Volatilities per square root of a year; `bid` is NaN where the bid has no time value.
    half : (n,) float64
        Half of the volatility spread, at least 0.05 points.
    quotes : int
        Out-of-the-money contracts of the expiry.
    unquoted, thin, far : int
        Without two-sided volatility; with less than two ticks of time value; beyond five
        deviations.
    """

    where: IntArray
    k: FloatArray
    bid: FloatArray
    mid: FloatArray
    ask: FloatArray
    half: FloatArray
    quotes: int
    unquoted: int
    thin: int
    far: int

    @property
    def money(self) -> float:
        """Return the volatility at the forward, between the quotes around it."""
        return float(np.interp(0.0, self.k, self.mid))

    def deviations(self, years: float) -> FloatArray:
        """Return log-moneyness in at-the-money standard deviations."""
        out: FloatArray = self.k / (self.money * np.sqrt(years))
        return out

    def weights(self, years: float) -> FloatArray:
        """Return the weight of each squared volatility error in a fit.

        Vega's root, so that the part that trades decides, over the squared spread, which counts
        where it is wide: quotes much tighter than a model is right would drown the others.
        """
        if not self.k.size:
            return self.k
        width = self.half**2 + (_BLUR * self.money) ** 2
        out: FloatArray = np.exp(-0.25 * self.deviations(years) ** 2) / width
        return out

    def keep(self, which: BoolArray) -> Points:
        """Return the points of a mask; the tally stays."""
        parts = {name: getattr(self, name)[which] for name in self._fields[:6]}
        return self._replace(**parts)


def smile_points(chain: Chain, vols: ChainVols, tick: float = 0.01) -> list[Points]:
    """Return each expiry's points, in order of `chain.expiry_values()`."""
    years = chain.years()
    with np.errstate(all="ignore"):
        k = np.log(chain.strikes / vols.forward)
    outside = np.where(chain.is_call, k >= 0.0, k < 0.0) & (years > 0.0)
    told = (vols.status == Status.OK) & (chain.bids > 0.0) & np.isfinite(vols.ask)
    thick = chain.mids() >= LEAST_TICKS * tick
    order = np.lexsort((chain.strikes, chain.expiries))
    expiries = chain.expiry_values()
    starts, ends = (np.searchsorted(chain.expiries[order], expiries, side) for side in _SIDES)
    spans = zip(starts.tolist(), ends.tolist(), strict=True)
    return [_of(order[a:b], k, years, vols, outside, told, thick) for a, b in spans]


def _of(
    own: IntArray,
    k: FloatArray,
    years: FloatArray,
    vols: ChainVols,
    outside: BoolArray,
    told: BoolArray,
    thick: BoolArray,
) -> Points:
    """Return the points among one expiry's contracts, which come ascending in strike."""
    side = own[outside[own]]
    good = told[side]
    if not good.any() and own.size:
        # Nothing quoted out of the money: the other side is all there is.
        side = own[(years[own] > 0.0) & told[own]]
        good = told[side]
    solid = good & thick[side]
    places = side[solid]
    vol = vols.mid[places]
    near = np.zeros(0, dtype=np.bool_)
    if places.size:
        width = float(np.interp(0.0, k[places], vol) * np.sqrt(years[places[0]]))
        near = np.abs(k[places]) <= MOST_DEVIATIONS * width
    chosen = places[near]
    bid, mid, ask = vols.bid[chosen], vols.mid[chosen], vols.ask[chosen]
    return Points(
        where=chosen,
        k=k[chosen],
        bid=bid,
        mid=mid,
        ask=ask,
        half=np.maximum(np.where(np.isfinite(bid), 0.5 * (ask - bid), ask - mid), _FLOOR),
        quotes=int(side.size),
        unquoted=int(side.size - np.count_nonzero(good)),
        thin=int(np.count_nonzero(good & ~solid)),
        far=int(places.size - chosen.size),
    )


def cliffs(points: Points, miss: FloatArray) -> BoolArray:
    """Return which points fall off a smile: far beyond their spread and beyond the others' misses.

    Parameters
    ----------
    points : Points
    miss : (n,) float64
        Fitted less quoted volatility.
    """
    usual = 1.4826 * float(np.median(np.abs(miss)))
    out: BoolArray = np.abs(miss) > np.maximum(5.0 * usual, 3.0 * points.half)
    return out
