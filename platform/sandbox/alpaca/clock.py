"""The stand-in's time, which may stand still until it is moved, and the hours of its market."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
OPEN: Final = dt.time(9, 30)
CLOSE: Final = dt.time(16)
_HALF: Final = dt.time(13)


class Clock:
    """Real time, or time from `start` that only `advance` moves.

    `always` opens the market at every hour, for who practises in the evening.
    """

    def __init__(self, start: dt.datetime | None = None, *, always: bool = False) -> None:
        self._now = start
        self.always = always
        self.holidays: set[dt.date] = set()
        self.half_days: set[dt.date] = set()

    @property
    def real(self) -> bool:
        """Whether it shows real time."""
        return self._now is None

    def now(self) -> dt.datetime:
        """Return what time it is here, in UTC."""
        return dt.datetime.now(dt.UTC) if self._now is None else self._now

    def local(self) -> dt.datetime:
        """Return what time it is in New York."""
        return self.now().astimezone(NEW_YORK)

    def advance(self, seconds: float) -> None:
        """Let time go by; real time cannot be moved."""
        if self._now is None:
            raise ValueError("this clock shows real time; start the stand-in with a time")
        self._now += dt.timedelta(seconds=seconds)

    def session(self, day: dt.date) -> tuple[dt.datetime, dt.datetime] | None:
        """Return when the market opens and closes on a day, in New York; None when it does not."""
        if day.weekday() >= 5 or day in self.holidays:
            return None
        close = _HALF if day in self.half_days else CLOSE
        return (
            dt.datetime.combine(day, OPEN, NEW_YORK),
            dt.datetime.combine(day, close, NEW_YORK),
        )

    def is_open(self) -> bool:
        """Return whether the market is open."""
        hours = self.session(self.local().date())
        return self.always or (hours is not None and hours[0] <= self.local() < hours[1])

    def next_open(self) -> dt.datetime:
        """Return when the market opens next."""
        return self._next(0)

    def next_close(self) -> dt.datetime:
        """Return when the market closes next."""
        return self._next(1)

    def _next(self, side: int) -> dt.datetime:
        day = self.local().date()
        while True:
            hours = self.session(day)
            if hours is not None and hours[side] > self.local():
                return hours[side]
            day += dt.timedelta(days=1)


def stamp(at: dt.datetime) -> str:
    """Write an instant as Alpaca does."""
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
