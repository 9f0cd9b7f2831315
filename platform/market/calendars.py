"""Sessions, settlement instants and the two clocks on which time to expiry is measured.

Sessions come from exchange_calendars, imported when they are first needed and then held as plain
arrays. The range is fixed, so no answer depends on the day on which it is asked.
"""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from market import occ
from market.clock import MINUTE, SECOND, from_ns, local_date, new_york, to_ns

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Clock = Literal["calendar", "trading"]

FIRST: Final = dt.date(1990, 1, 1)
LAST: Final = dt.date(2040, 12, 31)
CALENDAR_YEAR: Final = 31_536_000  # seconds: 525,600 minutes
TRADING_YEAR: Final = 252 * 390 * 60  # seconds of regular session
AROUND_THE_CLOCK: Final = "24/7"
LATE_CLOSE: Final = dt.timedelta(minutes=15)
_FULL_DAY: Final = 390 * MINUTE
_EPOCH: Final = dt.date(1970, 1, 1)


class CalendarError(LookupError):
    """The date or instant is outside the calendar's range, or the day has no session."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day; `open` and `close` are UTC."""

    date: dt.date
    open: dt.datetime
    close: dt.datetime
    half_day: bool

    @property
    def open_ns(self) -> int:
        """The open, ns UTC."""
        return to_ns(self.open)

    @property
    def close_ns(self) -> int:
        """The close, ns UTC."""
        return to_ns(self.close)

    @property
    def minutes(self) -> int:
        """Minutes of the regular session: 390, or 210 when it closes at 13:00."""
        return (self.close_ns - self.open_ns) // MINUTE

    def minute_ends(self) -> IntArray:
        """Return the instants at which the session's minutes end, the close last, ns UTC."""
        return np.arange(self.open_ns + MINUTE, self.close_ns + 1, MINUTE, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Days since the epoch, opens and closes of all sessions, and the seconds open before each."""

    days: IntArray
    opens: IntArray
    closes: IntArray
    before: IntArray


@lru_cache(maxsize=4)
def _table(exchange: str) -> _Table:
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library speaks of its own use of pandas
        calendar = exchange_calendars.get_calendar(exchange, start=str(FIRST), end=str(LAST))
    opens = np.asarray(calendar.opens_nanos, dtype=np.int64)
    closes = np.asarray(calendar.closes_nanos, dtype=np.int64)
    days = calendar.sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
    before = np.concatenate([[0], np.cumsum(closes - opens)])
    return _Table(days, opens, closes, before)


def _day(day: dt.date) -> int:
    if not FIRST <= day <= LAST:
        raise CalendarError(f"{day} is outside the calendar, {FIRST} to {LAST}")
    return (day - _EPOCH).days


def _session(table: _Table, index: int) -> Session:
    opened, closed = int(table.opens[index]), int(table.closes[index])
    day = _EPOCH + dt.timedelta(days=int(table.days[index]))
    return Session(day, from_ns(opened), from_ns(closed), closed - opened < _FULL_DAY)


@lru_cache(maxsize=4096)
def session(day: dt.date, exchange: str = "XNYS") -> Session | None:
    """Return the session of a date, or None on a weekend or holiday."""
    table = _table(exchange)
    index = int(np.searchsorted(table.days, _day(day)))
    if index == len(table.days) or table.days[index] != _day(day):
        return None
    return _session(table, index)


def previous_session(day: dt.date, exchange: str = "XNYS") -> Session:
    """Return the last session before a date."""
    table = _table(exchange)
    index = int(np.searchsorted(table.days, _day(day))) - 1
    if index < 0:
        raise CalendarError(f"the calendar has no session before {day}")
    return _session(table, index)


def next_session(day: dt.date, exchange: str = "XNYS") -> Session:
    """Return the first session after a date."""
    table = _table(exchange)
    index = int(np.searchsorted(table.days, _day(day), side="right"))
    if index == len(table.days):
        raise CalendarError(f"the calendar has no session after {day}")
    return _session(table, index)


def sessions(start: dt.date, end: dt.date, exchange: str = "XNYS") -> list[Session]:
    """Return the sessions from `start` to `end`, both included."""
    table = _table(exchange)
    first = int(np.searchsorted(table.days, _day(start)))
    stop = int(np.searchsorted(table.days, _day(end), side="right"))
    return [_session(table, index) for index in range(first, stop)]


def exchange_of(symbol: str) -> str:
    """Return the calendar that a symbol trades by: a coin's has no night, and a day is UTC's."""
    return AROUND_THE_CLOCK if "/" in symbol else "XNYS"


def session_at(ns: int, exchange: str = "XNYS", *, late: int = 0) -> Session | None:
    """Return the session in which an instant lies, ns UTC: after its open and up to its close.

    With `late` also the one that closed no more than so many ns before. None when there is none.
    """
    for at in (ns - 1, ns - 1 - late):
        day = from_ns(at).date() if exchange == AROUND_THE_CLOCK else local_date(at)
        found = session(day, exchange)
        if found is not None and found.open_ns < ns <= found.close_ns + late:
            return found
    return None


def session_date(symbol: str, ns: int) -> dt.date:
    """Return the date of the session to which a minute's end belongs, ns UTC."""
    return from_ns(ns - 1).date() if exchange_of(symbol) == AROUND_THE_CLOCK else local_date(ns)


def is_open(at: dt.datetime, exchange: str = "XNYS") -> bool:
    """Return whether the regular session is on: open included, close excluded."""
    today = session(local_date(to_ns(at)), exchange)
    return today is not None and today.open <= at < today.close


def third_friday(year: int, month: int) -> dt.date:
    """Return the third Friday of a month."""
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(4 - first.weekday()) % 7 + 14)


