"""Packages of several legs walked along books that share their rows: all legs of a unit or none."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from quant.arrays import FloatArray, IntArray
from quant.kernels import fill_codes as c
from quant.kernels.compile import INTS, MATRIX, inlined, kernel
from quant.kernels.fill_parts import (
    CODES,
    COUNTS,
    NEAR,
    NUMBERS,
    TABLE,
    WHOLES,
    Quote,
    displayed,
    fault,
    first,
    over,
    settle,
    slipped,
    tick_at,
    to_tick,
)  # fmt: skip

_MARKET = int(c.Kind.MARKET)
_IOC, _FOK = int(c.Force.IOC), int(c.Force.FOK)
_WORKING, _FILLED = int(c.State.WORKING), int(c.State.FILLED)
_NONE, _TAKEN = int(c.Reason.NONE), int(c.Reason.TAKEN)
_NO_QUOTE, _NO_SIZE, _AWAY, _COLLAR, _WHOLE, _REST = (
    int(c.Reason.NO_QUOTE), int(c.Reason.NO_SIZE), int(c.Reason.AWAY), int(c.Reason.COLLAR),
    int(c.Reason.WHOLE), int(c.Reason.REST),
)  # fmt: skip


@inlined
def _units_of(at: float, size: float, ratio: float, near: float, g: FloatArray) -> float:
    """Return for how many units a leg's displayed size is enough, less what it had already."""
    if not abs(at - g[0]) <= near:
        g[0], g[1] = at, 0.0
    g[1] = min(g[1], size)
    return math.floor((size - g[1]) / abs(ratio) + NEAR)


@inlined
def _leg(
    q: Quote, ways: IntArray, z: FloatArray,
    rules: FloatArray, g: FloatArray,
) -> tuple[float, float, int]:  # fmt: skip
    """Return a leg's price, for how many units it is there, and what forbids to trade it."""
    ratio = z[c.L_RATIO]
    side = 1 if ratio > 0.0 else -1
    touch, size = (q[1], q[3]) if side > 0 else (q[0], q[2])
    wrong = fault(q[0], q[1], q[6], ways[c.MOST_AGE])
    if wrong or not touch > 0.0:
        return math.nan, 0.0, wrong if wrong else _NO_QUOTE
    tick = tick_at(touch, z[c.L_TICK], z[c.L_WIDE], z[c.L_WIDE_FROM])
    price = slipped(side, q[0], q[1], rules[c.HALVES], 0.0, tick)
    shown = displayed(size, rules[c.UNKNOWN])
    return price, _units_of(touch, shown, ratio, NEAR * z[c.L_TICK], g), _NONE


@inlined
def _level(net: float, o: FloatArray, kind: int, rules: FloatArray, f: FloatArray) -> float:
    """Return the net price that a package may not pass."""
    if math.isnan(f[c.LEVEL]):
        f[c.LEVEL] = o[c.P_LIMIT]
        if kind == _MARKET:
            reach = max(rules[c.COLLAR_SHARE] * abs(net), rules[c.COLLAR_LEAST])
            f[c.LEVEL] = max(net, to_tick(net + reach, o[c.P_TICK], -1))
    return f[c.LEVEL]


@inlined
def _done_at(
    net: float, units: float, o: FloatArray, w: IntArray, rules: FloatArray, f: FloatArray
) -> tuple[float, int]:
    """Return how many units are done at a net price, and why not more."""
    kind, force = w[c.P_KIND], w[c.P_FORCE]
    if net > _level(net, o, kind, rules, f) + NEAR * o[c.P_TICK]:
        return 0.0, _COLLAR if kind == _MARKET else _AWAY
    if units < f[c.LEFT] and (force == _FOK or w[c.P_ALL]):
        return 0.0, _WHOLE
    if units < 1.0:
        return 0.0, _NO_SIZE
    return min(units, f[c.LEFT]), _REST if force == _IOC else _NO_SIZE


@kernel(
    WHOLES, TABLE, types.UniTuple(TABLE, 2), CODES, types.UniTuple(WHOLES, 2), NUMBERS, WHOLES,
    types.UniTuple(MATRIX, 2), COUNTS, INTS, COUNTS, MATRIX,
)  # fmt: skip
def packages_kernel(
    time: IntArray,
    table: FloatArray,
    tables: tuple[FloatArray, ...],
    wholes: IntArray,
    places: tuple[IntArray, ...],
    rules: FloatArray,
    ways: IntArray,
    progress: tuple[FloatArray, ...],
    s: IntArray,
    counts: IntArray,
    out: IntArray,
    amounts: FloatArray,
) -> None:
    """Walk packages from number `counts[1]` on, as `fills.orders_kernel` does orders.

    Parameters
    ----------
    time, table, rules, ways, counts, out
        As there.
    tables : (n, columns) and (legs, columns) float64
        Of the packages and of all their legs, one package after the other.
    wholes : (n, columns) int64
    places : (legs,) and (n,) int64
        The row at which each leg's book begins, and how many rows a package's books have.
    progress : (n, columns) and (legs, 2) float64
        Of the packages, and the price at which each leg took last with how much; written.
    s : (n, columns) int64
        Written.
    amounts : (room, 2 + 4) float64
        Net price, units, and the price of each leg.
    """
    numbers, legs = tables
    begins, rows = places
    f, g = progress
    prices = np.zeros(c.MOST_LEGS)
    for i in range(counts[1], numbers.shape[0]):
        counts[1] = i
        w, h, t = wholes[i], f[i], s[i]
        begin, done = begins[w[c.P_FIRST]], t[c.STATE] >= _FILLED
        start = first(time, begin, begin + rows[i], w[c.P_ARRIVAL], t[c.SEEN], -1)
        for row in range(start - begin, 0 if done else rows[i]):
            if counts[0] >= out.shape[0]:
                return
            now = time[begin + row]
            done = over(now, w[c.P_UNTIL], w[c.P_CANCEL], t)
            if done:
                break
            t[c.SEEN], t[c.STATE] = now, _WORKING
            net, units, why = 0.0, math.inf, _NONE
            for leg in range(w[c.P_FIRST], w[c.P_LAST]):
                at, z = begins[leg] + row, legs[leg]
                price, there, wrong = _leg(table[at], ways, z, rules, g[leg])
                prices[leg - w[c.P_FIRST]] = price
                net += z[c.L_RATIO] * z[c.L_WEIGHT] * price
                units = min(units, there)
                why = why if why else wrong
            if not why:
                units, why = _done_at(net, units, numbers[i], w, rules, h)
            if units > 0.0:
                mark = counts[0]
                out[mark, 0], out[mark, 1], out[mark, 2], out[mark, 3] = i, row, now, _TAKEN
                amounts[mark, 0], amounts[mark, 1] = net, units
                for leg in range(w[c.P_FIRST], w[c.P_LAST]):
                    g[leg, 1] += units * abs(legs[leg, c.L_RATIO])
                    amounts[mark, 2 + leg - w[c.P_FIRST]] = prices[leg - w[c.P_FIRST]]
                counts[0] = mark + 1
                h[c.LEFT] -= units
            done = settle(w[c.P_FORCE], h, t, 1.0, why)
            if done:
                break
        if not done:
            over(ways[c.NOW], w[c.P_UNTIL], w[c.P_CANCEL], t)
    counts[1] = numbers.shape[0]
