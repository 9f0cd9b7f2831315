"""One account at Alpaca, as the house's broker."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from trading.brokers.alpaca import asking, reading
from trading.brokers.alpaca.reading import Known, Payload
from trading.brokers.alpaca.stream import TradeUpdates
from trading.brokers.alpaca.wire import Wire
from trading.brokers.attempts import WHOLE_S
from trading.brokers.budget import Budget
from trading.brokers.credentials import Credentials
from trading.brokers.protocol import (
    Activity,
    BrokerError,
    OutcomeUnknownError,
    RejectedError,
    Request,
    VenueAccount,
    VenueOrder,
    VenuePosition,
)
from trading.orders.machine import lead_of
from trading.orders.venue import Event

USED_A_MINUTE: Final = 150
TAKEN_A_MINUTE: Final = 200
"""Requests that are used, and that Alpaca takes: the rest is for cancels and for other users."""
_PAGE: Final = 100
_ORDERS_PAGE: Final = 500
_MISSING: Final = frozenset({"40410000", "404"})
_REMEMBERED: Final = 20_000
_LOOK_BACK: Final = (1, 91)
"""Days in which the order of a fill is looked for; orders live 90 days at most."""
_SLACK: Final = dt.timedelta(seconds=30)
"""Between their clock and ours, and between a fill and its place in the list."""


class Alpaca:
    """Follows `protocol.Broker`; safe between threads.

    Fills have one source, the list of activities, so each has one id. The stream says when to
    look there, and `stream` gives what was found.
    """

    name = reading.SOURCE
    abilities = asking.ABILITIES

    def __init__(
        self, credentials: Credentials, *, budget: Budget | None = None, whole_s: float = WHOLE_S
    ) -> None:
        self._credentials = credentials
        self.budget = budget or Budget(USED_A_MINUTE, hard=TAKEN_A_MINUTE)
        self._wire = Wire(credentials, self.budget, whole_s=whole_s)
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._open: set[str] = set()

    # --- orders ---------------------------------------------------------------------------------
    def submit(self, request: Request) -> VenueOrder:
        """Send an order once."""
        return self._taken(self._wire.post("/orders", asking.body_of(request)), request)

    def replace(self, venue_order_id: str, request: Request) -> VenueOrder:
        """Ask for another order in the place of one."""
        path = f"/orders/{quote(venue_order_id, safe='')}"
        return self._taken(self._wire.patch(path, asking.change_of(request)), request)

    def _taken(self, answer: Any, request: Request) -> VenueOrder:
        order = reading.thing(answer)
        if order.get("client_order_id") != request.client_order_id:
            raise OutcomeUnknownError("The broker answered with another order.")
        if request.exits and reading.lone(order):
            with suppress(BrokerError):  # else its exits are asked for later
                order = self._nested(order)
        whole, *exits = (reading.order_of(one, ()) for one in self._learn(order, ours=True))
        news = (event for one in exits for event in one.news)
        return replace(whole, news=(*whole.news, *news))

    def cancel(self, client_order_id: str, venue_order_id: str) -> None:
        """Ask for a cancel."""
        ident = venue_order_id
        if not ident:
            found = self.find(client_order_id)
            if found is None:
                raise RejectedError("The broker does not know the order.", "40410000")
            ident = found.venue_order_id
        self._wire.delete(f"/orders/{quote(ident, safe='')}")

    def cancel_all(self) -> int:
        """Ask for the cancel of everything open."""
        answers = reading.rows(self._wire.delete("/orders"))
        return sum(one.get("status") in (200, 204) for one in answers)

    def find(self, client_order_id: str) -> VenueOrder | None:
        """Return an order by our id. An exit is found by the order that it was sent with."""
        lead = lead_of(client_order_id)
        found = self._by_client(lead or client_order_id)
        if found is None:
            return None
        if lead and reading.lone(found):
            raise OutcomeUnknownError("The broker does not show the exits of a group.")
        told = [self._filled(one) for one in self._learn(found, ours=True)]
        if lead:
            return next((one for one in told if one.client_order_id == client_order_id), None)
        whole, *exits = told
        return replace(whole, news=(*whole.news, *(event for one in exits for event in one.news)))

    def _filled(self, order: Payload) -> VenueOrder:
        try:
            fills = self._fills_of(order)
        except BrokerError:  # that it is there is what counts; its end waits for its fills
            fills = []
        return reading.order_of(order, fills)

    def _fills_of(self, order: Payload) -> list[Event]:
        """Return the fills of an order, looked for between its placing and its newest change."""
        if not reading.filled(order):
            return []
        placed = reading.instant(order.get("submitted_at"), "submitted_at")
        changed = reading.instant(order.get("updated_at"), "updated_at")
        found = self._executions(placed, changed + _SLACK)
        return [one for one in found if one.venue_order_id == order["id"]]

    def _by_client(self, client_order_id: str) -> Payload | None:
        path = "/orders:by_client_order_id"
        try:
            answer = self._wire.get(path, {"client_order_id": client_order_id})
        except RejectedError as error:
            if error.code in _MISSING:
                return None
            raise OutcomeUnknownError(str(error)) from error
        order = reading.thing(answer)
        return self._nested(order) if reading.lone(order) else order

    def _nested(self, order: Payload) -> Payload:
        """Return an order with its exits, which not every answer shows."""
        return self._by_id(reading.words(order, "id")) or order

    def orders(
        self, since: dt.datetime, fills: Sequence[Event] | None = None
    ) -> Sequence[VenueOrder]:
        """Return all that is open or was placed since, and what was filled or was open before.

        An older order that ended unfilled while nobody asked is found by `find` alone.
        """
        found = {one["id"]: one for one in self._pages("open", None)}
        found |= {one["id"]: one for one in self._pages("all", since - _SLACK)}
        by_order: dict[str, list[Event]] = {}
        for event in self.executions(since) if fills is None else fills:
            by_order.setdefault(event.venue_order_id, []).append(event)
        with self._lock:
            missing = (self._open | set(by_order)) - set(found)
        for ident in missing:
            order = self._by_id(ident)
            if order is not None:
                found |= {one["id"]: one for one in self._learn(order)}
        found = {ident: self.named(one) or one for ident, one in found.items()}
        return [self._whole(one, by_order.get(one["id"], [])) for one in found.values()]

    def _whole(self, order: Payload, fills: list[Event]) -> VenueOrder:
        """Return an order with its fills, of which some may be older than what was asked for."""
        told = reading.order_of(order, fills)
        if told.open and reading.words(order, "status") in reading.ENDED:
            return reading.order_of(order, self._fills_of(order))
        return told

    def _pages(self, status: str, after: dt.datetime | None) -> Iterator[Payload]:
        seen: set[str] = set()
        while True:
            query = {} if after is None else {"after": after.isoformat()}
            page = reading.rows(self._wire.get("/orders", {
                "status": status, "nested": "true", "direction": "asc",
                "limit": str(_ORDERS_PAGE), **query,
            }))  # fmt: skip
            fresh = [one for one in page if one.get("id") not in seen]
            yield from (member for one in fresh for member in self._learn(one))
            seen |= {one["id"] for one in fresh}
            if len(page) < _ORDERS_PAGE or not fresh:
                return
            last = reading.instant(page[-1].get("submitted_at"), "submitted_at")
            after = last - dt.timedelta(milliseconds=1)

    def _by_id(self, ident: str) -> Payload | None:
        try:
            answer = self._wire.get(f"/orders/{quote(ident, safe='')}", {"nested": "true"})
        except RejectedError as error:
            if error.code in _MISSING:
                return None
            raise OutcomeUnknownError(str(error)) from error
        return reading.thing(answer)

    def _learn(self, order: Payload, *, ours: bool = False) -> list[Payload]:
        """Remember whose the fills of an order and its exits are, and which are open.

        Returns it, and them, under ids that are `ours`. One that may be an exit by itself says
        nothing of whose it is.
        """
        found = [order] if reading.lone(order) and not ours else reading.family(order)
        with self._lock:
            for one in found:
                ident = reading.words(one, "id")
                ended = reading.words(one, "status") in reading.ENDED
                (self._open.discard if ended else self._open.add)(ident)
                if ours or not reading.lone(one):
                    self._known |= reading.owners(one)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def named(self, order: Payload) -> Payload | None:
        """Return an order under the id that is ours; None while it is not known whose exit it is.

        Exits of a group are told under the broker's own ids; lists nest them where they belong.
        """
        if not reading.lone(order):
            return order
        ident = reading.words(order, "id")
        if ident not in self._known:
            placed = reading.instant(order.get("submitted_at"), "submitted_at")
            for _ in self._pages("all", placed - _SLACK):
                pass
        with self._lock:
            known = self._known.get(ident)
        if known is None:
            return None
        mark = {reading.EXIT: True} if known.exit else {}
        return {**order, "client_order_id": known.client_order_id, **mark}

    # --- fills and activities -------------------------------------------------------------------
    def executions(self, since: dt.datetime) -> Sequence[Event]:
        """Return all fills since, oldest first; those of one instant by how much was filled."""
        return self._executions(since)

    def _executions(self, since: dt.datetime, until: dt.datetime | None = None) -> list[Event]:
        more = {} if until is None else {"until": until.isoformat()}
        found = list(self._activities("/account/activities/FILL", since - _SLACK, **more))
        found.sort(key=lambda one: (str(one.get("transaction_time")), _sum(one)))
        self._find_owners(found)
        with self._lock:
            return [reading.fill_of(one, self._known.get(str(one["order_id"]))) for one in found]

    def _find_owners(self, fills: Sequence[Payload]) -> None:
        """Learn of the orders of fills that were not seen yet: lists show whose a leg is."""
        for days in _LOOK_BACK:
            with self._lock:
                open_ = [one for one in fills if reading.words(one, "order_id") not in self._known]
            if not open_:
                return
            first = min(str(one.get("transaction_time")) for one in open_)
            placed = reading.instant(first, "transaction_time") - dt.timedelta(days=days)
            for _ in self._pages("all", placed):
                pass

    def activities(self, since: dt.datetime) -> Sequence[Activity]:
        """Return what happened without an order since, oldest first. They tell only their day."""
        day = since - dt.timedelta(days=1)
        found = self._activities("/account/activities", day, category="non_trade_activity")
        return reading.activities_of(found)

    def _activities(self, path: str, after: dt.datetime, **more: str) -> Iterator[Payload]:
        query = {"after": after.isoformat(), "direction": "asc", "page_size": str(_PAGE), **more}
        while True:
            page = reading.rows(self._wire.get(path, query))
            yield from page
            if len(page) < _PAGE:
                return
            query["page_token"] = reading.words(page[-1], "id")

    # --- the account ----------------------------------------------------------------------------
    def positions(self) -> Sequence[VenuePosition]:
        """Return all positions."""
        return [reading.position_of(one) for one in reading.rows(self._wire.get("/positions"))]

    def account(self) -> VenueAccount:
        """Return the account."""
        return reading.account_of(reading.thing(self._wire.get("/account")))

    def suspend(self, *, on: bool) -> None:
        """Stop (or allow) trading inside the broker."""
        self._wire.patch("/account/configurations", {"suspend_trade": on}, spare=0)

    def stream(self) -> TradeUpdates:
        """Open the stream of news."""
        return TradeUpdates(self._credentials, self.executions, self.named)


def _sum(activity: Payload) -> Any:
    return reading.number(activity.get("cum_qty") or "0", "cum_qty")
