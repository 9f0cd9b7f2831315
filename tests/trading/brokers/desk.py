"""The least that a careful house does with a broker: send once, ask when in doubt, hear it all."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from trading.brokers.protocol import (
    Broker,
    BrokerError,
    NotTakenError,
    OutcomeUnknownError,
    RejectedError,
    Request,
    VenueOrder,
)
from trading.orders.intents import Intent, Leg
from trading.orders.machine import Known, News, State, client_order_id, exit_id, learn
from trading.orders.venue import Event

_TRIES = 60
LONG_AGO = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def want(
    name: str, quantity: str = "10", limit: str | None = "501", *, symbol: str = "SPY",
    legs: tuple[Leg, ...] = (), sell: bool = False, **more,
) -> Intent:  # fmt: skip
    many = Decimal(100) if len(symbol) > 10 else Decimal(1)
    return Intent(
        name, legs or (Leg(symbol, -1 if sell else 1, many),), Decimal(quantity),
        more.pop("kind", "limit"), limit_price=None if limit is None else Decimal(limit), **more,
    )  # fmt: skip


class Desk:
    """Orders of one account as they are known here. `gap` stands for the five seconds."""

    def __init__(self, broker: Broker, gap: float = 0.0, since: dt.datetime = LONG_AGO) -> None:
        self.broker = broker
        self.gap = gap
        self.since = since
        self.intents: dict[str, Intent] = {}
        self.known: dict[str, Known] = {}
        self.ids: dict[str, str] = {}
        self.venue_ids: dict[str, str] = {}
        self.fills: dict[str, Event] = {}
        self.strangers: list[Event] = []
        self._seen: set[str] = set()
        self._refusals: dict[str, str] = {}

    # --- sending --------------------------------------------------------------------------------
    def place(self, intent: Intent, closing: tuple[bool, ...] | None = None, *exits: Intent) -> str:
        """Send an intent, with exits as one, until it is known what came of it; return its id."""
        for one in (intent, *exits):
            self.intents[one.intent_id] = one
            self.known[one.intent_id] = Known(
                one.quantity, tuple(abs(leg.ratio) for leg in one.legs),
                (Decimal(0),) * len(one.legs),
            )  # fmt: skip
        closing = closing or (False,) * len(intent.legs)
        for attempt in range(1, _TRIES):
            name = client_order_id(1, intent.intent_id, 0, attempt)
            self.ids[name] = intent.intent_id
            self.ids |= {exit_id(name, one.kind): one.intent_id for one in exits}
            if self._send(Request(name, intent, closing, exits)):
                return name
        raise AssertionError("it never arrived")

    def _send(self, request: Request) -> bool:
        for _ in range(_TRIES):
            try:
                self.take(self.broker.submit(request))
                return True
            except NotTakenError:
                continue
            except RejectedError as error:
                self._refusals[request.intent.intent_id] = str(error)
                return True
            except OutcomeUnknownError:
                return self._resolve(request.client_order_id)
        raise AssertionError("it was never taken")

    def _resolve(self, name: str) -> bool:
        """Ask until it is found, or surely never arrived."""
        absent = 0
        for _ in range(_TRIES):
            try:
                found = self.broker.find(name)
            except BrokerError:
                continue
            if found is not None:
                self.take(found)
                return True
            absent += 1
            if absent == 2:
                return False
            time.sleep(self.gap)
        raise AssertionError("it was never found out")

    def cancel(self, name: str) -> bool:
        """Ask for a cancel until an answer comes; return whether it was taken."""
        for _ in range(_TRIES):
            try:
                self.broker.cancel(name, self.venue_ids.get(name, ""))
            except RejectedError:
                return False
            except BrokerError:
                continue
            return True
        raise AssertionError("the cancel was never taken")

    # --- hearing --------------------------------------------------------------------------------
    def take(self, order: VenueOrder) -> None:
        self.venue_ids[order.client_order_id] = order.venue_order_id
        self.hear(order.news)

    def hear(self, events: Iterable[object]) -> None:
        """Take news in, each once."""
        for event in events:
            if isinstance(event, Event) and event.event_id not in self._seen:
                self._seen.add(event.event_id)
                self._learn(event)

    def _learn(self, event: Event) -> None:
        intent_id = self.ids.get(event.client_order_id)
        if intent_id is None:
            self.strangers.append(event)
            return
        known, one = self.known[intent_id], event.execution
        if one is None:
            self.known[intent_id] = learn(known, event.news, event.at, cancel=known.cancels)
            return
        if one.execution_id in self.fills:
            return
        self.fills[one.execution_id] = event
        symbols = [leg.symbol for leg in self.intents[intent_id].legs]
        self.known[intent_id] = learn(
            known, News.FILL, event.at, leg=symbols.index(one.symbol), quantity=abs(one.quantity)
        )

    def reconcile(self) -> None:
        """Hear everything anew, until an answer comes."""
        for _ in range(_TRIES):
            try:
                for order in self.broker.orders(self.since):
                    self.take(order)
                self.hear(self.broker.executions(self.since))
            except BrokerError:
                continue
            return
        raise AssertionError("it was never reconciled")

    # --- what is known --------------------------------------------------------------------------
    def state(self, intent_id: str) -> State:
        if intent_id in self._refusals:
            return State.REJECTED
        return self.known[intent_id].state

    def per_id(self) -> dict[str, list[tuple[str, Decimal, Decimal]]]:
        found: dict[str, list[tuple[str, Decimal, Decimal]]] = {}
        for event in self.fills.values():
            one = event.execution
            assert one is not None
            found.setdefault(event.client_order_id, []).append(
                (one.symbol, one.quantity, one.price)
            )
        return found


Told = dict[str, list[tuple[str, Decimal, Decimal]]]


def in_order(told: Told) -> Told:
    return {name: sorted(some) for name, some in told.items()}


def totals(told: Told) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """Return quantity and money of each instrument of each order, the money to 1/100 cent."""
    found: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for name, some in told.items():
        for symbol, quantity, price in some:
            many, paid = found.get((name, symbol), (Decimal(0), Decimal(0)))
            found[name, symbol] = many + quantity, paid + quantity * price
    return {key: (many, paid.quantize(Decimal("0.0001"))) for key, (many, paid) in found.items()}


def agree(desk: Desk, bench) -> None:
    """Check that the desk knows what really happened, and that nothing happened twice."""
    arrived: dict[str, list[str]] = {}
    for name in bench.orders():
        arrived.setdefault(desk.ids[name], []).append(name)
    doubled = {intent: names for intent, names in arrived.items() if len(names) > 1}
    assert not doubled, f"orders sent twice: {doubled}"
    told, really = desk.per_id(), bench.fills()
    if bench.executions:
        assert in_order(told) == in_order(really)
    assert totals(told) == totals(really)
    held: dict[str, Decimal] = {}
    for event in desk.fills.values():
        assert event.execution is not None
        symbol = event.execution.symbol
        held[symbol] = held.get(symbol, Decimal(0)) + event.execution.quantity
    assert {symbol: many for symbol, many in held.items() if many} == bench.positions()
    assert not desk.strangers


class Hasty:
    """A broker with the bug that this suite is for: it sends again what was not answered."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def __getattr__(self, name: str):
        return getattr(self._broker, name)

    def submit(self, request: Request) -> VenueOrder:
        for attempt in range(5):
            try:
                return self._broker.submit(
                    replace(request, client_order_id=f"{request.client_order_id[:44]}-{attempt}")
                )
            except OutcomeUnknownError:
                continue
        return self._broker.submit(request)