@lru_cache(maxsize=65_536)
def settlement(root: str, expiry: dt.date) -> dt.datetime:
    """Return the instant, UTC, at which the options of a root and expiry date settle.

    A date without a session (the Saturday expiries before 2015, an unforeseen holiday) settles
    with the session before it.
    """
    rule = occ.rule(root)
    day = session(expiry) or previous_session(expiry)
    if rule.at is not None:
        return new_york(day.date, rule.at)
    return day.open if rule.settles == "am" else day.close


@lru_cache(maxsize=65_536)
def last_trade(root: str, expiry: dt.date) -> dt.datetime:
    """Return the instant, UTC, after which the options of an expiry no longer trade.

    Options settled at the open stop with the session before (16:15 for an index). Expiring index
    options settled at the close stop at that close; fund options of the late group 15 min after.
    """
    rule = occ.rule(root)
    day = session(expiry) or previous_session(expiry)
    if rule.at is not None:
        return new_york(day.date, rule.at)
    if rule.settles == "am":
        return previous_session(day.date).close + (LATE_CLOSE if rule.late else dt.timedelta())
    return day.close + (LATE_CLOSE if rule.late and not rule.index else dt.timedelta())


def open_seconds(times: npt.ArrayLike, exchange: str = "XNYS") -> FloatArray:
    """Return the seconds of regular session from the calendar's start to each instant, ns UTC."""
    table, at = _table(exchange), np.asarray(times, dtype=np.int64)
    index = np.searchsorted(table.opens, at, side="right") - 1
    if np.any(index < 0) or np.any(at > table.closes[-1]):
        raise CalendarError("an instant is outside the calendar's range")
    inside = np.minimum(at, table.closes[index]) - table.opens[index]
    seconds: FloatArray = (table.before[index] + inside) / SECOND
    return seconds


def years(now: npt.ArrayLike, settles: npt.ArrayLike, clock: Clock = "calendar") -> FloatArray:
    """Return the years from `now` to settlement, never below zero.

    Parameters
    ----------
    now, settles : int64, broadcast against each other
        Instants, ns UTC.
    clock
        `calendar`: seconds / 31,536,000. `trading`: seconds of regular session / (252 x 390 x 60).
        An implied volatility belongs to the clock it was implied with; never mix them.
    """
    start, end = np.asarray(now, dtype=np.int64), np.asarray(settles, dtype=np.int64)
    if clock == "calendar":
        left: FloatArray = (end - start) / SECOND / CALENDAR_YEAR
    else:
        left = (open_seconds(end) - open_seconds(start)) / TRADING_YEAR
    return np.maximum(left, 0.0)
