"""Each broker beside a venue that is under the test's control, all with the same handles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from sandbox.alpaca.base import BrokerStandIn
from sandbox.alpaca.matching import Match
from sandbox.alpaca.orders import Order
from sandbox.alpaca.server import Alpaca as AlpacaServer
from sandbox.tradier.server import Tradier as TradierServer
from trading.brokers.alpaca.broker import Alpaca
from trading.brokers.credentials import Credentials
from trading.brokers.protocol import Broker
from trading.brokers.tradier.broker import Tradier
from trading.brokers.tradier.slices import Sum
from trading.orders.machine import exit_id, lead_of
from trading.orders.venue import Event

MORNING = dt.datetime(2026, 11, 18, 15, 0, tzinfo=dt.UTC)
"""A Wednesday, 10:00 in New York."""
WHOLE_S = 0.6
"""How long a call may take here; nine seconds in earnest."""
CALL, HIGHER = "SPY261118C00500000", "SPY261118C00505000"
ADJUSTED = "SPY1261118C00500000"
"""Of the root SPY1: what it delivers is not 100 shares."""
Fills = dict[str, list[tuple[str, Decimal, Decimal]]]


class Bench(Protocol):
    """What the suite asks of a venue. Orders fill when `fill` says so, or by themselves."""

    name: str
    broker: Broker
    before: frozenset[str]
    after: frozenset[str]
    """Faults that strike before, and after, the venue took what was sent."""
    unique_ids: bool
    replaces: bool
    stops: bool
    """Whether it can stop trading inside the broker."""
    executions: bool
    """Whether the venue lists them; else fills are what was filled between two looks."""
    late_fills: bool
    """Whether an order may fill after it was cancelled."""
    knows_money: bool
    """Whether it refuses what the account could not pay; else that is the gate's."""
    repeats: bool
    """Whether the same order under an id that is there is that order."""
    wired: bool
    """Whether a wire lies between us that may hang, garble or be cut."""
    holds_adjusted: bool
    groups: bool
    """Whether it takes an entry with its exits as one, and keeps them."""
    secret: str
    """Empty where there is none."""
    since: dt.datetime
    """Before all that happens here."""

    def quote(self, symbol: str, bid: str, ask: str) -> None: ...
    def by_itself(self, on: bool) -> None: ...
    def fill(self, client_order_id: str, quantity: str, prices: Mapping[str, str]) -> None: ...
    def spoil(self, what: str, fault: str, **more: Any) -> None: ...
    def heal(self) -> int: ...
    def funds(self, cash: str) -> None: ...
    def hold(self, symbol: str, quantity: str, price: str) -> None: ...
    def spoil_stream(self, **shares: Any) -> None: ...
    def cut(self) -> None: ...
    def advance(self, hours: float) -> None: ...
    def patient(self) -> None: ...
    def orders(self) -> list[str]: ...
    def fills(self) -> Fills: ...
    def positions(self) -> dict[str, Decimal]: ...
    def close(self) -> None: ...


_ALPACA_ROUTES = {
    "submit": "POST /v2/orders$", "find": "GET /v2/orders", "cancel": "DELETE /v2/orders",
    "replace": "PATCH /v2/orders", "all": ".",
}  # fmt: skip


class MarketBench:
    """A broker on the stand-ins' made-up market."""

    routes: ClassVar[dict[str, str]]
    server: BrokerStandIn
    broker: Alpaca | Tradier
    late_fills = knows_money = wired = holds_adjusted = True
    repeats = False
    since = MORNING - dt.timedelta(days=1)

    def called(self, order: Order) -> str:
        """Return what we called an order; an exit of a group by what it is beside its lead."""
        if order.parent is None or order.parent.package or order.replaces:
            return order.client_order_id
        kind = "limit" if order.stop is None else "stop"
        return exit_id(order.parent.client_order_id, kind)

    def order(self, client_order_id: str) -> Order:
        lead = lead_of(client_order_id)
        found = self.server.venue.by_client(lead or client_order_id)
        return next(one for one in found.family if self.called(one) == client_order_id)

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        self.server.venue.prices.set(symbol, Decimal(bid), Decimal(ask))

    def by_itself(self, on: bool) -> None:
        self.server.venue.filling = on

    def fill(self, client_order_id: str, quantity: str, prices: Mapping[str, str]) -> None:
        order = self.order(client_order_id)
        made = {name: Decimal(one) for name, one in prices.items()}
        self.server.venue.fill(order, Match(Decimal(quantity), made))

    def spoil(self, what: str, fault: str, **more: Any) -> None:
        more.setdefault("seconds", 3 * WHOLE_S if "hang" in fault else 0.05)
        self.server.script.add(self.routes[what], fault, **more)

    def heal(self) -> int:
        done = sum(rule.done for rule in self.server.script.rules)
        self.server.script.rules.clear()
        return done

    def funds(self, cash: str) -> None:
        self.server.venue.account.cash = Decimal(cash)

    def hold(self, symbol: str, quantity: str, price: str) -> None:
        self.server.venue.account.trade(symbol, Decimal(quantity), Decimal(price))

    def spoil_stream(self, **shares: Any) -> None:
        for name, share in shares.items():
            setattr(self.server.stream_faults, name, share)

    def cut(self) -> None:
        self.server.cut()

    def advance(self, hours: float) -> None:
        self.server.advance(hours * 3600)

    def patient(self) -> None:
        """Let a call take its time: of many orders a list is long."""
        self.broker._wire._whole_s = 9.0

    def orders(self) -> list[str]:
        return [self.called(one) for one in self.server.venue.roots()]

    def fills(self) -> Fills:
        found: Fills = {}
        for one in self.server.venue.fills:
            order = self.server.venue.orders[one.order_id]
            package = order.parent is not None and order.parent.package
            name = self.called(order.parent if package and order.parent else order)
            found.setdefault(name, []).append((one.symbol, one.quantity, one.price))
        return found

    def positions(self) -> dict[str, Decimal]:
        held = self.server.venue.account.positions
        return {symbol: one.quantity for symbol, one in held.items()}

    def close(self) -> None:
        self.server.close()


