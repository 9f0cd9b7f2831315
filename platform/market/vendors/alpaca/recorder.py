"""Records a symbol's live market: a snapshot each second, as data that anything may read.

The chain comes by REST, every five seconds; the underlying and the options nearest to the money
also by stream, which is faster. Either alone keeps the record going. What is older than the
seconds that a fresh quote may have is not recorded: readers then see that nothing is known.

A snapshot at a whole minute is how that minute ended, with its bar: of those a live feed and a
replay make their rows (`market.feed.source`).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from market import calendars
from market.calendars import Session
from market.clock import MINUTE, NEW_YORK, SECOND, from_ns, to_ns
from market.feed.resilience import with_database
from market.feed.source import RECORDING
from market.models import Snapshot
from market.services import ensure_instrument
from market.store import write_snapshots
from market.vendors.alpaca.clients import DataAccess, DataError, Rest, Stream
from market.vendors.alpaca.reference import Reference
from market.vendors.book import Book, Quoted

SOURCE: Final = RECORDING
DAYS: Final = 60
"""Expiries so far ahead are recorded."""
WIDTH: Final = 0.25
"""Strikes so far from the underlying, as a share of its price."""
STREAMED: Final = 150
"""Options that are streamed; the free feed gives 200 symbols."""
KEEP_ALL: Final = 5 * MINUTE
"""Snapshots between two minutes are kept so long; those nearest to a minute's end for ever."""
AFTER_S: Final = 0.5
"""So long after a minute's end it is closed: what was sent before the end is here by then."""
AHEAD_S: Final = 1.0
"""So long before the instant of a snapshot the vendor is asked."""
EVERY_S: Final = 1.0
"""Between snapshots: who opens something needs a quote of the underlying of the last 2 s."""
CHAIN: Final = 5 * SECOND
CHAIN_AHEAD: Final = int(0.8 * SECOND)
"""The chain is asked for so long before each five seconds are full, a minute's end among them."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
log = structlog.get_logger(__name__)


class Streaming(Protocol):
    """A stream that can be closed."""

    def close(self) -> None:
        """End it."""


@dataclass(slots=True)
class _Patience:
    """When something may be asked for again, ns UTC, and the wait after its next failure."""

    due: int = 0
    wait_s: float = _FIRST_WAIT


Opening = Callable[..., Streaming]
"""Given the access, symbols, who hears quotes and, of an underlying, who hears trades."""


class Recorder:
    """One symbol.

    Parameters
    ----------
    every : float
        Seconds between snapshots.
    now : callable
        The time, ns UTC.
    """

    def __init__(
        self, symbol: str, access: DataAccess, *, every: float = EVERY_S,
        now: Callable[[], int] = time.time_ns, rest: Any = None, opening: Opening = Stream,
    ) -> None:  # fmt: skip
        self.book = Book(symbol, SOURCE)
        self._symbol, self._access, self._every, self._now = symbol, access, every, now
        self._rest = rest or Rest(access)
        self._reference = Reference(symbol, self._rest, self._now)
        self._opening = opening
        self._streams: dict[str, Streaming] = {}
        self._patience = {what: _Patience() for what in ("underlying", "chain")}
        self._closed = (self._now() - 1) // MINUTE * MINUTE
        self.recorded = 0
        kind = "crypto" if "/" in symbol else "equity"
        ensure_instrument(symbol, kind=kind, name=symbol)

    def run(self, should_end: Callable[[], bool]) -> None:
        """Record until told to end. DataError when the vendor refuses the keys or the symbol."""
        every, after = int(self._every * SECOND), int(AFTER_S * SECOND)
        ahead = min(int(AHEAD_S * SECOND), every // 4)
        try:
            while not should_end():
                due = (self._now() - after + ahead) // every * every + every + after
                self._sleep_until(due - ahead, should_end)
                self.learn()
                if self._session(self._now(), late=MINUTE) is None:  # its end is still to be told
                    self._close_streams()
                    continue
                self.ask()
                self._sleep_until(due, should_end)
                self.write()
        finally:
            self._close_streams()

    def _sleep_until(self, at: int, should_end: Callable[[], bool]) -> None:
        while (left := (at - self._now()) / SECOND) > 0 and not should_end():
            time.sleep(min(0.2, left))

    def turn(self) -> bool:
        """Ask and record; return whether there was something to record."""
        self.ask()
        return self.write()

    def learn(self) -> None:
        """See that the bars of earlier days are there."""
        self._reference.bars()

    def ask(self) -> None:
        """Ask for the newest quotes, and see that the streams are open."""
        self._ask()
        self._open_streams()

    def write(self) -> bool:
        """Record a minute that has ended, or what is known now; return whether there was any."""
        now = self._now()
        end = now // MINUTE * MINUTE
        ends = end > self._closed and self._session(end) is not None
        self._closed = end
        if not ends and self._session(now) is None:
            return False
        data = self.book.closed(end, now) if ends else self.book.snapshot(now)
        if data is None:
            log.warning("nothing_fresh", symbol=self._symbol, age_s=self.book.age_s(now))
            return False
        with_database(lambda: write_snapshots([data]), sleep=time.sleep)
        self.recorded += 1
        self._thin_out(now)
        return True

    def _session(self, at: int, *, late: int = 0) -> Session | None:
        return calendars.session_at(at, calendars.exchange_of(self._symbol), late=late)

    def _ask(self) -> None:
        """Ask by REST; what fails is asked for again later, and keeps nothing else waiting."""
        self._try("underlying", self._ask_underlying)
        if "/" not in self._symbol and self._try("chain", self._ask_chain):
            marks = (self._now() + CHAIN_AHEAD) // CHAIN + 1
            self._patience["chain"].due = marks * CHAIN - CHAIN_AHEAD

    def _try(self, what: str, ask: Callable[[], None]) -> bool:
        """Ask for something that is due, and wait longer after each failure; whether it came."""
        now, patience = self._now(), self._patience[what]
        if now < patience.due:
            return False
        try:
            ask()
            patience.wait_s = _FIRST_WAIT
            return True
        except DataError as error:
            if error.refused:
                raise
            log.warning(
                "not_asked", symbol=self._symbol, what=what, why=str(error),
                again_in_s=patience.wait_s,
            )  # fmt: skip
            patience.due = now + int(patience.wait_s * SECOND)
            patience.wait_s = min(2 * patience.wait_s, _LONGEST_WAIT)
            return False

    def _ask_underlying(self) -> None:
        self._hear(self._symbol, self._rest.underlying(self._symbol))

    def _ask_chain(self) -> None:
        spot = self.book.spot()
        if not spot > 0:
            return
        today = from_ns(self._now()).astimezone(NEW_YORK).date()
        last, low, high = today + dt.timedelta(days=DAYS), spot * (1 - WIDTH), spot * (1 + WIDTH)
        found = self._rest.chain(self._symbol, last=last, low=low, high=high)
        for name, quote in found.items():
            self._hear(name, quote)
        interest = self._reference.interest(last=last, low=low, high=high)
        if interest:
            self.book.interested(interest)

    def _hear(self, symbol: str, quote: Quoted) -> None:
        self.book.hear(symbol, quote, self._now())

    def _hear_streamed(self, symbol: str, quote: Quoted) -> None:
        self.book.listened(self._now())
        self._hear(symbol, quote)

    def _traded(self, price: float, size: float, at: int) -> None:
        now = self._now()
        self.book.listened(now)
        self.book.traded(price, size, at, now)

    def _open_streams(self) -> None:
        if "underlying" not in self._streams:
            self._streams["underlying"] = self._opening(
                self._access, [self._symbol], self._hear_streamed, self._traded
            )
        names = self.book.nearest(STREAMED)
        if names and "options" not in self._streams:
            self._streams["options"] = self._opening(self._access, names, self._hear)

    def _close_streams(self) -> None:
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()

    def _thin_out(self, now: int) -> None:
        """Of what is older than a few minutes, keep each minute's end."""
        if self.recorded % 12:
            return
        self.book.forget_expired(now)
        end = now - KEEP_ALL
        rows = Snapshot.objects.filter(
            underlying__symbol=self._symbol, source=SOURCE, run=None,
            time__gt=from_ns(end - 10 * MINUTE), time__lte=from_ns(end // MINUTE * MINUTE),
        ).order_by("time").values_list("pk", "time")  # fmt: skip
        last = {-(-to_ns(at) // MINUTE): pk for pk, at in rows}
        Snapshot.objects.filter(pk__in=[pk for pk, _ in rows if pk not in last.values()]).delete()
