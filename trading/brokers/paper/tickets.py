"""An order as the fill kernel takes it, walked row by row: plain rules, no tables.

One row at a time, with the progress written down in between, gives to the bit what
`quant.fills` gives for all rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np

from quant import fills
from quant.fill_types import NEVER, Books, Force, Kind, Orders, Outcome, Packages, Progress, Rules
from quant.kernels.fill_codes import Reason, State
from trading.orders.intents import Intent, Leg
from trading.orders.ticks import steps_of

KINDS: Final = {
    "limit": Kind.LIMIT,
    "market": Kind.MARKET,
    "stop": Kind.STOP,
    "stop_limit": Kind.STOP_LIMIT,
    "trailing_stop": Kind.TRAILING,
}
FORCES: Final = {"day": Force.DAY, "gtc": Force.GTC, "ioc": Force.IOC, "fok": Force.FOK}


@dataclass(frozen=True, slots=True)
class Quote:
    """One instrument on one row: NaN is not known, a bid of 0 is no bid, `age` in ns."""

    bid: float
    ask: float
    bid_size: float
    ask_size: float
    last: float
    volume: float
    age: int = 0

    def as_json(self) -> dict[str, float | None]:
        """Return it for people; what is not known is null."""
        named = {
            "bid": self.bid, "ask": self.ask, "bid_size": self.bid_size,
            "ask_size": self.ask_size, "last": self.last, "volume": self.volume,
        }  # fmt: skip
        known: dict[str, float | None] = {
            name: float(value) if np.isfinite(value) else None for name, value in named.items()
        }
        return known | {"age_s": self.age / 1e9}


NO_QUOTE: Final = Quote(np.nan, np.nan, np.nan, np.nan, np.nan, 0.0)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the kernel must know of an order; instants and `latency` in ns.

    `sigma` and `daily_volume` are those of one day, of orders that move the price.
    """

    legs: tuple[Leg, ...]
    quantity: Decimal
    kind: str
    time_in_force: str
    limit: Decimal | None
    stop: Decimal | None
    trail: Decimal | None
    sent: int
    latency: int
    until: int = NEVER
    cancel_at: int = NEVER
    sigma: float | None = None
    daily_volume: float | None = None

    @classmethod
    def of(cls, intent: Intent, *, sent: int, latency: int, until: int) -> Ticket:
        """Return an intent as a ticket."""
        return cls(
            intent.legs, intent.quantity, intent.kind, intent.time_in_force, intent.limit_price,
            intent.stop_price, intent.trail, sent, latency, until,
        )  # fmt: skip

    @classmethod
    def of_json(cls, body: Mapping[str, Any], **more: Any) -> Ticket:
        """Return what `Intent.as_json` wrote, with the order's times and scale."""
        price = {name: body.get(name) for name in ("limit_price", "stop_price", "trail")}
        limit, stop, trail = (None if text is None else Decimal(text) for text in price.values())
        legs = tuple(Leg(symbol, ratio, Decimal(many)) for symbol, ratio, many in body["legs"])
        return cls(
            legs, Decimal(body["quantity"]), body["kind"], body["time_in_force"], limit, stop,
            trail, **more,
        )  # fmt: skip

    @property
    def arrival(self) -> int:
        """When it reaches the market."""
        return self.sent + self.latency


class Match(NamedTuple):
    """A fill on a row: units, why, and the price of each leg."""

    units: Decimal
    reason: Reason
    prices: tuple[Decimal, ...]


class Walked(NamedTuple):
    """How far an order is after a row, and what the row brought."""

    progress: Progress
    matches: tuple[Match, ...]

    @property
    def state(self) -> State:
        """Where it stands."""
        return State(int(self.progress.state[0]))

    @property
    def reason(self) -> Reason:
        """Why it waits or ended."""
        return Reason(int(self.progress.reason[0]))


def begin(ticket: Ticket) -> Walked:
    """Return an order before its first row; REJECTED when no market would take it."""
    books = Books.stack([Books.of([], [], []) for _ in ticket.legs])
    return _run(ticket, books, Rules(), None, None)


