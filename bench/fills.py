"""From orders to fills, fees and the value of the account on every bar, beside vectorbt.

Both get the same bars and the same list of market orders, buys and sells in turn where two moving
averages cross, and return the account's value on every bar with a fee of one basis point:

- ours is `quant.fills.run` on bid and ask, `quant.fees.charges`, and shares and cash between fills;
- vectorbt's is `Portfolio.from_orders` at those prices, and its value.

Building each side's own input from the list is timed, the bars are there already. Both on one core.
What vectorbt has no counterpart for is reported: resting orders with queues, packages, and what one
new row costs the orders of a live account.

    python bench/fills.py [--reps 5]
"""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import timing
from quant import fee_rates, fees, fills

Bars = np.ndarray
BARS, MINUTES, PATHS = 1_000_000, 390, 4096
FAST, SLOW, SPREAD = 20, 50, 0.02
GOAL = 10.0
CASH = 1e6
DAY = dt.date(2026, 1, 5)
RATE = fee_rates.Rate(
    "commission", Decimal("0.0001"), fee_rates.Unit.VALUE, frozenset({fee_rates.Asset.EQUITY}),
    dt.date(1970, 1, 1), "given", True,
)  # fmt: skip


def prices(rng: np.random.Generator, bars: int, paths: int) -> Bars:
    """Return closes (bars, paths) on a grid of cents."""
    moves = rng.normal(0.0, 4e-4, (bars, paths)).cumsum(axis=0)
    return np.round(100.0 * np.exp(moves - moves.mean()), 2)


def crossings(close: Bars) -> tuple[Bars, Bars, Bars]:
    """Return bar, path and side of every order; sides alternate, the first buys."""
    total = np.cumsum(close, axis=0)
    above = np.zeros(close.shape, dtype=bool)
    fast = (total[FAST:] - total[:-FAST]) / FAST
    slow = (total[SLOW:] - total[:-SLOW]) / SLOW
    above[SLOW:] = fast[SLOW - FAST :] > slow
    turns = np.diff(above, axis=0, prepend=False)
    path, bar = np.nonzero(turns.T)
    return bar, path, np.where(above[bar, path], 1, -1)


class House:
    """Our side, with the bars ready."""

    def __init__(self, close: Bars) -> None:
        self.bars, self.paths = close.shape
        self.close = np.ascontiguousarray(close.T)
        mid = self.close.ravel()
        time = np.tile(np.arange(1, self.bars + 1), self.paths)
        ends = np.arange(self.paths + 1) * self.bars
        half = SPREAD / 2
        self.books = fills.Books.of(
            time, np.round(mid - half, 2), np.round(mid + half, 2), 1e6, 1e6, mid, 1e3, offsets=ends
        )

    def value(self, bar: Bars, path: Bars, side: Bars) -> Bars:
        """Return the value of each path's account on every bar."""
        orders = fills.Orders.of(
            side=side, quantity=100.0, kind=fills.Kind.MARKET, sent=bar + 1, book=path
        )
        found = fills.run(self.books, orders).fills
        way = side[found.order]
        paid = fees.charges(
            [RATE], DAY, fee_rates.Asset.EQUITY, side=way, quantity=found.quantity,
            price=found.price,
        ).total  # fmt: skip
        moved = np.column_stack([way * found.quantity, -way * found.quantity * found.price - paid])
        return self._value(found.row, moved)

    def _value(self, row: Bars, moved: Bars) -> Bars:
        """Return values from what fills moved of shares and cash: both stand still in between."""
        starts = np.arange(self.paths) * self.bars
        at = np.searchsorted(row, starts)
        entries = np.insert(moved, at, 0.0, axis=0).cumsum(axis=0)
        first = at + np.arange(self.paths)
        entries -= np.repeat(entries[first], np.diff(first, append=len(entries)), axis=0)
        bars = np.diff(np.insert(row, at, starts), append=self.close.size)
        value = np.repeat(entries[:, 0], bars)
        value *= self.close.ravel()
        value += np.repeat(entries[:, 1] + CASH, bars)
        return value.reshape(self.close.shape)


