"""What orders and packages share on their walk along a book: quotes, the grid of prices, ends."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray, IntArray
from quant.kernels import fill_codes as c
from quant.kernels.compile import inlined

NUMBERS = types.Array(types.float64, 1, "C", readonly=True)
WHOLES = types.Array(types.int64, 1, "C", readonly=True)
TABLE = types.Array(types.float64, 2, "C", readonly=True)
CODES = types.Array(types.int64, 2, "C", readonly=True)
COUNTS = types.Array(types.int64, 2, "C")
Quote = FloatArray
"""A row of a book: bid, ask, their sizes, last price, the volume since the row before, age."""

NEAR = 1e-6
"""Of a tick: prices nearer than that are equal."""

# Plain numbers: the compiler knows no members of classes.
_IOC, _FOK = int(c.Force.IOC), int(c.Force.FOK)
_FILLED, _CANCELED, _EXPIRED = int(c.State.FILLED), int(c.State.CANCELED), int(c.State.EXPIRED)
_NONE, _ASKED, _TIME = int(c.Reason.NONE), int(c.Reason.ASKED), int(c.Reason.TIME)
_NO_QUOTE, _STALE, _CROSSED, _LOCKED = (
    int(c.Reason.NO_QUOTE), int(c.Reason.STALE), int(c.Reason.CROSSED), int(c.Reason.LOCKED),
)  # fmt: skip


@inlined
def fault(bid: float, ask: float, age: float, most: int) -> int:
    """Return what forbids to trade against a quote, 0 when nothing does."""
    if not (0.0 < ask < math.inf and bid >= 0.0):
        return _NO_QUOTE
    if age < 0 or age > most:
        return _STALE
    if bid > ask:
        return _CROSSED
    return _LOCKED if bid == ask else _NONE


@inlined
def to_tick(price: float, tick: float, side: int) -> float:
    """Return the price on the grid that is worse for the side, or equal."""
    steps = math.ceil(price / tick - NEAR) if side > 0 else math.floor(price / tick + NEAR)
    parts = np.rint(1.0 / tick)
    # By division, so that 3 ticks of 0.1 are 0.3.
    return (
        steps / parts if parts * tick > 1.0 - 1e-9 and parts * tick < 1.0 + 1e-9 else steps * tick
    )


@inlined
def tick_at(price: float, tick: float, wide: float, wide_from: float) -> float:
    """Return the tick at a price; from `wide_from` on it is the wide one."""
    return wide if price > wide_from - NEAR * tick else tick


@inlined
def slipped(side: int, bid: float, ask: float, halves: float, move: float, tick: float) -> float:
    """Return what taking costs: the touch, moved by the spread paid and by impact, on the grid."""
    touch = ask if side > 0 else bid
    if halves == 1.0 and move == 0.0:
        return touch
    price = to_tick(touch + side * (0.5 * (halves - 1.0) * (ask - bid) + move), tick, side)
    if halves <= 1.0 and move == 0.0:  # the grid may not make a better price a worse one
        price = side * min(side * price, side * touch)
    return max(price, tick)


@inlined
def displayed(size: float, unknown: float) -> float:
    """Return the displayed size, or what stands for one that is not known."""
    return unknown if math.isnan(size) else max(size, 0.0)


@inlined
def lots(quantity: float, lot: float) -> float:
    """Return the whole lots in a quantity."""
    return math.floor(quantity / lot + NEAR) * lot


@inlined
def first(time: IntArray, begin: int, end: int, arrival: int, seen: int, hint: int) -> int:
    """Return the first row that is not before the arrival and after what was seen.

    Orders mostly come by time: from a row that is too early, the hint, steps that double find the
    next one within what is in the cache.
    """
    wanted = max(arrival, seen + 1)
    low, high = begin, end
    if begin <= hint < end and time[hint] < wanted:
        step, low = 1, hint + 1
        while low + step < end and time[low + step] < wanted:
            low += step
            step *= 2
        high = min(end, low + step + 1)
    while low < high:
        middle = (low + high) // 2
        if time[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def over(time: int, until: int, cancel: int, s: IntArray) -> bool:
    """End an order whose time has come, by what comes first."""
    if time < until and time < cancel:
        return False
    if cancel <= until:
        s[c.STATE], s[c.REASON] = _CANCELED, _ASKED
    else:
        s[c.STATE], s[c.REASON] = _EXPIRED, _TIME
    return True


@inlined
def settle(force: int, f: FloatArray, s: IntArray, lot: float, why: int) -> bool:
    """Set the state after a row; return whether the order is done."""
    if f[c.LEFT] < 0.5 * lot:
        f[c.LEFT] = 0.0
        s[c.STATE], s[c.REASON] = _FILLED, _NONE
        return True
    s[c.REASON] = why
    if force in (_IOC, _FOK):
        s[c.STATE] = _CANCELED
        return True
    return False