def walk(
    ticket: Ticket, progress: Progress, quotes: Sequence[Quote], time: int, rules: Rules
) -> Walked:
    """Return an order after one row, given each leg's quote on it; what it saw changes nothing."""
    return _run(ticket, books_of(quotes, time), rules, progress, time)


def end(ticket: Ticket, progress: Progress, now: int) -> Walked:
    """Return an order at an instant without a row: ended when its time is over."""
    books = Books.stack([Books.of([], [], []) for _ in ticket.legs])
    return _run(ticket, books, Rules(), progress, now)


def books_of(quotes: Sequence[Quote], time: int) -> Books:
    """Return one row of several books."""
    columns = zip(*((one.bid, one.ask, one.bid_size, one.ask_size, one.last, one.volume)
                    for one in quotes), strict=True)  # fmt: skip
    return Books.of(
        np.full(len(quotes), time), *(np.array(column) for column in columns),
        quoted=np.array([time - one.age for one in quotes]), offsets=np.arange(len(quotes) + 1),
    )  # fmt: skip


def orders_of(ticket: Ticket) -> Orders:
    """Return a ticket of one leg for the kernel."""
    leg, steps = ticket.legs[0], steps_of(ticket.legs[0].symbol)
    return Orders.of(
        side=1 if leg.ratio > 0 else -1, quantity=float(ticket.quantity),
        kind=KINDS[ticket.kind], force=FORCES[ticket.time_in_force],
        limit=_number(ticket.limit), stop=_number(ticket.stop),
        trail=0.0 if ticket.trail is None else float(ticket.trail),
        sent=ticket.sent, latency=ticket.latency, until=ticket.until, cancel_at=ticket.cancel_at,
        tick=float(steps.tick), wide_tick=float(steps.wide), wide_from=float(steps.wide_from),
        sigma=np.nan if ticket.sigma is None else ticket.sigma,
        daily_volume=np.nan if ticket.daily_volume is None else ticket.daily_volume,
    )  # fmt: skip


def packages_of(ticket: Ticket) -> Packages:
    """Return a ticket of several legs for the kernel.

    Its net price counts a contract's leg per unit of the underlying, as it is quoted; shares
    beside contracts count with the share of a contract that each is.
    """
    steps = [steps_of(leg.symbol) for leg in ticket.legs]
    most = max(leg.multiplier for leg in ticket.legs)
    return Packages.of(
        units=float(ticket.quantity), limit=_number(ticket.limit),
        legs=[[(place, float(leg.ratio)) for place, leg in enumerate(ticket.legs)]],
        force=FORCES[ticket.time_in_force], sent=ticket.sent, latency=ticket.latency,
        until=ticket.until, cancel_at=ticket.cancel_at,
        weight=[float(leg.multiplier / most) for leg in ticket.legs],
        leg_tick=[float(one.tick) for one in steps],
        wide_tick=[float(one.wide) for one in steps],
        wide_from=[float(one.wide_from) for one in steps],
    )  # fmt: skip


def _run(
    ticket: Ticket, books: Books, rules: Rules, progress: Progress | None, now: int | None
) -> Walked:
    if len(ticket.legs) == 1:
        done = fills.run(books, orders_of(ticket), rules, progress=progress, now=now)
    else:
        done = fills.run_packages(books, packages_of(ticket), rules, progress=progress, now=now)
    return Walked(done.progress, _matches(ticket, done))


def _matches(ticket: Ticket, done: Outcome) -> tuple[Match, ...]:
    made, single = done.fills, len(ticket.legs) == 1
    return tuple(
        Match(
            exact(made.quantity[at]), Reason(int(made.reason[at])),
            tuple(exact(one) for one in
                  ([made.price[at]] if single else made.legs[at, : len(ticket.legs)])),
        )
        for at in range(made.order.size)
    )  # fmt: skip


def exact(value: float) -> Decimal:
    """Return the shortest decimal that is this double: what a quote of it was written as."""
    text = Decimal(repr(float(value)))
    return text.quantize(Decimal(1)) if text == text.to_integral_value() else text


def _number(value: Decimal | None) -> float:
    return np.nan if value is None else float(value)
