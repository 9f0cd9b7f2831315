"""Orders walked along the rows of a book: the rules of `quant.fills`, one order after the other.

State is kept per order and per row, so rows may come in any number of calls, and a call that has
no room left for fills goes on where it stopped.
"""

from __future__ import annotations

import math

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
    lots,
    over,
    settle,
    slipped,
    tick_at,
    to_tick,
)  # fmt: skip

ROOM = 2
"""The most fills that one row brings an order."""
Sink = tuple[IntArray, IntArray, FloatArray]

_LIMIT, _STOP_LIMIT, _TRAILING = int(c.Kind.LIMIT), int(c.Kind.STOP_LIMIT), int(c.Kind.TRAILING)
_IOC, _FOK = int(c.Force.IOC), int(c.Force.FOK)
_BY_QUOTE = int(c.Trigger.QUOTE)
_HELD, _WORKING, _FILLED, _CANCELED = (
    int(c.State.HELD), int(c.State.WORKING), int(c.State.FILLED), int(c.State.CANCELED),
)  # fmt: skip
_NONE, _TAKEN, _AT, _THROUGH, _MET = (int(c.Reason(code)) for code in range(5))
_NO_QUOTE, _NO_SIZE, _AWAY, _QUEUED, _NOT_TRIGGERED, _COLLAR, _WHOLE, _REST = (
    int(c.Reason.NO_QUOTE), int(c.Reason.NO_SIZE), int(c.Reason.AWAY), int(c.Reason.QUEUED),
    int(c.Reason.NOT_TRIGGERED), int(c.Reason.COLLAR), int(c.Reason.WHOLE), int(c.Reason.REST),
)  # fmt: skip


@inlined
def _untaken(f: FloatArray, at: float, size: float, near: float) -> float:
    """Return what is left of a displayed level of which the order has had some already.

    A new price is a new level. While it stands, what was taken from it never comes back but for
    size that was added.
    """
    if not abs(at - f[c.TAKEN_AT]) <= near:
        f[c.TAKEN_AT], f[c.TAKEN] = at, 0.0
    f[c.TAKEN] = min(f[c.TAKEN], size)
    return size - f[c.TAKEN]


@inlined
def _set_off(
    o: FloatArray, kind: int, side: int, watched: float, f: FloatArray, s: IntArray
) -> bool:
    """Move a trailing stop along and return whether the stop is triggered."""
    if s[c.SET_OFF]:
        return True
    if not watched > 0.0:
        return False
    near, stop = NEAR * o[c.TICK], o[c.STOP]
    if kind == _TRAILING:
        if math.isnan(f[c.MARK]) or side * watched < side * f[c.MARK]:
            f[c.MARK] = watched
        away = o[c.TRAIL] if o[c.TRAIL] > 0.0 else o[c.SHARE] * f[c.MARK]
        stop = f[c.MARK] + side * away
    if side * (watched - stop) < -near:
        return False
    s[c.SET_OFF] = 1
    return True


@inlined
def _level(
    o: FloatArray, is_limit: bool, side: int, touch: float, rules: FloatArray, f: FloatArray
) -> float:
    """Return the price that the order may not pass; a market order's is its collar, once known."""
    if math.isnan(f[c.LEVEL]):
        if is_limit:
            f[c.LEVEL] = o[c.LIMIT]
        elif touch > 0.0:
            reach = max(rules[c.COLLAR_SHARE] * touch, rules[c.COLLAR_LEAST])
            tick = tick_at(touch, o[c.TICK], o[c.WIDE], o[c.WIDE_FROM])
            collar = to_tick(touch + side * reach, tick, -side)
            # A collar inside the touch would stop every order where the tick is coarse.
            f[c.LEVEL] = max(touch, collar) if side > 0 else max(min(touch, collar), tick)
    return f[c.LEVEL]


