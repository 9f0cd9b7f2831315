"""The underlying's price out of put-call parity, where a file gives none that can be trusted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from market.snapshot import SnapshotData

_PAIRS = 7
_MIN_PAIRS = 3
DISAGREEMENT = 0.001
"""Share of the price by which a stated spot may miss the one that the chain implies."""


def parity_price(data: SnapshotData) -> float:
    """Return the median of C - P + K over the tightest pairs of the nearest live expiry.

    Carry over the few days to that expiry is left out: this places the spot, it is no forward.
    Quote middles are used, the vendor's closing prices where there are no quotes. NaN when fewer
    than three pairs of calls and puts are priced.
    """
    layout = data.layout
    bids, asks = data.column("bids"), data.column("asks")
    quoted = (bids > 0) & (bids <= asks)
    middle = np.where(quoted, 0.5 * (bids + asks), np.nan)
    if not quoted.any():
        middle = data.column("last")
    for settles in np.unique(layout.settles[layout.settles > data.time]).tolist():
        live = (layout.settles == settles) & np.isfinite(middle)
        calls = dict(zip(layout.strikes[live & layout.is_call].tolist(),
                         middle[live & layout.is_call].tolist(), strict=True))  # fmt: skip
        puts = dict(zip(layout.strikes[live & ~layout.is_call].tolist(),
                        middle[live & ~layout.is_call].tolist(), strict=True))  # fmt: skip
        pairs = sorted((abs(calls[k] - puts[k]), k) for k in calls.keys() & puts.keys())
        if len(pairs) >= _MIN_PAIRS:
            near = [k for _, k in pairs[:_PAIRS]]
            return float(np.median([calls[k] - puts[k] + k for k in near]))
    return float("nan")


def spot_from_parity(data: SnapshotData) -> SnapshotData:
    """Return the snapshot with the chain's own price as its last, marked as such."""
    price = parity_price(data)
    if not np.isfinite(price):
        return data
    scalars = {**data.scalars, "forward_spot": 1.0}
    return replace(data, bid=np.nan, ask=np.nan, last=price, scalars=scalars)


def checked_spot(data: SnapshotData) -> tuple[SnapshotData, str]:
    """Return the snapshot with a spot that its own chain supports, and what to tell of it.

    A stated spot that misses parity by more than `DISAGREEMENT` is old or from another day; the
    chain's price takes its place and the stated one is kept as the scalar `stated_spot`.
    """
    stated, implied = data.spot, parity_price(data)
    if not np.isfinite(implied) or abs(stated - implied) <= DISAGREEMENT * implied:
        return data, ""
    placed = spot_from_parity(data)
    if not np.isfinite(stated):
        return placed, f"no price of the underlying; the chain implies {implied:.2f}"
    scalars = {**placed.scalars, "stated_spot": stated}
    text = f"the file says spot {stated:.2f}, its chain implies {implied:.2f}; the chain's is used"
    return replace(placed, scalars=scalars), text
