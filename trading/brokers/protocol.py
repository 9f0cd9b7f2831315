"""What a broker is to this house, and the three ways in which asking one can fail.

A broker translates: it holds no policy, retries nothing and touches no table of ours. The third
failure is the one that loses money: what was sent and not answered is asked for, never sent again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from trading.orders.intents import Intent
from trading.orders.venue import Event


class BrokerError(Exception):
    """Asking a broker failed."""


class NotTakenError(BrokerError):
    """Certainly not taken: no connection was made, or the rate is used up. Try again `after`."""

    def __init__(self, reason: str, after: dt.datetime | None = None) -> None:
        super().__init__(reason)
        self.after = after


class RejectedError(BrokerError):
    """The broker said no; asking again will not help. `code` is the broker's own."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


class OutcomeUnknownError(BrokerError):
    """Sent, and no answer that can be trusted came: timeout, cut, 5xx, nonsense, duplicate id."""


@dataclass(frozen=True, slots=True)
class Request:
    """An order as it is sent. `closing` says of each leg whether it leaves a position.

    With `exits` it is a whole group, sent as one: an entry with its exits behind it, or a limit
    order that leaves with the stop beside it. Their ids follow from its own (`machine.exit_id`).
    `prices_only` is for what takes the place of an exit that the broker keeps.
    """

    client_order_id: str
    intent: Intent
    closing: tuple[bool, ...]
    exits: tuple[Intent, ...] = ()
    prices_only: bool = False


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the broker has it now, with the news that bring ours to the same state.

    The answer to `submit`, and to `find` of the order that leads a group, has the news of its
    exits too; in `orders` each is an order of its own.
    """

    venue_order_id: str
    client_order_id: str
    symbols: tuple[str, ...]
    open: bool
    news: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """What the broker says is held; below zero when short."""

    symbol: str
    quantity: Decimal
    average_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """What the broker says of the account; `obstacles` in words, empty when it may trade."""

    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    options_level: int = 0
    obstacles: tuple[str, ...] = ()
    number: str = ""
    """By which the broker tells it from others, whatever keys open it; empty when not told."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened without an order: expiry, exercise, assignment, dividend, fee, interest...

    `kind` is a kind of journal entry (`trading.models.JournalEntry.Kind`), or empty for one that
    is not known here, which a person must look at. `symbol` and `quantity` move when it has them;
    `price` is each unit's; `cash` is what the account received.
    """

    activity_id: str
    kind: str
    at: dt.datetime
    symbol: str = ""
    quantity: Decimal = Decimal(0)
    price: Decimal | None = None
    cash: Decimal = Decimal(0)
    group: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class NativeGroups:
    """Which groups of whole units of one instrument a broker takes in one request, and keeps.

    `forms` are of bracket (an entry, a limit order and a stop that leave), oto (an entry and one
    exit) and oco (a limit order and a stop that leave); `entries` and `exits` kinds of order.
    """

    forms: frozenset[str]
    entries: frozenset[str]
    exits: frozenset[str]
    times: frozenset[str]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a broker can do; what it cannot, this house does or refuses."""

    assets: frozenset[str] = frozenset()
    """Of equity, option, crypto."""
    kinds: dict[str, frozenset[str]] = field(default_factory=dict)
    """Kinds of order (`intents.KINDS`) that an asset may have."""
    times: dict[str, frozenset[str]] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()
    """Kinds of order that a package of several legs may have."""
    native_groups: dict[str, NativeGroups] = field(default_factory=dict)
    """Groups that the broker keeps itself, by asset; the others are this house's own."""
    fractions: frozenset[str] = frozenset()
    streams: bool = False


class Stream(Protocol):
    """News as they come, from the moment that the broker confirmed that it listens."""

    def __iter__(self) -> Iterator[Event | Activity]:
        """Give news until it is closed; raise BrokerError when the connection is lost."""

    def close(self) -> None:
        """End it; safe from another thread."""


class Broker(Protocol):
    """One account at one broker. Every call ends within ten seconds."""

    name: str
    abilities: Abilities

    def submit(self, request: Request) -> VenueOrder:
        """Send an order once. Raises the three failures."""

    def cancel(self, client_order_id: str, venue_order_id: str) -> None:
        """Ask for a cancel; what comes of it is news. RejectedError when it is too late."""

    def replace(self, venue_order_id: str, request: Request) -> VenueOrder:
        """Ask for another order in the place of one."""

    def cancel_all(self) -> int:
        """Ask for the cancel of everything open; return of how many."""

    def find(self, client_order_id: str) -> VenueOrder | None:
        """Return an order by our id; None when the broker surely does not know it."""

    def orders(
        self, since: dt.datetime, fills: Sequence[Event] | None = None
    ) -> Sequence[VenueOrder]:
        """Return all that is open, and all that was placed or changed since.

        Who has asked for the fills since then gives them, so that they are not asked for again.
        """

    def executions(self, since: dt.datetime) -> Sequence[Event]:
        """Return all fills since, oldest first."""

    def activities(self, since: dt.datetime) -> Sequence[Activity]:
        """Return what happened without an order since, oldest first."""

    def positions(self) -> Sequence[VenuePosition]:
        """Return all positions; a failure is raised, never an empty answer."""

    def account(self) -> VenueAccount:
        """Return the account."""

    def suspend(self, *, on: bool) -> None:
        """Stop (or allow) trading inside the broker, where it can."""

    def stream(self) -> Stream:
        """Open the stream of news; it listens when this returns."""
