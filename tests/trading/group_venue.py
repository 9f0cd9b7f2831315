"""The venue of the tests as a broker that takes groups whole, and keeps them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.trading.venue import Kept, Venue
from trading.brokers.protocol import NativeGroups, Request, VenueOrder
from trading.orders.machine import News, exit_id
from trading.orders.venue import Event

D = Decimal
ABLE = NativeGroups(
    frozenset({"bracket", "oto", "oco"}), frozenset({"limit", "market"}),
    frozenset({"limit", "stop", "stop_limit"}), frozenset({"day", "gtc"}),
)  # fmt: skip


class GroupVenue(Venue):
    """Exits sleep until their entry is filled whole; an order that ends takes its group along."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.abilities = replace(self.abilities, native_groups={"equity": ABLE})
        self.keeps_word = True
        """Whether a fill of one exit ends the other."""
        self.groups: list[list[str]] = []
        self.asleep: set[str] = set()

    def family(self, name: str) -> list[str]:
        return next((one for one in self.groups if name in one), [name])

    def exits(self, name: str) -> list[str]:
        """Return the open exits of a group that may fill."""
        found = [one for one in self.family(name) if self.kept[one].request.closing == (True,)]
        return [one for one in found if self.kept[one].open and one not in self.asleep]

    def replace(self, venue_order_id: str, request: Request) -> VenueOrder:
        with self._lock:
            name = next(n for n, one in self.kept.items() if one.venue_id == venue_order_id)
            assert request.prices_only == (len(self.family(name)) > 1)
            answer = super().replace(venue_order_id, request)
            if len(self.family(name)) > 1:
                self.family(name).append(request.client_order_id)
                kept = self.kept[request.client_order_id]
                kept.request = replace(kept.request, closing=(True,))
            return answer

    def fill(self, name: str, quantity: str | Decimal, price: str = "99", leg: int = 0) -> Event:
        with self._lock:
            event = super().fill(name, quantity, price, leg)
            kept, others = self.kept[name], [one for one in self.family(name) if one != name]
            if name not in self._leaving(name):
                if not kept.open:
                    self.asleep -= set(others)
                return event
            for other in others if self.keeps_word else ():
                one = self.kept[other]
                if one.open and not kept.open:
                    self._only(one, News.CANCELED)
                elif one.open:
                    left = kept.quantity - kept.filled["SPY"]
                    one.request = replace(
                        one.request, intent=replace(one.request.intent, quantity=left)
                    )
            if not kept.open:  # of an exit that was adjusted this is the end of the rest
                self._only(kept, News.CANCELED)
            return event

    def _leaving(self, name: str) -> list[str]:
        found = self.family(name)
        return [one for one in found if self.kept[one].request.closing == (True,)]

    def _take(self, request: Request) -> Kept:
        lead = super()._take(request)
        names = [request.client_order_id]
        for one in request.exits:
            name = exit_id(request.client_order_id, one.kind)
            self.kept[name] = kept = Kept(
                f"v{len(self.kept) + 1}", Request(name, one, (True,)), lead.seen_at
            )
            names.append(name)
            if one.legs != request.intent.legs:
                self.asleep.add(name)
            self._say(kept, News.ACCEPTED, f"accepted {kept.venue_id}")
        if request.exits:
            self.groups.append(names)
        return lead

    def _end(self, kept: Kept, news: News) -> None:
        if news == News.REPLACED:
            self._only(kept, news)
            return
        for name in self.family(kept.request.client_order_id):
            if self.kept[name].open:
                self._only(self.kept[name], news)

    def _only(self, kept: Kept, news: News) -> None:
        super()._end(kept, news)

    def _view(self, kept: Kept) -> VenueOrder:
        alone = super()._view(kept)
        names = self.family(kept.request.client_order_id)
        if names[0] != kept.request.client_order_id:
            return alone
        news = tuple(event for one in names for event in self.kept[one].events)
        return replace(alone, news=news)
