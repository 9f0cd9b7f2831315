"""Which orders no market would take: refused before the first row, each with its reason."""

from __future__ import annotations

from math import gcd

import numpy as np

from quant.arrays import BoolArray, FloatArray, IntArray
from quant.fill_types import NEVER, Books, Force, Kind, Orders, Packages, Reason
from quant.kernels.fill_codes import MOST_LEGS

_NEAR = 1e-6


def _above(values: FloatArray) -> BoolArray:
    found: BoolArray = (values > 0.0) & np.isfinite(values)
    return found


def _whole(values: FloatArray, step: FloatArray) -> BoolArray:
    """Return which values are a whole number of steps, to a millionth of one."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        steps = values / step
        found: BoolArray = np.abs(steps - np.rint(steps)) <= _NEAR
    return found


def _on_grid(price: FloatArray, orders: Orders) -> BoolArray:
    with np.errstate(invalid="ignore"):
        wide = price > orders.wide_from - _NEAR * orders.tick
    return _whole(price, np.where(wide, orders.wide_tick, orders.tick))


def refused(orders: Orders, books: Books) -> IntArray:
    """Return a `Reason` for each order, `NONE` where it may go.

    Several reasons are told as the first of: side, quantity, kind, time in force, limit, stop,
    trail, tick, price off the grid, times, book.
    """
    kind, force = orders.kind, orders.force
    limited = (kind == Kind.LIMIT) | (kind == Kind.STOP_LIMIT)
    stopped = (kind == Kind.STOP) | (kind == Kind.STOP_LIMIT)
    trailing = kind == Kind.TRAILING
    immediate = (force == Force.IOC) | (force == Force.FOK)
    amount, share = _above(orders.trail), (orders.trail_share > 0.0) & (orders.trail_share < 1.0)
    grid = _above(orders.tick) & _above(orders.wide_tick) & _above(orders.lot)
    checks = {
        Reason.SIDE: np.abs(orders.side) == 1,
        Reason.QUANTITY: _above(orders.quantity) & (_whole(orders.quantity, orders.lot) | ~grid),
        Reason.KIND: (kind >= 0) & (kind <= Kind.TRAILING),
        Reason.FORCE: (force >= 0) & (force <= Force.FOK) & ~((stopped | trailing) & immediate),
        Reason.LIMIT: ~limited | _above(orders.limit),
        Reason.STOP: ~stopped | _above(orders.stop),
        Reason.TRAIL: ~trailing | (amount != share),
        Reason.TICK: grid,
        Reason.OFF_TICK: (~limited | _on_grid(orders.limit, orders))
        & (~stopped | _on_grid(orders.stop, orders)),
        Reason.TIMES: _timely(orders.latency, orders.arrival, orders.until, force),
        Reason.BOOK: (orders.book >= 0) & (orders.book < books.offsets.size - 1),
    }
    return _first_broken(checks, orders.side.size)


def refused_packages(packages: Packages, books: Books) -> IntArray:
    """Return a `Reason` for each package, `NONE` where it may go."""
    force = packages.force
    ends = np.cumsum(packages.legs).tolist()
    judge = _Legs(packages, books)
    known = np.isfinite(packages.limit) | np.isnan(packages.limit)
    legs = [
        judge.good(end - count, end)
        for end, count in zip(ends, packages.legs.tolist(), strict=True)
    ]
    ones = np.ones(packages.units.size)
    checks = {
        Reason.QUANTITY: _above(packages.units) & _whole(packages.units, ones),
        Reason.FORCE: (force >= 0) & (force <= Force.FOK),
        Reason.LIMIT: known,
        Reason.TICK: _above(packages.tick),
        Reason.OFF_TICK: np.isnan(packages.limit) | _whole(packages.limit, packages.tick),
        Reason.TIMES: _timely(
            packages.latency, packages.sent + packages.latency, packages.until, force
        ),
        Reason.LEGS: np.array(legs, dtype=bool).reshape(-1),
    }
    return _first_broken(checks, packages.units.size)


def _timely(latency: IntArray, arrival: IntArray, until: IntArray, force: IntArray) -> BoolArray:
    """Return which arrive after they are sent and before they end, and end when they must."""
    found: BoolArray = (latency >= 0) & (arrival < until)
    found &= (force != Force.DAY) | (until < NEVER)
    return found


class _Legs:
    """Judges legs; books are compared once for each pair of them."""

    def __init__(self, packages: Packages, books: Books) -> None:
        self.books = books
        sound = [
            _above(values) for values in (packages.leg_tick, packages.wide_tick, packages.weight)
        ]
        ratios = packages.ratio
        sound.append(np.isfinite(ratios) & (ratios == np.rint(ratios)) & (ratios != 0.0))
        sound.append((packages.book >= 0) & (packages.book < books.offsets.size - 1))
        self._sound = np.logical_and.reduce(sound).tolist()
        self._ratio, self._book = packages.ratio.tolist(), packages.book.tolist()
        self._same: dict[tuple[int, int], bool] = {}

    def good(self, begin: int, end: int) -> bool:
        chosen = self._book[begin:end]
        if not 1 <= end - begin <= MOST_LEGS or len(set(chosen)) < end - begin:
            return False
        if not all(self._sound[begin:end]):
            return False
        if gcd(*(int(ratio) for ratio in self._ratio[begin:end])) != 1:
            return False
        return all(self._aligned(chosen[0], other) for other in chosen[1:])

    def _aligned(self, one: int, other: int) -> bool:
        pair = (one, other)
        if pair not in self._same:
            first, second = (self.books.time[slice(*self.books.offsets[b : b + 2])] for b in pair)
            self._same[pair] = np.array_equal(first, second)
        return self._same[pair]


def _first_broken(checks: dict[Reason, BoolArray], count: int) -> IntArray:
    found = np.full(count, int(Reason.NONE), dtype=np.int64)
    for reason, holds in reversed(checks.items()):
        found[~holds] = reason
    return found