class AlpacaBench(MarketBench):
    """Alpaca's adapter beside its stand-in."""

    name = "alpaca"
    routes = _ALPACA_ROUTES
    before = frozenset({"hang", "reset_before", "busy", "500", "502", "503", "504_before"})
    after = frozenset({
        "delay", "hang_after", "reset_after", "504_after", "502_after", "duplicate", "truncated",
        "wrong_type", "unknown_enum",
    })  # fmt: skip
    unique_ids = replaces = stops = executions = groups = True

    def __init__(self, seed: int = 1) -> None:
        self.server = AlpacaServer(start=MORNING, seed=seed, rate=0, always=False)
        self.secret = self.server.secret
        self.credentials = Credentials(self.server.key, self.secret, "paper", self.server.address)
        self.restart()

    def restart(self) -> None:
        """Begin anew with an adapter that remembers nothing."""
        self.broker = Alpaca(self.credentials, budget=Boundless(), whole_s=WHOLE_S)


class TradierBench(MarketBench):
    """Tradier's adapter beside its stand-in."""

    name = "tradier"
    routes: ClassVar[dict[str, str]] = {
        "submit": "POST /v1/accounts/.*/orders$", "find": "GET /v1/accounts/.*/orders",
        "cancel": "DELETE /v1/accounts/.*/orders", "all": ".",
    }  # fmt: skip
    before = AlpacaBench.before
    after = AlpacaBench.after - {"duplicate"}
    unique_ids = replaces = stops = executions = groups = False

    def __init__(self, seed: int = 1) -> None:
        self.server = TradierServer(start=MORNING, seed=seed, rate=0, always=False)
        self.secret = self.server.secret
        self.books = MemoryBooks()
        self.broker = Tradier(
            Credentials(self.server.key, self.secret, "paper", self.server.address), self.books,
            trading=Boundless(), looking=Boundless(), whole_s=WHOLE_S,
        )  # fmt: skip

    def called(self, order: Order) -> str:
        return self.server.tags[order.id]

    def order(self, client_order_id: str) -> Order:
        (found,) = (one for one in self.server.venue.roots() if self.called(one) == client_order_id)
        return found


class MemoryBooks:
    """What a desk has heard, as the books that Tradier's adapter asks."""

    def __init__(self) -> None:
        self.fills: dict[str, Event] = {}
        self.sent: dict[str, dt.datetime] = {}

    def booked(self, venue_order_id: str) -> dict[str, Sum]:
        found: dict[str, Sum] = {}
        for event in list(self.fills.values()):
            one = event.execution
            assert one is not None
            if event.venue_order_id == venue_order_id:
                so_far, size = found.get(one.symbol, Sum()), abs(one.quantity)
                found[one.symbol] = Sum(so_far.quantity + size, so_far.value + size * one.price)
        return found

    def sent_at(self, client_order_id: str) -> dt.datetime | None:
        return self.sent.get(client_order_id)


class Boundless:
    """A budget that is never used up, and never waits: its own tests are elsewhere."""

    def take(self, spare: int = 0, *, urgent: bool = False) -> None: ...

    def learn(self, left: int | None, reset: float | None) -> None: ...

    def refused(self, until: float | None) -> dt.datetime:
        return dt.datetime.now(dt.UTC)
