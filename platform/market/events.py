"""Events whose dates follow rules: option expiries and payrolls.

A rule is public long before its dates, so rule-made events are known from the first day of the
year before. Dates that agencies announce (FOMC, CPI, the true payrolls day) come by CSV.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from market import calendars
from market.clock import new_york

_RELEASE = dt.time(8, 30)
_FRIDAY = 4


class RuleEvent(NamedTuple):
    """An event as a rule makes it; instants are UTC."""

    kind: str
    name: str
    symbol: str
    scheduled_at: dt.datetime
    known_at: dt.datetime


def of_year(year: int) -> list[RuleEvent]:
    """Return the rule-made events of a year in order of time."""
    found = [*_weekly(year), *_monthly(year), *_volatility(year), *_payrolls(year)]
    return sorted(found, key=lambda event: (event.scheduled_at, event.kind, event.name))


def _event(kind: str, name: str, at: dt.datetime, symbol: str = "") -> RuleEvent:
    return RuleEvent(kind, name, symbol, at, new_york(dt.date(at.year - 1, 1, 1), dt.time()))


def on_or_before(day: dt.date) -> calendars.Session:
    """Return the session of a day, or the one before it when the day has none."""
    return calendars.session(day) or calendars.previous_session(day)


def _weekly(year: int) -> Iterator[RuleEvent]:
    """Yield the last session of each week, which no monthly expiry takes."""
    monthly = {on_or_before(calendars.third_friday(year, month)).date for month in range(1, 13)}
    day = dt.date(year, 1, 1)
    day += dt.timedelta(days=(_FRIDAY - day.weekday()) % 7)
    while day.year == year:
        session = on_or_before(day)
        if session.date not in monthly and session.date.year == year:
            yield _event("expiry", "Weekly option expiry", session.close)
        day += dt.timedelta(days=7)


def _monthly(year: int) -> Iterator[RuleEvent]:
    for month in range(1, 13):
        session = on_or_before(calendars.third_friday(year, month))
        name = "Quarterly expiry" if month % 3 == 0 else "Monthly option expiry"
        yield _event("expiry", name, session.close)


def _volatility(year: int) -> Iterator[RuleEvent]:
    """Yield VIX expiries: 30 days before the next month's monthly expiry, at the open."""
    for month in range(1, 13):
        after = (year + month // 12, month % 12 + 1)
        wednesday = on_or_before(calendars.third_friday(*after)).date - dt.timedelta(days=30)
        yield _event("expiry", "VIX expiry", on_or_before(wednesday).open, "VIX")


def _payrolls(year: int) -> Iterator[RuleEvent]:
    """Yield payrolls: 08:30 on the third Friday after the week that holds the 12th before.

    That is mostly the first Friday. The first days of January give way to the next Friday, and
    Independence Day to the day before; Good Friday does not move it, though markets are closed.
    """
    for month in range(1, 13):
        twelfth = dt.date(year - (month == 1), (month - 2) % 12 + 1, 12)
        saturday = twelfth + dt.timedelta(days=(5 - twelfth.weekday()) % 7)
        day = saturday + dt.timedelta(days=20)
        if month == 1 and day.day <= 3:
            day += dt.timedelta(days=7)
        if month == 7 and calendars.session(day) is None:
            day -= dt.timedelta(days=1)
        yield _event("payrolls", "Nonfarm payrolls", new_york(day, _RELEASE))
