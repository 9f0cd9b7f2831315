"""The one array kernel for fills: paper broker, backtest and training environment share it.

The rules, order by order and row by row:

1. An order acts from the first row at or after its arrival, which is `sent + latency`. It ends with
   the first row at or after `until` or `cancel_at`, whichever is earlier, without a fill on it.
2. A row without a quote, with a stale one, crossed or locked fills nothing and moves nothing; the
   reason is kept. An immediate order ends there. A bid of 0 is no bid; buying is still possible.
3. Stops are held until set off by the quote's side at which they would trade, or by the last trade.
   A trailing stop follows the best price since its first row. Set off, a stop is a market order, a
   stop-limit a limit order, on that very row.
4. A market order becomes a limit at its collar on its first row: past the touch by a share of it or
   by an amount, whichever is more, rounded inwards. It takes what is displayed, at the touch, and
   takes the rest from the rows that follow. It never rests.
5. A limit order takes what is displayed at its limit or better when it arrives, and pays the touch.
   What is left rests, is filled at its limit, and waits its turn: behind the size displayed at that
   price when it came there, behind nobody at a better price, behind an unknown size at a worse
   one until the market comes to it. What trades at the limit serves those ahead first; what trades
   through it, or displays itself at the limit from the other side, comes to the order. Who cancels
   is taken to have stood behind, as far as the display allows it.
6. Displayed size that an order took does not come back while the price stands, but for size that
   was added; what others trade at that price is taken to be the same size.
7. The price of taking is the touch. With `half_spreads` other than 1, or with impact, it is moved
   from there, rounded to the tick against the order, and never passes its limit or collar.
8. Packages take all legs of a whole number of units from one row, or nothing, when the net price of
   the legs' touches is at the limit or better. They have no impact and no queue.

Orders know nothing of one another: two of them see the same displayed size. Equal prices are those
that differ by less than a millionth of a tick. Nothing is random, and rows may come in any number
of calls: `run(books, orders, progress=earlier)` goes on with what is newer, to the bit as if all
had come at once.
"""

from __future__ import annotations

import numpy as np

from quant.arrays import BoolArray, FloatArray, IntArray
from quant.fill_checks import refused, refused_packages
from quant.fill_types import (
    NEVER,
    Books,
    Fills,
    Force,
    Kind,
    Orders,
    Outcome,
    Packages,
    Progress,
    Reason,
    Rules,
    State,
    Trigger,
)  # fmt: skip
from quant.kernels import fill_codes as codes

__all__ = [
    "NEVER", "Books", "Fills", "Force", "Kind", "Orders", "Outcome", "Packages", "Progress",
    "Reason", "Rules", "State", "Trigger", "run", "run_packages",
]  # fmt: skip

_LEAST_ROOM = 1024
_BEFORE = np.iinfo(np.int64).min


def run(
    books: Books,
    orders: Orders,
    rules: Rules | None = None,
    *,
    progress: Progress | None = None,
    now: int | None = None,
) -> Outcome:
    """Fill orders from books.

    Parameters
    ----------
    books : Books
    orders : Orders
        Bad ones come back rejected, with the reason.
    rules : Rules, optional
    progress : Progress, optional
        Of an earlier call with the same orders; rows that it has seen are passed over.
    now : int, optional
        The time at which to end what expires, should the last row be older.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        When there is impact and an order lacks `sigma` or `daily_volume`, or when the progress is
        that of another number of orders.
    """
    from quant.kernels.fills import ROOM, orders_kernel

    way = rules or Rules()
    if way.impact > 0.0 and not _has_scale(orders).all():
        raise ValueError("impact needs sigma from 0 on and daily_volume above 0 for every order")
    count = orders.side.size
    made = progress or _start(orders.quantity, refused(orders, books), 0)
    numbers, wholes, _ = _copies(made, count, 0)
    given = np.column_stack([
        orders.quantity, orders.limit, orders.stop, orders.trail, orders.trail_share, orders.tick,
        orders.wide_tick, orders.wide_from, orders.lot, orders.sigma, orders.daily_volume,
    ])  # fmt: skip
    ways = np.column_stack([
        orders.side, orders.kind, orders.force, orders.arrival, orders.until, orders.cancel_at,
        orders.book,
    ])  # fmt: skip
    for column in (given, ways):
        column.flags.writeable = False
    parts: list[tuple[IntArray, FloatArray]] = []
    counts = np.zeros(2, dtype=np.int64)
    room = max(_LEAST_ROOM, 2 * count) + ROOM
    while counts[1] < count:
        counts[0] = 0
        out, amounts = np.empty((room, 4), dtype=np.int64), np.empty((room, 2))
        orders_kernel(
            books.time, books.table, books.offsets, given, ways, *_rules(way, now), numbers,
            wholes, counts, out, amounts,
        )  # fmt: skip
        parts.append((out[: counts[0]], amounts[: counts[0]]))
    return Outcome(_fills(parts, 2), Progress(numbers, wholes, made.legs))


