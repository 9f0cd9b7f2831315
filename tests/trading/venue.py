"""A small but real venue behind the Broker protocol, with every fault that a wire has.

It keeps orders, fills, positions and cash of one account, and says the same in three ways: to
questions, on streams and as the answer to a submit. What it holds is the truth to compare with.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from queue import Queue

from trading.brokers.protocol import (
    Abilities,
    Activity,
    NotTakenError,
    OutcomeUnknownError,
    RejectedError,
    Request,
    VenueAccount,
    VenueOrder,
    VenuePosition,
)
from trading.orders.machine import News
from trading.orders.venue import Event, Execution

D = Decimal
EVERY = {
    "equity": frozenset({"limit", "market", "stop", "stop_limit", "trailing_stop"}),
    "option": frozenset({"limit", "market"}),
}


class Crash(BaseException):
    """The process dies here."""


class FakeClock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._began = dt.datetime.now(dt.UTC)

    def now(self) -> dt.datetime:
        return self._began + dt.timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


@dataclass
class Kept:
    """An order as the venue has it."""

    venue_id: str
    request: Request
    seen_at: float = 0.0
    filled: dict[str, Decimal] = field(default_factory=dict)
    fills: int = 0
    open: bool = True
    events: list[Event] = field(default_factory=list)

    @property
    def quantity(self) -> Decimal:
        return self.request.intent.quantity


@dataclass
class Faults:
    """Shares of the calls that go wrong, each in its way."""

    drop: float = 0.0  # never arrives, and that is known
    rate: float = 0.0  # refused for now
    before: float = 0.0  # never arrives, which is not known
    after: float = 0.0  # arrives, which is not known
    nonsense: float = 0.0  # arrives, and the answer is no answer
    crash_before: float = 0.0
    crash_after: float = 0.0
    ask: float = 0.0  # a question fails
    lost: float = 0.0  # news that no stream tells
    twice: float = 0.0  # news that streams tell again later
    disorder: float = 0.0  # news that streams tell late
    hidden_s: float = 0.0  # until questions show an order that arrived


class Venue:
    """One account at one broker."""

    name = "venue"

    def __init__(
        self, clock: FakeClock, seed: int = 0, cash: str = "100000", *, streams: bool = False
    ) -> None:
        self.clock, self.chance = clock, random.Random(seed)
        self.faults = Faults()
        self.abilities = Abilities(
            frozenset({"equity", "option"}), EVERY, {}, packages=EVERY["option"], streams=streams
        )
        self.cash = D(cash)
        self.held: dict[str, Decimal] = {}
        self.kept: dict[str, Kept] = {}
        self.told: list[Event] = []
        self.happened: list[Activity] = []
        self.posts: list[str] = []
        self.cancels: list[str] = []
        self.fill_at_once = 0.0
        self.obstacles: tuple[str, ...] = ()
        self.streaming: list[NewsStream] = []
        self._late: list[Event] = []
        self._lock = threading.RLock()

    # --- the protocol ------------------------------------------------------------------------

    def submit(self, request: Request) -> VenueOrder:
        with self._lock:
            name = request.client_order_id
            self.posts.append(name)
            if name in self.kept:
                raise OutcomeUnknownError("the id is known already")
            fault = self._fault()
            if fault == "drop":
                raise NotTakenError("no connection")
            if fault == "rate":
                raise NotTakenError("429", self.clock.now() + dt.timedelta(seconds=2))
            if fault == "crash_before":
                raise Crash
            if fault == "before":
                raise OutcomeUnknownError("time is up")
            kept = self._take(request)
            if fault == "crash_after":
                raise Crash
            if fault == "after":
                raise OutcomeUnknownError("504")
            if fault == "nonsense":
                raise ValueError("<html>")
            return self._view(kept)

    def cancel(self, client_order_id: str, venue_order_id: str) -> None:
        with self._lock:
            self.cancels.append(client_order_id)
            self._may_fail()
            kept = next((k for k in self.kept.values() if k.venue_id == venue_order_id), None)
            if kept is None or not kept.open:
                raise RejectedError("it is not open")
            self._end(kept, News.CANCELED)

    def replace(self, venue_order_id: str, request: Request) -> VenueOrder:
        with self._lock:
            old = next((k for k in self.kept.values() if k.venue_id == venue_order_id), None)
            if old is None or not old.open:
                self.posts.append(request.client_order_id)
                raise RejectedError("it is not open")
            answer = self.submit(request)
            self._end(old, News.REPLACED)
            return answer

    def cancel_all(self) -> int:
        with self._lock:
            self._may_fail()
            wanted = [kept for kept in self.kept.values() if kept.open]
            for kept in wanted:
                self._end(kept, News.CANCELED)
            return len(wanted)

    def find(self, client_order_id: str) -> VenueOrder | None:
        with self._lock:
            self._may_fail()
            kept = self.kept.get(client_order_id)
            return self._view(kept) if kept and self._shown(kept) else None

    def orders(self, since: dt.datetime, fills: object = None) -> list[VenueOrder]:
        with self._lock:
            self._may_fail()
            return [
                self._view(kept) for kept in self.kept.values()
                if self._shown(kept) and (kept.open or kept.events[-1].at >= since)
            ]  # fmt: skip

    def executions(self, since: dt.datetime) -> list[Event]:
        with self._lock:
            self._may_fail()
            return [one for one in self.told if one.news == News.FILL and one.at >= since]

    def activities(self, since: dt.datetime) -> list[Activity]:
        with self._lock:
            self._may_fail()
            # As brokers do, it knows no more of an activity than its day.
            return [one for one in self.happened if one.at >= since - dt.timedelta(days=1)]

    def positions(self) -> list[VenuePosition]:
        with self._lock:
            self._may_fail()
            return [VenuePosition(name, q, D(100)) for name, q in self.held.items() if q]

    def account(self) -> VenueAccount:
        with self._lock:
            self._may_fail()
            return VenueAccount(self.cash, self.cash, self.cash, 3, self.obstacles)

    def suspend(self, *, on: bool) -> None:
        self.obstacles = ("suspended",) if on else ()

    def stream(self) -> NewsStream:
        with self._lock:
            self._may_fail()
            self.streaming.append(NewsStream())
            return self.streaming[-1]

    # --- what happens there --------------------------------------------------------------------

    def fill(self, name: str, quantity: str | Decimal, price: str = "99", leg: int = 0) -> Event:
        """Fill a leg of an order; open or just cancelled, as venues do."""
        with self._lock:
            kept = self.kept[name]
            one = kept.request.intent.legs[leg]
            size = D(quantity)
            signed = size if one.ratio > 0 else -size
            kept.fills += 1
            execution = Execution(
                f"{kept.venue_id}-x{kept.fills}", one.symbol, signed, D(price), one.multiplier,
                D("0.35"),
            )  # fmt: skip
            kept.filled[one.symbol] = kept.filled.get(one.symbol, D(0)) + size
            self.held[one.symbol] = self.held.get(one.symbol, D(0)) + signed
            self.cash -= signed * D(price) * one.multiplier + execution.fee
            ratios = kept.request.intent.legs
            done = [kept.filled.get(a.symbol, D(0)) >= kept.quantity * abs(a.ratio) for a in ratios]
            if all(done):
                kept.open = False
            return self._say(kept, News.FILL, f"fill {execution.execution_id}", execution)

    def fill_whole(self, name: str, price: str = "99") -> None:
        for place, one in enumerate(self.kept[name].request.intent.legs):
            left = self.kept[name].quantity * abs(one.ratio)
            left -= self.kept[name].filled.get(one.symbol, D(0))
            if left > 0:
                self.fill(name, left, price, place)

    def end(self, name: str, news: News) -> None:
        with self._lock:
            self._end(self.kept[name], news)

    def foreign(self, symbol: str, quantity: str, price: str = "99") -> Event:
        """Trade in the account past this house."""
        with self._lock:
            number = len(self.told)
            execution = Execution(f"foreign{number}", symbol, D(quantity), D(price), D(1))
            self.held[symbol] = self.held.get(symbol, D(0)) + D(quantity)
            self.cash -= D(quantity) * D(price)
            event = Event(self.name, f"foreign {number}", News.FILL, self.clock.now(),
                          venue_order_id="foreign", execution=execution)  # fmt: skip
            self.told.append(event)
            self._tell(event)
            return event

    def happens(self, activity: Activity) -> None:
        with self._lock:
            self.happened.append(activity)
            self.cash += activity.cash
            if activity.symbol and activity.quantity:
                self.held[activity.symbol] = (
                    self.held.get(activity.symbol, D(0)) + activity.quantity
                )
                if activity.price:
                    self.cash -= activity.quantity * activity.price

    def tell_late(self) -> None:
        """Let streams tell what they held back."""
        with self._lock:
            late, self._late = self._late, []
            self.chance.shuffle(late)
            for event in late:
                self._put(event)

    def cut(self) -> None:
        """Break every stream; what was not heard is not told again."""
        for one in self.streaming:
            one.cut()
        self.streaming.clear()

    # --- its inside ------------------------------------------------------------------------------

    def _fault(self) -> str:
        draw, names = self.chance.random(), (
            "drop", "rate", "before", "after", "nonsense", "crash_before", "crash_after",
        )  # fmt: skip
        for name in names:
            draw -= getattr(self.faults, name)
            if draw < 0:
                return name
        return ""

    def _may_fail(self) -> None:
        if self.chance.random() < self.faults.ask:
            raise OutcomeUnknownError("the question failed")

    def _take(self, request: Request) -> Kept:
        name = request.client_order_id
        hidden = self.faults.hidden_s * self.chance.random()
        kept = Kept(f"v{len(self.kept) + 1}", request, self.clock.monotonic() + hidden)
        self.kept[name] = kept
        self._say(kept, News.ACCEPTED, f"accepted {kept.venue_id}")
        if self.chance.random() < self.fill_at_once:
            self.fill_whole(name)
        return kept

    def _end(self, kept: Kept, news: News) -> None:
        kept.open = False
        self._say(kept, news, f"{news} {kept.venue_id}")

    def _say(
        self, kept: Kept, news: News, event_id: str, execution: Execution | None = None
    ) -> Event:
        event = Event(
            self.name, event_id, news, self.clock.now(), kept.request.client_order_id,
            kept.venue_id, execution,
        )  # fmt: skip
        kept.events.append(event)
        self.told.append(event)
        self._tell(event)
        return event

    def _tell(self, event: Event) -> None:
        if self.chance.random() < self.faults.lost:
            return
        if self.chance.random() < self.faults.twice:
            self._late.append(event)
        if self.chance.random() < self.faults.disorder:
            self._late.append(event)
            return
        self._put(event)

    def _put(self, event: Event) -> None:
        for one in self.streaming:
            one.put(event)

    def _shown(self, kept: Kept) -> bool:
        return self.clock.monotonic() >= kept.seen_at

    def _view(self, kept: Kept) -> VenueOrder:
        symbols = tuple(one.symbol for one in kept.request.intent.legs)
        return VenueOrder(kept.venue_id, kept.request.client_order_id, symbols, kept.open,
                          tuple(replace(one) for one in kept.events))  # fmt: skip


class NewsStream:
    """News in the order in which they come, until it is cut or closed."""

    def __init__(self) -> None:
        self._queue: Queue[Event | Activity | Exception | None] = Queue()

    def __iter__(self) -> Iterator[Event | Activity]:
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item

    def put(self, event: Event | Activity) -> None:
        self._queue.put(event)

    def cut(self) -> None:
        self._queue.put(OutcomeUnknownError("the connection is cut"))

    def close(self) -> None:
        self._queue.put(None)
