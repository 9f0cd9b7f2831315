"""Records a symbol's live market: a snapshot every few seconds, as data that anything may read.

The chain comes by REST; the underlying and the options nearest to the money also by stream, which
is faster. Either alone keeps the record going. What is older than the seconds that a fresh quote
may have is not recorded: readers then see that nothing is known.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import structlog

from market import calendars
from market.clock import MINUTE, NEW_YORK, SECOND, from_ns
from market.feed.resilience import with_database
from market.models import Snapshot
from market.services import ensure_instrument
from market.store import write_snapshots
from market.vendors.alpaca.clients import DataAccess, DataError, Rest, Stream
from market.vendors.book import Book, Quoted

SOURCE: Final = "alpaca"
DAYS: Final = 60
"""Expiries so far ahead are recorded."""
WIDTH: Final = 0.25
"""Strikes so far from the underlying, as a share of its price."""
STREAMED: Final = 150
"""Options that are streamed; the free feed gives 200 symbols."""
KEEP_ALL: Final = 5 * MINUTE
"""Snapshots between two minutes are kept so long; those nearest to a minute's end for ever."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
log = structlog.get_logger(__name__)


class Streaming(Protocol):
    """A stream that can be closed."""

    def close(self) -> None:
        """End it."""


Opening = Callable[[DataAccess, Sequence[str], Callable[[str, Quoted], None]], Streaming]


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
        self, symbol: str, access: DataAccess, *, every: float = 5.0,
        now: Callable[[], int] = time.time_ns, rest: Any = None, opening: Opening = Stream,
    ) -> None:  # fmt: skip
        self.book = Book(symbol, SOURCE)
        self._symbol, self._access, self._every, self._now = symbol, access, every, now
        self._rest = rest or Rest(access)
        self._opening = opening
        self._streams: dict[str, Streaming] = {}
        self._due = 0
        self._wait = _FIRST_WAIT
        self.recorded = 0
        kind = "crypto" if "/" in symbol else "equity"
        ensure_instrument(symbol, kind=kind, name=symbol)

    def run(self, should_end: Callable[[], bool]) -> None:
        """Record until told to end. DataError when the vendor refuses the keys or the symbol."""
        try:
            while not should_end():
                began = self._now()
                if self._open():
                    self.turn()
                else:
                    self._close_streams()
                left = self._every - (self._now() - began) / SECOND
                end = time.monotonic() + max(0.0, left)
                while time.monotonic() < end and not should_end():
                    time.sleep(min(0.2, max(0.0, end - time.monotonic())))
        finally:
            self._close_streams()

    def turn(self) -> bool:
        """Ask, record, forget; return whether there was something to record."""
        self._ask()
        self._open_streams()
        now = self._now()
        data = self.book.snapshot(now)
        if data is None:
            log.warning("nothing_fresh", symbol=self._symbol, age_s=self.book.age_s(now))
            return False
        with_database(lambda: write_snapshots([data]), sleep=time.sleep)
        self.recorded += 1
        self._thin_out(now)
        return True

    def _open(self) -> bool:
        return "/" in self._symbol or calendars.is_open(from_ns(self._now()))

    def _ask(self) -> None:
        """Ask by REST, and wait longer after each failure."""
        now = self._now()
        if now < self._due:
            return
        try:
            self._hear(self._symbol, self._rest.underlying(self._symbol))
            spot = self.book.spot()
            if "/" not in self._symbol and spot > 0:
                last = from_ns(now).astimezone(NEW_YORK).date() + dt.timedelta(days=DAYS)
                found = self._rest.chain(
                    self._symbol, last=last, low=spot * (1 - WIDTH), high=spot * (1 + WIDTH)
                )
                for name, quote in found.items():
                    self._hear(name, quote)
            self._wait = _FIRST_WAIT
        except DataError as error:
            if error.refused:
                raise
            log.warning("not_asked", symbol=self._symbol, why=str(error), again_in_s=self._wait)
            self._due = now + int(self._wait * SECOND)
            self._wait = min(2 * self._wait, _LONGEST_WAIT)

    def _hear(self, symbol: str, quote: Quoted) -> None:
        self.book.hear(symbol, quote, self._now())

    def _open_streams(self) -> None:
        if "underlying" not in self._streams:
            self._streams["underlying"] = self._opening(self._access, [self._symbol], self._hear)
        names = self.book.nearest(STREAMED)
        if names and "options" not in self._streams:
            self._streams["options"] = self._opening(self._access, names, self._hear)

    def _close_streams(self) -> None:
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()

    def _thin_out(self, now: int) -> None:
        """Of what is older than a few minutes, keep each minute's last snapshot."""
        if self.recorded % 12:
            return
        end = now - KEEP_ALL
        rows = Snapshot.objects.filter(
            underlying__symbol=self._symbol, source=SOURCE, run=None,
            time__gte=from_ns(end - 10 * MINUTE), time__lt=from_ns(end // MINUTE * MINUTE),
        ).order_by("time").values_list("pk", "time")  # fmt: skip
        last: dict[dt.datetime, int] = {}
        for pk, at in rows:
            last[at.replace(second=0, microsecond=0)] = pk
        Snapshot.objects.filter(pk__in=[pk for pk, _ in rows if pk not in last.values()]).delete()
