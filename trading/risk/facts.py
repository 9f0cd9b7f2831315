"""Everything that a decision needs, gathered before it is made. What is not known is None.

Prices and money are Decimal; ages are seconds, below zero from the future.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from quant.account_classes import AccountClass
from trading.ledger.book import ZERO
from trading.orders.intents import Intent
from trading.risk.limits import Limits

if TYPE_CHECKING:
    from trading.risk.picture import Picture


class Asset(StrEnum):
    """What is traded."""

    EQUITY = "equity"
    OPTION = "option"
    CRYPTO = "crypto"


@dataclass(frozen=True, slots=True)
class Option:
    """The terms of an option; instants UTC."""

    strike: Decimal
    expiry: dt.date
    is_call: bool
    last_trade: dt.datetime
    american: bool = True
    index: bool = False
    """Whether on a broad index."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded: an option where it has terms."""

    symbol: str
    underlying: str
    asset: Asset
    multiplier: Decimal
    option: Option | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote with its age; sizes and open interest in contracts or shares."""

    bid: Decimal | None
    ask: Decimal | None
    age: float | None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    interest: Decimal | None = None
    years: float | None = None
    """To the settlement of an option."""

    @property
    def mid(self) -> Decimal | None:
        """The middle; None unless both sides are there and in order."""
        if self.bid is None or self.ask is None or not 0 <= self.bid < self.ask:
            return None
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Event:
    """Something scheduled: `earnings` of the underlying, or a `macro` release."""

    kind: str
    name: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Ground:
    """One underlying's market when the decision is made.

    Attributes
    ----------
    now : datetime
        On the market's own clock, which a simulation or a replay has.
    state : str
        "on", or why nothing can be traded: paused, stopped, no data...
    quote : Quote
        Of the underlying.
    chain_age : float
        Of the option chain, seconds.
    session : pair of datetime, optional
        Open and close of the session that is on; None when none is.
    jump : Decimal, optional
        Share by which the spot moved since the snapshot before.
    quoted : Decimal, optional
        Quoted contracts, as a share of those in the snapshot before.
    frozen : bool, optional
        Whether nothing at all is another than in the snapshot before.
    events : tuple of Event, optional
        From a week back to a month ahead; None when the calendar says nothing of these days.
    synthetic : bool
        Made by the simulator, so no list of real symbols holds it.
    rate, dividend : float
        Continuously compounded, per year.
    snapshot : int, optional
        Row of the newest snapshot.
    """

    symbol: str
    now: dt.datetime
    state: str
    quote: Quote
    spot: Decimal | None = None
    chain_age: float | None = None
    session: tuple[dt.datetime, dt.datetime] | None = None
    jump: Decimal | None = None
    quoted: Decimal | None = None
    frozen: bool | None = None
    events: tuple[Event, ...] | None = None
    synthetic: bool = False
    rate: float = 0.0
    dividend: float = 0.0
    snapshot: int | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """A quantity of an instrument with its quote: a position, or what an order would move."""

    instrument: Instrument
    quantity: Decimal
    quote: Quote | None

    @property
    def units(self) -> Decimal:
        """Quantity times multiplier."""
        return self.quantity * self.instrument.multiplier


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of the order. `closing`: it only leaves what no other open order may leave first."""

    instrument: Instrument
    ratio: int
    quantity: Decimal
    """With its sign: units of the order times the ratio."""
    quote: Quote | None
    closing: bool
    listed: Decimal | None = None
    """Multiplier of the listed contract; None when it is not listed."""

    def as_holding(self) -> Holding:
        """Return what is held more when it fills."""
        return Holding(self.instrument, self.quantity, self.quote)


@dataclass(frozen=True, slots=True)
class Filling:
    """What fills would move and cost, $."""

    moves: tuple[Holding, ...]
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Pending:
    """Another open order, or a group of which one exit fills: what is left of it, and its hold.

    Of the outcomes one comes true, in part or whole, or none.
    """

    outcomes: tuple[Filling, ...]
    hold: Decimal
    closing: bool

    @property
    def underlying(self) -> str:
        """Underlying of what it moves."""
        return self.outcomes[0].moves[0].instrument.underlying