class Peer:
    """vectorbt's side, with the bars ready."""

    def __init__(self, close: Bars) -> None:
        import vectorbt

        self.make = vectorbt.Portfolio.from_orders
        self.close = close
        self.bid, self.ask = np.round(close - SPREAD / 2, 2), np.round(close + SPREAD / 2, 2)

    def value(self, bar: Bars, path: Bars, side: Bars) -> Bars:
        """Return the value of each path's account on every bar, bars first."""
        size = np.full(self.close.shape, np.nan)
        price = np.full(self.close.shape, np.nan)
        size[bar, path] = 100.0 * side
        price[bar, path] = np.where(side > 0, self.ask[bar, path], self.bid[bar, path])
        made = self.make(self.close, size=size, price=price, fees=1e-4, init_cash=CASH, freq="1min")
        return np.asarray(made.value())


def race(reps: int, title: str, close: Bars) -> None:
    orders = crossings(close)
    house = House(close)
    work = f"{title}, {orders[0].size:,} market orders"
    try:
        peer = Peer(close)
    except ImportError:
        timing.not_measured(work, "vectorbt is not installed; it comes with .[bench]")
        return
    mine, theirs = house.value(*orders), peer.value(*orders).reshape(close.shape).T
    timing.differs(
        "value of the account, over its start", float(np.abs(mine - theirs).max()) / CASH
    )
    with timing.one_core():
        pair = timing.in_turn(
            timing.timer(lambda: house.value(*orders)),
            timing.timer(lambda: peer.value(*orders)),
            reps,
        )
    timing.faster(work, pair, GOAL)


def ours_alone(reps: int, rng: np.random.Generator) -> None:
    """Report what has no peer."""
    count, rows = 100_000, 100_000
    close = prices(rng, rows, 1)[:, 0]
    time = np.arange(1, rows + 1)
    size = rng.integers(1, 50, (2, rows)).astype(float)
    books = fills.Books.of(
        time, np.round(close - 0.01, 2), np.round(close + 0.01, 2), *size, close,
        rng.integers(0, 30, rows),
    )  # fmt: skip
    sent = rng.integers(1, rows - 400, count)
    limits = fills.Orders.of(
        side=np.where(rng.random(count) < 0.5, 1, -1), quantity=10.0, sent=sent,
        limit=np.round(close[sent] + rng.integers(-5, 6, count) / 100, 2), until=sent + 390,
        force=fills.Force.DAY,
    )  # fmt: skip
    report(reps, "limit orders that rest up to 390 rows", lambda: fills.run(books, limits), count)
    two = fills.Books.stack([books, books])
    packages = fills.Packages.of(
        units=5, legs=[[(0, 1), (1, -1)]] * 20_000, limit=0.02, sent=sent[:20_000],
        until=sent[:20_000] + 390, force=fills.Force.DAY,
    )  # fmt: skip
    report(reps, "packages of two legs", lambda: fills.run_packages(two, packages), 20_000)
    live = fills.Orders.of(side=1, quantity=10.0, limit=np.round(close[:1000] - 50.0, 2))
    before = fills.run(fills.Books.of(1, 99.0, 99.01, 5, 5), live).progress
    row = fills.Books.of(2, 99.0, 99.01, 5, 5)
    report(reps, "one new row for 1,000 resting orders",
           lambda: fills.run(row, live, progress=before), 1000)  # fmt: skip


def report(reps: int, work: str, call: object, count: int) -> None:
    took = timing.alone(timing.timer(call), reps, pieces=count)
    timing.row(work, timing.seconds(took) + " an order", "-", "-", "", None)


def main() -> None:
    reps = timing.repetitions(__doc__, 5)
    rng = np.random.default_rng(0)
    timing.header()
    race(reps, f"{BARS:,} bars", prices(rng, BARS, 1))
    race(reps, f"{PATHS:,} paths of {MINUTES} bars", prices(rng, MINUTES, PATHS))
    ours_alone(reps, rng)


if __name__ == "__main__":
    main()
