"""Observations of how options are quoted: smiles that quotes leave, spreads, sizes, counts."""

from __future__ import annotations

import numpy as np

from market.features.analysis import MONTH_YEARS, Analysis
from market.features.context import RowBuilder
from market.frames import Missing
from quant import surface
from quant.arrays import BoolArray
from quant.smile_points import Points, smile_points
from quant.surface_types import SurfaceSlice

REACH_YEARS = 65.0 / 365.0
"""Expiries further away are not fitted: they say little of the day and cost as much."""
LIQUID_DEVIATIONS = 2.0
"""Quotes within so many standard deviations of the forward are liquid enough to be believed."""
NEAR_MOVES = 1.0
"""Quotes within so many daily standard deviations of spot count as depth."""
FITTED = ("mispricing", "sabr_rho")
QUOTED = ("option_spread", "option_depth", "quote_count")
COLUMNS = (*FITTED, *QUOTED)


def put_smiles(row: RowBuilder, done: Analysis) -> None:
    """Put what the arbitrage-free smiles say of the quotes, and the correlation of SABR."""
    chain, near = done.chain, done.chain.years() <= REACH_YEARS
    quotes, vols = chain.select(near), done.vols.select(near)
    fitted = surface.fit(quotes, vols)
    # The fit leaves out what falls off the smile, and that is what is looked for here.
    whole = dict(zip(quotes.expiry_values().tolist(), smile_points(quotes, vols), strict=True))
    misses = [_worst(one, whole[one.expiry]) for one in fitted.slices if one.good]
    worst = max(misses, key=abs, default=None)
    row.put("mispricing", worst, Missing.NO_FIT)
    month = min(fitted.slices, key=lambda one: abs(one.years - MONTH_YEARS), default=None)
    good = month is not None and month.sabr_quality is not None and month.sabr_quality.good
    rho = month.sabr.parameters.rho if good and month is not None and month.sabr else None
    row.put("sabr_rho", rho, Missing.NO_FIT)


def put_quotes(row: RowBuilder, done: Analysis, move: float) -> None:
    """Put spread, size and number of the nearest expiry's quotes around spot.

    `move` is one standard deviation over a session, in currency.
    """
    near = _front(done, NEAR_MOVES * move)
    chain = done.chain
    quoted = near & (chain.bids > 0.0) & (chain.asks >= chain.bids)
    if not near.any():
        row.put_missing(QUOTED, Missing.NO_QUOTE)
        return
    middle = 0.5 * (chain.bids[quoted] + chain.asks[quoted])
    widths = (chain.asks[quoted] - chain.bids[quoted]) / middle
    sizes = chain.bid_sizes[quoted] + chain.ask_sizes[quoted]
    row.put("option_spread", np.median(widths) if widths.size else None, Missing.NO_QUOTE)
    row.put("option_depth", sizes.sum() if sizes.size else None, Missing.NO_QUOTE)
    row.put("quote_count", int(np.count_nonzero(quoted & (chain.asks > 0.0))))


def _worst(one: SurfaceSlice, points: Points) -> float:
    """Return the largest miss of a liquid quote in half-spreads; positive where it is too cheap."""
    liquid = np.abs(points.deviations(one.years)) <= LIQUID_DEVIATIONS
    liquid &= np.isfinite(points.bid)
    if one.smile is None or not liquid.any():
        return 0.0
    fair = one.smile.vol(points.k[liquid], one.years)
    misses = (fair - points.mid[liquid]) / points.half[liquid]
    return float(misses[np.argmax(np.abs(misses))])


def _front(done: Analysis, reach: float) -> BoolArray:
    """Return the contracts of the nearest live expiry within reach of spot."""
    chain = done.chain
    live = chain.expiries > chain.time
    if not live.any() or not np.isfinite(reach):
        return np.zeros(len(chain), dtype=np.bool_)
    front = chain.expiries == chain.expiries[live].min()
    near: BoolArray = front & (np.abs(chain.strikes - chain.spot) <= reach)
    return near