@dataclass(frozen=True, slots=True)
class Standing:
    """The account and whether it may trade at all.

    `live_enabled` is the server's switch, `opted_in` the owner's word on the risks.
    """

    account_id: int
    live: bool
    broker: str
    plan: str
    state: str
    state_reason: str = ""
    live_enabled: bool = False
    opted_in: bool = False
    market_orders: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """A switch that is set, "halted" or "reducing", or a breaker that is open."""

    what: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Orders that passed before this one, by how long ago, and what the broker refused in a row."""

    second: int
    minute: int
    day: int
    same: int
    refusals: int
    openings: int = 0
    since_opening: float | None = None
    """Seconds since the newest opening; None when there was none today."""


@dataclass(frozen=True, slots=True)
class Day:
    """The account's day: equity when it began, and the highest there was, less what came in."""

    first: Decimal
    profit: Decimal
    """Since it began."""
    fall: Decimal
    """From the highest, as a share of it."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Greeks in $: of a position, an order or a sum."""

    delta: Decimal = ZERO
    gamma: Decimal = ZERO
    vega: Decimal = ZERO
    theta: Decimal = ZERO

    def plus(self, other: Sensitivity) -> Sensitivity:
        """Return both together."""
        return Sensitivity(
            self.delta + other.delta, self.gamma + other.gamma, self.vega + other.vega,
            self.theta + other.theta,
        )  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What the gate knows. One decision, one of these; nothing is looked up later.

    Attributes
    ----------
    at : datetime
        The server's clock.
    equity : Decimal, optional
        None when something held has no mark.
    greeks_held, greeks_order : Sensitivity, optional
        Of the positions, and of this order; None when a volatility is not known.
    greeks_pending : tuple of tuple of Sensitivity, optional
        Of each other open order, by outcome.
    median : Decimal, optional
        Of the notional of the orders of 20 days; None when there are fewer than ten.
    losses : frozenset of str
        Underlyings of which something was sold at a loss in the last 30 days.
    day_trades : int, optional
        In five sessions, where the old rule still holds.
    day_rule : str
        "intraday_margin" or "legacy_pdt".
    """

    at: dt.datetime
    account: Standing
    limits: Limits
    size: AccountClass | None
    intent: Intent
    legs: tuple[Leg, ...]
    grounds: Mapping[str, Ground]
    positions: tuple[Holding, ...]
    pending: tuple[Pending, ...]
    cash: Decimal
    credit: Decimal
    counts: Counts
    equity: Decimal | None = None
    deposits: Decimal | None = None
    """What came from outside, less what went there."""
    day: Day | None = None
    stops: tuple[Stop, ...] = ()
    breakers: tuple[Stop, ...] = ()
    greeks_held: Sensitivity | None = None
    greeks_order: Sensitivity | None = None
    greeks_pending: tuple[tuple[Sensitivity, ...], ...] | None = None
    median: Decimal | None = None
    losses: frozenset[str] = field(default=frozenset())
    day_trades: int | None = None
    day_rule: str = "intraday_margin"
    objection: str = ""
    """Why the broker would refuse the order whatever the account, in words."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What kept a fact from being known, by name; told with the refusal."""

    @cached_property
    def picture(self) -> Picture:
        """What follows from these facts and several rules need; raises where facts are missing."""
        from trading.risk.picture import Picture

        return Picture(self)

    @property
    def underlyings(self) -> list[str]:
        """Underlyings of the order, each once."""
        return list(dict.fromkeys(leg.instrument.underlying for leg in self.legs))

    @property
    def opening(self) -> tuple[Leg, ...]:
        """Legs that do not merely leave a position."""
        return tuple(leg for leg in self.legs if not leg.closing)


@dataclass(frozen=True, slots=True)
class Book:
    """An account without an order: what the breakers watch. Fields as in `Facts`.

    `losses` is what each underlying's positions lost against their cost, $; `refusals` how many
    orders the broker refused one after the other.
    """

    at: dt.datetime
    limits: Limits
    grounds: Mapping[str, Ground]
    equity: Decimal | None
    deposits: Decimal
    day: Day | None
    losses: Mapping[str, Decimal]
    refusals: int


CENT: Final = Decimal("0.01")
