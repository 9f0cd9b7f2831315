"""One account at Tradier, as the house's broker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from trading.brokers.attempts import WHOLE_S
from trading.brokers.budget import Budget
from trading.brokers.credentials import Credentials
from trading.brokers.protocol import (
    Activity,
    OutcomeUnknownError,
    RejectedError,
    Request,
    VenueAccount,
    VenueOrder,
    VenuePosition,
)
from trading.brokers.tradier import asking, reading
from trading.brokers.tradier.books import Books
from trading.brokers.tradier.reading import Payload
from trading.brokers.tradier.slices import Slices
from trading.brokers.tradier.stream import AccountEvents
from trading.brokers.tradier.wire import Wire
from trading.orders.machine import News
from trading.orders.venue import Event

ORDERS_A_MINUTE: Final = 50
ORDERS_TAKEN_A_MINUTE: Final = 60
LOOKS_A_MINUTE: Final = 100
"""Of 120 that Tradier answers; what it is asked to do is counted apart."""
_NEW_YORK: Final = ZoneInfo("America/New_York")


class Tradier:
    """Follows `protocol.Broker`; safe between threads.

    Our id is an order's tag, which Tradier does not hold to be unique: what was sent is looked
    for in the list of the day's orders, and never sent again before that. An order of a day that
    is over cannot be looked for: its outcome stays unknown until a person looked.
    """

    name = reading.SOURCE
    abilities = asking.ABILITIES

    def __init__(
        self, credentials: Credentials, books: Books, *, trading: Budget | None = None,
        looking: Budget | None = None, whole_s: float = WHOLE_S,
    ) -> None:  # fmt: skip
        self._credentials = credentials
        self._books = books
        self._wire = Wire(
            credentials, trading or Budget(ORDERS_A_MINUTE, hard=ORDERS_TAKEN_A_MINUTE),
            looking or Budget(LOOKS_A_MINUTE), whole_s=whole_s,
        )  # fmt: skip
        self._slices = Slices()
        self._at = f"/accounts/{credentials.key}"

    # --- orders ---------------------------------------------------------------------------------
    def submit(self, request: Request) -> VenueOrder:
        """Send an order once; the answer has its number alone."""
        form = asking.form_of(request)
        answer = reading.thing(self._wire.post(f"{self._at}/orders", form), "order")
        if answer.get("status") != "ok":
            raise OutcomeUnknownError("The broker's answer is not that it took the order.")
        ident = reading.words(answer, "id")
        accepted = Event(
            reading.SOURCE, f"{ident}:{News.ACCEPTED}", News.ACCEPTED, dt.datetime.now(dt.UTC),
            client_order_id=request.client_order_id, venue_order_id=ident,
        )  # fmt: skip
        symbols = tuple(leg.symbol for leg in request.intent.legs)
        return VenueOrder(ident, request.client_order_id, symbols, open=True, news=(accepted,))

    def replace(self, venue_order_id: str, request: Request) -> VenueOrder:
        """Refuse: Tradier changes an order in place, so nothing would tell the two apart."""
        raise RejectedError(
            "Tradier has no replacement under a new id; cancel it and send a new one.", "ability"
        )

    def cancel(self, client_order_id: str, venue_order_id: str) -> None:
        """Ask for a cancel."""
        ident = venue_order_id
        if not ident:
            found = self._tagged(client_order_id)
            if found is None:
                raise RejectedError("The broker does not know the order.", "404")
            ident = reading.words(found, "id")
        self._wire.delete(f"{self._at}/orders/{int(ident)}")

    def cancel_all(self) -> int:
        """Ask for the cancel of everything open, one after the other: there is no call for all."""
        asked = 0
        for order in self._listed():
            if reading.words(order, "status") in reading.ENDED:
                continue
            try:
                self._wire.delete(f"{self._at}/orders/{int(reading.words(order, 'id'))}")
                asked += 1
            except RejectedError:
                continue
        return asked

    def find(self, client_order_id: str) -> VenueOrder | None:
        """Return an order by our id."""
        order = self._tagged(client_order_id)
        if order is not None:
            return self._told(order)
        sent = self._books.sent_at(client_order_id)
        today = dt.datetime.now(_NEW_YORK).date()
        if sent is not None and sent.astimezone(_NEW_YORK).date() < today:
            raise OutcomeUnknownError("It was sent on a day whose orders are listed no more.")
        return None

    def _tagged(self, client_order_id: str) -> Payload | None:
        found = [one for one in self._listed() if one.get("tag") == client_order_id]
        if len(found) > 1:
            raise OutcomeUnknownError("Two orders of the broker have this id.")
        return found[0] if found else None

    def orders(
        self, since: dt.datetime, fills: Sequence[Event] | None = None
    ) -> Sequence[VenueOrder]:
        """Return what is open, and the orders of the day: older ones are listed no more."""
        return [self._told(one) for one in self._listed()]

    def _listed(self) -> list[Payload]:
        answer = self._wire.get(f"{self._at}/orders", {"includeTags": "true"})
        return reading.rows(answer, "orders", "order")

    def _told(self, order: Payload) -> VenueOrder:
        ident = reading.words(order, "id")
        booked = self._books.booked(ident)
        return reading.order_of(order, self._slices.cut(ident, reading.sums_of(order), booked))

    def executions(self, since: dt.datetime) -> Sequence[Event]:
        """Return the fills of the listed orders that are not booked, oldest first."""
        fills = [event for one in self.orders(since) for event in one.news if event.execution]
        return sorted(fills, key=lambda event: event.at)

    # --- the account ----------------------------------------------------------------------------
    def activities(self, since: dt.datetime) -> Sequence[Activity]:
        """Return what happened without an order since, oldest first. They tell only their day."""
        answer = self._wire.get(f"{self._at}/history", {
            "start": since.astimezone(_NEW_YORK).date().isoformat(), "limit": "1000",
        })  # fmt: skip
        return reading.activities_of(reading.rows(answer, "history", "event"))

    def positions(self) -> Sequence[VenuePosition]:
        """Return all positions."""
        answer = self._wire.get(f"{self._at}/positions")
        return [reading.position_of(one) for one in reading.rows(answer, "positions", "position")]

    def account(self) -> VenueAccount:
        """Return the account."""
        balances = reading.thing(self._wire.get(f"{self._at}/balances"), "balances")
        profile = reading.thing(self._wire.get("/user/profile"), "profile")
        return reading.account_of(balances, profile, self._credentials.key)

    def suspend(self, *, on: bool) -> None:
        """Refuse: trading cannot be stopped inside Tradier."""
        raise RejectedError("Tradier has no stop of its own.", "ability")

    def stream(self) -> AccountEvents:
        """Open the stream of news."""
        answer: Any = self._wire.post("/accounts/events/session", {})
        session = reading.words(reading.thing(answer, "stream"), "sessionid")
        return AccountEvents(self._credentials.address, session, self._look)

    def _look(self, ident: str) -> VenueOrder | None:
        try:
            answer = self._wire.get(f"{self._at}/orders/{int(ident)}", {"includeTags": "true"})
        except RejectedError:
            return None
        return self._told(reading.thing(answer, "order"))