@inlined
def _traded(side: int, q: Quote, near: float, f: FloatArray) -> tuple[float, int]:
    """Return how much of what traded since the row before came to a resting order, and how."""
    last, volume = q[4], q[5]
    if not (volume > 0.0 and last > 0.0):
        return 0.0, _NONE
    if abs(last - f[c.TAKEN_AT]) <= near:
        # Someone else traded what the order has already had.
        had = min(f[c.TAKEN], volume)
        f[c.TAKEN] -= had
        volume -= had
    away = side * (last - f[c.LEVEL])
    if away > near:
        return 0.0, _NONE
    if away < -near:
        f[c.AHEAD] = 0.0
        return volume, _THROUGH
    before = min(f[c.AHEAD], volume)
    f[c.AHEAD] -= before
    return volume - before, _AT


@inlined
def _join(side: int, q: Quote, near: float, f: FloatArray) -> None:
    """Update what stands ahead of a resting order by its own side of the quote.

    Alone at a better price; behind what is displayed at the same; behind an unknown size at a
    worse one. Who cancels is taken to have stood behind, as long as the display allows it.
    """
    at, size = (q[0], q[2]) if side > 0 else (q[1], q[3])
    better = side * (f[c.LEVEL] - at)
    if better > near:
        f[c.AHEAD] = 0.0
    elif better >= -near and not math.isnan(size):
        f[c.AHEAD] = min(f[c.AHEAD], max(size, 0.0))


@inlined
def _note(
    tag: tuple[int, int, int], how: int, price: float, quantity: float, sink: Sink, f: FloatArray
) -> None:
    """Write down a fill of an order on a row at a time."""
    counts, out, amounts = sink
    at = counts[0]
    out[at, 0], out[at, 1], out[at, 2], out[at, 3] = tag[0], tag[1], tag[2], how
    amounts[at, 0], amounts[at, 1] = price, quantity
    counts[0] = at + 1
    f[c.LEFT] -= quantity


@inlined
def _cost(
    o: FloatArray, side: int, q: Quote, quantity: float, rules: FloatArray, f: FloatArray
) -> float:
    """Return the price at which a taking order gets a quantity."""
    move = 0.0
    if rules[c.IMPACT] > 0.0:
        share = (o[c.QUANTITY] - f[c.LEFT] + quantity) / o[c.VOLUME]
        move = rules[c.IMPACT] * o[c.SIGMA] * math.sqrt(share) * 0.5 * (q[0] + q[1])
    tick = tick_at(q[1] if side > 0 else q[0], o[c.TICK], o[c.WIDE], o[c.WIDE_FROM])
    price = slipped(side, q[0], q[1], rules[c.HALVES], move, tick)
    return side * min(side * price, side * f[c.LEVEL])


@inlined
def _take(
    tag: tuple[int, int, int], o: FloatArray, w: IntArray, q: Quote, rests: int,
    rules: FloatArray, f: FloatArray, sink: Sink,
) -> int:  # fmt: skip
    """Take what the other side displays; return why not more."""
    side, force = w[c.SIDE], w[c.FORCE]
    touch, size = (q[1], q[3]) if side > 0 else (q[0], q[2])
    there = _untaken(f, touch, displayed(size, rules[c.UNKNOWN]), NEAR * o[c.TICK])
    there = lots(there, o[c.LOT])
    if force == _FOK and there < f[c.LEFT] - 0.5 * o[c.LOT]:
        return _WHOLE
    quantity = min(f[c.LEFT], there)
    if not quantity > 0.0:
        return _NO_SIZE
    f[c.TAKEN] += quantity
    if rests:
        _note(tag, _MET, f[c.LEVEL], quantity, sink, f)
    else:
        _note(tag, _TAKEN, _cost(o, side, q, quantity, rules, f), quantity, sink, f)
    return _REST if force == _IOC else _NO_SIZE


@inlined
def _why_not(touch: float, is_limit: bool, force: int, f: FloatArray) -> int:
    """Return why an order that the market does not reach gets nothing."""
    if is_limit:
        return _QUEUED if f[c.AHEAD] > 0.0 and force < _IOC else _AWAY
    return _COLLAR if touch > 0.0 else _NO_QUOTE


