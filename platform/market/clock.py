"""Instants: integer nanoseconds UTC in numerics, aware datetimes in tables, exact both ways."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 1440 * MINUTE
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def to_ns(at: dt.datetime) -> int:
    """Return the nanoseconds since the epoch of an aware datetime; ValueError on a naive one."""
    if at.tzinfo is None:
        raise ValueError("the datetime has no time zone")
    return (at - _EPOCH) // _MICROSECOND * 1000


def from_ns(ns: int) -> dt.datetime:
    """Return the UTC datetime of nanoseconds since the epoch; parts of a microsecond are cut."""
    return _EPOCH + dt.timedelta(microseconds=int(ns) // 1000)


def new_york(day: dt.date, time: dt.time) -> dt.datetime:
    """Return the UTC instant of a New York wall-clock time, daylight saving included."""
    return dt.datetime.combine(day, time, NEW_YORK).astimezone(dt.UTC)


def midnight_ns(day: dt.date, zone: dt.tzinfo = NEW_YORK) -> int:
    """Return the instant, ns UTC, at which `day` began in `zone`."""
    return to_ns(dt.datetime.combine(day, dt.time(), zone))


def wall_ns(day: dt.date, milliseconds: int, zone: dt.tzinfo = NEW_YORK) -> int:
    """Return the instant, ns UTC, at which the wall clock shows `milliseconds` past midnight.

    Files that count "since midnight" mean the clock on the wall; on the two days a year on which
    it jumps, elapsed time would be an hour off.
    """
    seconds, rest = divmod(milliseconds, 1000)
    days, seconds = divmod(seconds, 86_400)
    naive = dt.datetime.combine(day, dt.time()) + dt.timedelta(days=days, seconds=seconds)
    return to_ns(naive.replace(tzinfo=zone)) + rest * 1_000_000


def local_date(ns: int, zone: dt.tzinfo = NEW_YORK) -> dt.date:
    """Return the date on the wall in `zone` at an instant."""
    return from_ns(ns).astimezone(zone).date()
