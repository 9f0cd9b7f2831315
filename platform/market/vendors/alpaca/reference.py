"""What a vendor tells of a symbol before its session: daily bars, its chain's open interest.

Asked for once a day. A bar counts as known from when it came, so a day that began without it has
the same rows when it is replayed. Without either the record goes on, and rows say what they lack.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from market import calendars
from market.bars import BarRow, write_bars
from market.clock import MINUTE, NEW_YORK, from_ns, local_date
from market.feed.resilience import with_database
from market.feed.source import RECORDING
from market.models import Instrument
from market.vendors.alpaca.clients import DataError

DAY_S: Final = 86_400
HISTORY: Final = dt.timedelta(days=430)
"""Bars so far back are asked for: three hundred sessions."""
AGAIN: Final = 5 * MINUTE
"""So long after a failure it is asked for again."""
log = structlog.get_logger(__name__)


class Telling(Protocol):
    """Who is asked."""

    def days(self, symbol: str, *, start: dt.date, end: dt.date) -> Sequence[Mapping[str, Any]]:
        """Return daily bars as Alpaca writes them."""
        ...

    def interest(self, symbol: str, *, last: dt.date, low: float, high: float) -> dict[str, float]:
        """Return the open interest by contract."""
        ...


class Reference:
    """One symbol's; both are asked for until they were told of the day."""

    def __init__(self, symbol: str, rest: Telling, now: Callable[[], int]) -> None:
        self._symbol, self._rest, self._now = symbol, rest, now
        self._told: dict[str, dt.date] = {}
        self._due: dict[str, int] = {}

    def bars(self) -> None:
        """Store the daily bars of the sessions that are over; a coin's own days are stored live."""
        if "/" not in self._symbol:
            self._once("daily bars", self._bars)

    def interest(self, *, last: dt.date, low: float, high: float) -> dict[str, float] | None:
        """Return the open interest by contract where it was not told today yet, else None."""
        found: dict[str, float] | None = self._once(
            "open interest",
            lambda day: self._rest.interest(self._symbol, last=last, low=low, high=high),
        )
        return found

    def _once(self, what: str, ask: Callable[[dt.date], Any]) -> Any:
        now = self._now()
        day = local_date(now)
        if self._told.get(what) == day or now < self._due.get(what, 0):
            return None
        try:
            found = ask(day)
        except DataError as error:
            log.warning("not_told", symbol=self._symbol, what=what, why=str(error))
            self._due[what] = now + AGAIN
            return None
        self._told[what] = day
        return found

    def _bars(self, day: dt.date) -> None:
        found = self._rest.days(self._symbol, start=day - HISTORY, end=day - dt.timedelta(days=1))
        pk, now = Instrument.objects.get(symbol=self._symbol).pk, from_ns(self._now())
        rows = [made for one in found if (made := _row(one, pk, now)) is not None]
        with_database(lambda: write_bars(rows), sleep=time.sleep)


def _row(given: Mapping[str, Any], pk: int, now: dt.datetime) -> BarRow | None:
    """Return a bar of a session that is over; None for what is none."""
    try:
        began = dt.datetime.fromisoformat(str(given["t"]))
        opened, high, low, close, volume = (float(given[name]) for name in "ohlcv")
    except (KeyError, TypeError, ValueError):
        return None
    session = calendars.session(began.astimezone(NEW_YORK).date())
    if session is None or session.close > now or not min(opened, high, low, close) > 0:
        return None
    return BarRow(
        pk, "trade", DAY_S, session.close, now, opened, high, low, close, volume, RECORDING
    )