@inlined
def _work(
    tag: tuple[int, int, int], o: FloatArray, w: IntArray, q: Quote,
    rules: FloatArray, f: FloatArray, s: IntArray, sink: Sink,
) -> bool:  # fmt: skip
    """Fill a working order on a row with a usable quote; return whether it is done."""
    side, kind = w[c.SIDE], w[c.KIND]
    near, is_limit = NEAR * o[c.TICK], kind in (_LIMIT, _STOP_LIMIT)
    touch = q[1] if side > 0 else q[0]
    level = _level(o, is_limit, side, touch, rules, f)
    rests = s[c.RESTS] if is_limit else 0
    if rests:
        came, how = _traded(side, q, near, f)
        quantity = min(f[c.LEFT], lots(came, o[c.LOT]))
        if quantity > 0.0:
            _note(tag, how, level, quantity, sink, f)
    reached = touch > 0.0 and side * (level - touch) >= -near
    why = _take(tag, o, w, q, rests, rules, f, sink) if reached else _NONE
    if is_limit:
        _join(side, q, near, f)
        s[c.RESTS] = 1
    if not reached:
        why = _why_not(touch, is_limit, w[c.FORCE], f)
    return settle(w[c.FORCE], f, s, o[c.LOT], why)


@inlined
def _step(
    tag: tuple[int, int, int], o: FloatArray, w: IntArray, q: Quote,
    rules: FloatArray, ways: IntArray, f: FloatArray, s: IntArray, sink: Sink,
) -> bool:  # fmt: skip
    """Walk an order over one row; return whether it is done."""
    if over(tag[2], w[c.UNTIL], w[c.CANCEL], s):
        return True
    s[c.SEEN] = tag[2]
    wrong = fault(q[0], q[1], q[6], ways[c.MOST_AGE])
    if wrong:
        return settle(w[c.FORCE], f, s, o[c.LOT], wrong)
    kind, side = w[c.KIND], w[c.SIDE]
    if kind > _LIMIT:
        watched = q[1] if side > 0 else q[0]
        if ways[c.TRIGGER] != _BY_QUOTE:
            watched = q[4] if q[5] > 0.0 else math.nan
        if not _set_off(o, kind, side, watched, f, s):
            s[c.STATE], s[c.REASON] = _HELD, _NOT_TRIGGERED
            return False
    s[c.STATE] = _WORKING
    return _work(tag, o, w, q, rules, f, s, sink)


@kernel(WHOLES, TABLE, WHOLES, TABLE, CODES, NUMBERS, WHOLES, MATRIX, COUNTS, INTS, COUNTS, MATRIX)
def orders_kernel(
    time: IntArray,
    table: FloatArray,
    offsets: IntArray,
    numbers: FloatArray,
    wholes: IntArray,
    rules: FloatArray,
    ways: IntArray,
    f: FloatArray,
    s: IntArray,
    counts: IntArray,
    out: IntArray,
    amounts: FloatArray,
) -> None:
    """Walk orders from number `counts[1]` on until all are done or there is no room for fills.

    Parameters
    ----------
    time, table : (rows,) int64, (rows, 8) float64
        Of all books, one after the other, as `quant.fill_books` has them.
    offsets : (books + 1,) int64
        Where each book begins.
    numbers, wholes : (n, columns)
        Of the orders, as `fill_codes` lists them.
    rules, ways : (columns,) float64, int64
        Of the fills, likewise.
    f, s : (n, columns)
        Progress, written.
    counts : (2,) int64
        Fills written, and the order to go on with; n when all are done.
    out : (room, 4) int64
        Order, row, time and reason of each fill.
    amounts : (room, 2) float64
        Price and quantity of each fill.
    """
    room = out.shape[0] - ROOM
    sink = (counts, out, amounts)
    hint = -1
    for i in range(counts[1], numbers.shape[0]):
        counts[1] = i
        w, g, t = wholes[i], f[i], s[i]
        done = t[c.STATE] >= _FILLED
        if done:
            continue
        end = offsets[w[c.BOOK] + 1]
        begin = first(time, offsets[w[c.BOOK]], end, w[c.ARRIVAL], t[c.SEEN], hint)
        hint = begin - 1
        for row in range(begin, end):
            if counts[0] > room:
                return
            tag = (i, row, time[row])
            done = _step(tag, numbers[i], w, table[row], rules, ways, g, t, sink)
            if done:
                break
        if not done:
            over(ways[c.NOW], w[c.UNTIL], w[c.CANCEL], t)
    counts[1] = numbers.shape[0]