def run_packages(
    books: Books,
    packages: Packages,
    rules: Rules | None = None,
    *,
    progress: Progress | None = None,
    now: int | None = None,
) -> Outcome:
    """Fill packages from books; a package's books must have rows at the same times.

    Parameters and result as of `run`; a fill's price is the net price of a unit, and `legs` has the
    legs' own.
    """
    from quant.kernels.packages import packages_kernel

    way, count = rules or Rules(), packages.units.size
    ends = np.cumsum(packages.legs)
    refusal = refused_packages(packages, books)
    made = progress or _start(packages.units, refusal, packages.book.size)
    numbers, wholes, taken = _copies(made, count, packages.book.size)
    given = np.column_stack([packages.units, packages.limit, packages.tick])
    kind = np.where(np.isnan(packages.limit), Kind.MARKET, Kind.LIMIT)
    ways = np.column_stack([
        kind, packages.force, packages.sent + packages.latency, packages.until,
        packages.cancel_at, ends - packages.legs, ends, packages.whole,
    ])  # fmt: skip
    legs = np.column_stack([
        packages.ratio, packages.weight, packages.leg_tick, packages.wide_tick,
        packages.wide_from,
    ])  # fmt: skip
    known = (packages.book >= 0) & (packages.book < books.offsets.size - 1)
    # One more than legs: a refused package may have none, and its first would be out of bounds.
    begins = np.append(books.offsets[np.where(known, packages.book, 0)], 0)
    rows = _rows(books, packages, ends)
    for column in (given, ways, legs, begins, rows):
        column.flags.writeable = False
    parts: list[tuple[IntArray, FloatArray]] = []
    counts = np.zeros(2, dtype=np.int64)
    room = max(_LEAST_ROOM, 2 * count)
    while counts[1] < count:
        counts[0] = 0
        out = np.empty((room, 4), dtype=np.int64)
        amounts = np.full((room, 2 + codes.MOST_LEGS), np.nan)
        packages_kernel(
            books.time, books.table, (given, legs), ways, (begins, rows), *_rules(way, now),
            (numbers, taken), wholes, counts, out, amounts,
        )  # fmt: skip
        parts.append((out[: counts[0]], amounts[: counts[0]]))
    return Outcome(_fills(parts, 2 + codes.MOST_LEGS), Progress(numbers, wholes, taken))


def _has_scale(orders: Orders) -> BoolArray:
    known: BoolArray = (orders.sigma >= 0.0) & (orders.daily_volume > 0.0)
    return known & np.isfinite(orders.sigma)


def _start(quantity: FloatArray, refusal: IntArray, legs: int) -> Progress:
    """Return progress before the first row."""
    numbers = np.full((quantity.size, 6), np.nan)
    numbers[:, codes.LEFT] = quantity
    numbers[:, codes.AHEAD] = np.inf
    numbers[:, codes.TAKEN] = 0.0
    wholes = np.zeros((quantity.size, 5), dtype=np.int64)
    wholes[:, codes.STATE] = np.where(refusal == Reason.NONE, State.PENDING, State.REJECTED)
    wholes[:, codes.REASON] = np.where(refusal == Reason.NONE, Reason.NO_ROW, refusal)
    wholes[:, codes.SEEN] = _BEFORE
    taken = np.zeros((legs, 2))
    taken[:, 0] = np.nan
    return Progress(numbers, wholes, taken)


def _copies(made: Progress, count: int, legs: int) -> tuple[FloatArray, IntArray, FloatArray]:
    if made.left.size != count or len(made.legs) != legs:
        raise ValueError("progress is of other orders; give that of the same ones")
    return made.numbers.copy(), made.wholes.copy(), made.legs.copy()


def _rules(way: Rules, now: int | None) -> tuple[FloatArray, IntArray]:
    """Return the rules as kernels take them."""
    shares = np.array([
        way.half_spreads, way.impact, way.collar_share, way.collar_least, way.unknown_size,
    ])  # fmt: skip
    wholes = np.array([way.most_age, way.trigger, _BEFORE if now is None else now], dtype=np.int64)
    shares.flags.writeable = wholes.flags.writeable = False
    return shares, wholes


def _rows(books: Books, packages: Packages, ends: IntArray) -> IntArray:
    """Return how many rows the first leg's book of each package has, 0 of what is refused."""
    lengths = np.diff(books.offsets)
    first = packages.book[np.maximum(ends - packages.legs, 0)] if packages.book.size else ends * 0
    known = (first >= 0) & (first < lengths.size) & (packages.legs > 0)
    found: IntArray = np.where(known, lengths[np.where(known, first, 0)], 0)
    return found


def _fills(parts: list[tuple[IntArray, FloatArray]], width: int) -> Fills:
    codes_ = np.concatenate([np.empty((0, 4), dtype=np.int64), *(out for out, _ in parts)])
    amounts = np.concatenate([np.empty((0, width)), *(amount for _, amount in parts)])
    return Fills(
        order=codes_[:, 0], row=codes_[:, 1], time=codes_[:, 2], reason=codes_[:, 3],
        price=amounts[:, 0], quantity=amounts[:, 1], legs=amounts[:, 2:],
    )  # fmt: skip
