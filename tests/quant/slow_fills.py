"""The rules of `quant.fills` once more: exact decimals, one order at a time, words for states.

Written from the rules, not from the kernel, and slow; the tests hold the kernel against it. Prices
and sizes are Decimals, None where not known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR
from decimal import Decimal as D  # noqa: N817

TOL = D("1e-6")


@dataclass
class Row:
    time: int
    bid: D | None
    ask: D | None
    bid_size: D | None = None
    ask_size: D | None = None
    last: D | None = None
    volume: D | None = None
    quoted: int | None = None


@dataclass
class Way:
    most_age: int = 5_000_000_000
    trigger: str = "quote"
    half_spreads: D = D(1)
    impact: D = D(0)
    collar_share: D = D("0.05")
    collar_least: D = D("0.05")
    unknown_size: D = D(0)


@dataclass
class Order:
    side: int
    quantity: D
    kind: str = "limit"
    force: str = "gtc"
    limit: D | None = None
    stop: D | None = None
    trail: D | None = None
    trail_share: D | None = None
    sent: int = 0
    latency: int = 0
    until: int | None = None
    cancel_at: int | None = None
    tick: D = D("0.01")
    wide_tick: D = D("0.01")
    wide_from: D | None = None
    lot: D = D(1)
    sigma: D | None = None
    daily_volume: D | None = None


@dataclass
class Fill:
    time: int
    price: D
    quantity: D
    reason: str


@dataclass
class End:
    state: str
    reason: str
    left: D
    fills: list[Fill] = field(default_factory=list)


def fault_of(row: Row, way: Way) -> str | None:
    if row.ask is None or row.bid is None or row.ask <= 0 or row.bid < 0:
        return "no_quote"
    age = 0 if row.quoted is None else row.time - row.quoted
    if age < 0 or age > way.most_age:
        return "stale"
    if row.bid > row.ask:
        return "crossed"
    return "locked" if row.bid == row.ask else None


def grid(price: D, tick: D, up: bool) -> D:
    steps = price / tick + (-TOL if up else TOL)
    return steps.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick


def whole_lots(quantity: D, lot: D) -> D:
    return (quantity / lot).to_integral_value(ROUND_FLOOR) * lot


def touch_moved(side, row, halves, move, tick):
    touch = row.ask if side > 0 else row.bid
    if halves == 1 and move == 0:
        return touch
    mid = (row.bid + row.ask) / 2
    wanted = mid + (touch - mid) * halves + side * move
    price = grid(wanted, tick, side > 0)
    if halves <= 1 and move == 0:
        price = min(price, touch) if side > 0 else max(price, touch)
    return max(price, tick)


class Walk:
    """One order on its way."""

    def __init__(self, order: Order, way: Way):
        self.o, self.way = order, way
        self.left = order.quantity
        self.state, self.reason = "pending", "no_row"
        self.fills: list[Fill] = []
        self.mark = self.bound = None
        self.set_off = order.kind in ("market", "limit")
        self.queue: D | None = None  # None: nobody knows how many stand ahead
        self.rests = False
        self.had_price, self.had = None, D(0)

    def worse_or_equal(self, price, than):
        """Whether a price is worse for the order than another, or the same."""
        return price >= than if self.o.side > 0 else price <= than

    def fill(self, row, price, quantity, reason):
        if quantity > 0:
            self.fills.append(Fill(row.time, price, quantity, reason))
            self.left -= quantity

    def close(self, state, reason):
        self.state, self.reason = state, reason

    def see(self, row: Row) -> None:
        o = self.o
        ends = [(when, name) for when, name in ((o.cancel_at, "asked"), (o.until, "time"))
                if when is not None and row.time >= when]  # fmt: skip
        if ends:
            first = min(ends, key=lambda end: (end[0], end[1] != "asked"))[1]
            self.close("canceled" if first == "asked" else "expired", first)
            return
        wrong = fault_of(row, self.way)
        if wrong:
            self.reason = wrong
        elif not self.set_off and not self.triggered(row):
            self.close("held", "not_triggered")
            return
        else:
            self.state = "working"
            self.reason = self.trade(row)
        if self.left == 0:
            self.close("filled", "none")
        elif o.force in ("ioc", "fok"):
            self.state = "canceled"

    def triggered(self, row: Row) -> bool:
        o = self.o
        watched = row.ask if o.side > 0 else row.bid
        if self.way.trigger == "last":
            watched = row.last if row.volume else None
        if not watched:
            return False
        stop = o.stop
        if o.kind == "trailing":
            best = min if o.side > 0 else max
            self.mark = watched if self.mark is None else best(self.mark, watched)
            away = o.trail or o.trail_share * self.mark
            stop = self.mark + o.side * away
        self.set_off = self.worse_or_equal(watched, stop)
        return self.set_off

    def trade(self, row: Row) -> str:
        o, limited = self.o, self.o.kind in ("limit", "stop_limit")
        touch, size = (row.ask, row.ask_size) if o.side > 0 else (row.bid, row.bid_size)
        if limited:
            self.bound = o.limit
        elif self.bound is None and touch > 0:
            self.bound = self.collar(touch)
        if limited and self.rests:
            self.serve(row)
        reached = touch > 0 and self.worse_or_equal(self.bound, touch)
        why = None
        if reached:
            why = self.take(row, touch, self.way.unknown_size if size is None else size, limited)
        if limited:
            self.line_up(row)
            self.rests = True
        if reached:
            return why
        if limited:
            waits = self.queue is None or self.queue > 0
            return "queued" if waits and o.force in ("day", "gtc") else "away"
        return "collar" if touch > 0 else "no_quote"

    def tick(self, price):
        o = self.o
        return o.wide_tick if o.wide_from is not None and price >= o.wide_from else o.tick

    def collar(self, touch):
        reach = max(self.way.collar_share * touch, self.way.collar_least)
        tick = self.tick(touch)
        if self.o.side > 0:
            return max(touch, grid(touch + reach, tick, False))
        return max(min(touch, grid(touch - reach, tick, True)), tick)

    def serve(self, row):
        """What traded since the row before goes to those in line."""
        volume, o = row.volume or D(0), self.o
        if not volume or not row.last:
            return
        if row.last == self.had_price:
            same = min(volume, self.had)
            self.had -= same
            volume -= same
        if row.last == self.bound:
            if self.queue is None:
                return
            before = min(self.queue, volume)
            self.queue -= before
            mine, reason = volume - before, "traded_at"
        elif self.worse_or_equal(row.last, self.bound):
            return
        else:
            self.queue, mine, reason = D(0), volume, "traded_through"
        self.fill(row, self.bound, min(self.left, whole_lots(mine, o.lot)), reason)

    def take(self, row, touch, size, limited):
        o = self.o
        if touch != self.had_price:
            self.had_price, self.had = touch, D(0)
        self.had = min(self.had, size)
        there = whole_lots(size - self.had, o.lot)
        if o.force == "fok" and there < self.left:
            return "whole"
        quantity = min(there, self.left)
        if not quantity:
            return "no_size"
        self.had += quantity
        if limited and self.rests:
            self.fill(row, self.bound, quantity, "met")
        else:
            self.fill(row, self.price(row, touch, quantity), quantity, "taken")
        return "rest" if o.force == "ioc" else "no_size"

    def price(self, row, touch, quantity):
        o, move = self.o, D(0)
        if self.way.impact:
            done = o.quantity - self.left + quantity
            mid = (row.bid + row.ask) / 2
            move = self.way.impact * o.sigma * (done / o.daily_volume).sqrt() * mid
        price = touch_moved(o.side, row, self.way.half_spreads, move, self.tick(touch))
        return min(price, self.bound) if o.side > 0 else max(price, self.bound)

    def line_up(self, row):
        o = self.o
        own, size = (row.bid, row.bid_size) if o.side > 0 else (row.ask, row.ask_size)
        if own == self.bound:
            if size is not None:
                self.queue = size if self.queue is None else min(self.queue, size)
        elif (own < self.bound) if o.side > 0 else (own > self.bound):
            self.queue = D(0)


def run(rows: list[Row], order: Order, way: Way | None = None) -> End:
    """Walk one good order over all rows."""
    walk = Walk(order, way or Way())
    for row in rows:
        if row.time < order.sent + order.latency:
            continue
        walk.see(row)
        if walk.state in ("filled", "canceled", "expired"):
            break
    return End(walk.state, walk.reason, walk.left, walk.fills)


def run_package(
    books, legs, units, limit=None, *, force="gtc", whole=False, way=None, tick=D("0.01")
):
    """Walk a package over books of the same times; fills are (time, net, units, leg prices)."""
    way = way or Way()
    left, bound, fills = D(units), limit, []
    had = [(None, D(0)) for _ in legs]
    state, reason = "pending", "no_row"
    for number in range(len(books[legs[0][0]])):
        rows = [books[book][number] for book, _ in legs]
        state = "working"
        faults = [
            fault_of(row, way) or ("no_quote" if ratio < 0 and not row.bid else None)
            for row, (_, ratio) in zip(rows, legs, strict=True)
        ]
        reason = next((wrong for wrong in faults if wrong), None)
        prices, there = [], []
        for at, (row, (_, ratio)) in enumerate(zip(rows, legs, strict=True)):
            if faults[at]:
                continue
            # A new price is a new level, whatever is wrong with the quotes of other legs.
            touch, size = (row.ask, row.ask_size) if ratio > 0 else (row.bid, row.bid_size)
            size = way.unknown_size if size is None else size
            price, taken = had[at]
            had[at] = (touch, min(taken, size) if price == touch else D(0))
            there.append((size - had[at][1]) // abs(ratio))
            prices.append(touch_moved(1 if ratio > 0 else -1, row, way.half_spreads, D(0), tick))
        if reason is None:
            net = sum(ratio * price for (_, ratio), price in zip(legs, prices, strict=True))
            if bound is None:
                bound = net + max(way.collar_share * abs(net), way.collar_least)
                bound = max(net, grid(bound, tick, False))
            count = min(there)
            if net > bound:
                reason = "collar" if limit is None else "away"
            elif count < left and (force == "fok" or whole):
                reason = "whole"
            elif count < 1:
                reason = "no_size"
            else:
                count = min(count, left)
                reason = "rest" if force == "ioc" else "no_size"
                fills.append((rows[0].time, net, count, prices))
                left -= count
                had = [(price, taken + count * abs(ratio)) for (price, taken), (_, ratio)
                       in zip(had, legs, strict=True)]  # fmt: skip
        if left == 0:
            state, reason = "filled", "none"
            break
        if force in ("ioc", "fok"):
            state = "canceled"
            break
    return state, reason, left, fills
