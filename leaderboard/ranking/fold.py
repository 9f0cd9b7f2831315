"""Steps of a log summed into hours and days, so that a window is read without its trades."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from leaderboard.running import DAY, ZERO, Step

HOUR: Final = dt.timedelta(hours=1)
SPANS: Final = {"h": HOUR, "d": DAY}
HOURS_KEPT: Final = dt.timedelta(days=2)
AMOUNTS: Final = Decimal("1e-8")
MOST: Final = Decimal(10) ** 15
"""US dollars, either way, that a column holds; claims beyond it count as this much."""
_JUST: Final = dt.timedelta(microseconds=1)
Key = tuple[str, dt.datetime]
"""A span and the start of a bucket."""


def amount(value: Decimal) -> Decimal:
    """Return an amount as the tables keep it, so that a sum does not depend on where it paused."""
    return max(min(value, MOST), -MOST).quantize(AMOUNTS)


@dataclass(slots=True)
class Tally:
    """One bucket; the fields of `Bucket`, US dollars."""

    profit: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO
    fall: Decimal = ZERO
    fees: Decimal = ZERO
    spread: Decimal = ZERO
    trades: int = 0
    closings: int = 0
    wins: int = 0
    gains: Decimal = ZERO
    losses: Decimal = ZERO
    best: Decimal = ZERO
    exposed_s: float = 0.0

    def add(self, step: Step, change: Decimal) -> None:
        """Take one step that changed equity."""
        self.profit += change
        self.high = max(self.high, self.profit)
        self.low = min(self.low, self.profit)
        self.fall = max(self.fall, self.high - self.profit)
        self.fees += amount(step.fee)
        self.spread += amount(step.spread)
        self.trades += step.is_trade
        for closing in step.closings:
            self.closings += 1
            profit = amount(closing.profit)
            if profit > 0:
                self.wins += 1
                self.gains += profit
                self.best = max(self.best, profit)
            else:
                self.losses -= profit


@dataclass
class Tallies:
    """Buckets of one cell as they grow.

    Attributes
    ----------
    hours_from : datetime
        Hours that start before this are not kept.
    equity : Decimal
        After the last step that was taken.
    found : dict
        The buckets that were touched; those that are stored already must be put in before.
    """

    hours_from: dt.datetime
    equity: Decimal = ZERO
    found: dict[Key, Tally] = field(default_factory=dict)

    def note(self, step: Step) -> None:
        """Take a step. What a midnight shows belongs to the day that ends with it."""
        equity = amount(step.equity)
        change = equity - self.equity
        self.equity = equity
        at = step.at if step.is_trade else step.at - _JUST
        quiet = not (change or step.fee or step.is_trade or step.closings)
        if not quiet:
            for key in self._keys(at):
                self._of(key).add(step, change)
        if step.held and step.since is not None:
            self._expose(step.since, step.at)

    def _keys(self, at: dt.datetime) -> Iterator[Key]:
        day = at.replace(hour=0, minute=0, second=0, microsecond=0)
        yield "d", day
        hour = day.replace(hour=at.hour)
        if hour >= self.hours_from:
            yield "h", hour

    def _of(self, key: Key) -> Tally:
        return self.found.setdefault(key, Tally())

    def _expose(self, since: dt.datetime, until: dt.datetime) -> None:
        for span, length in SPANS.items():
            first = since if span == "d" else max(since, self.hours_from)
            start = first.replace(minute=0, second=0, microsecond=0)
            start = start.replace(hour=0) if span == "d" else start
            while start < until:
                seconds = (min(start + length, until) - max(start, first)).total_seconds()
                if seconds > 0:
                    self._of((span, start)).exposed_s += seconds
                start += length


def touched(since: dt.datetime | None, first: dt.datetime) -> dt.datetime:
    """Return the start of the earliest bucket that steps from now on can change.

    Parameters
    ----------
    since : datetime or None
        The last step before.
    first : datetime
        The first one to come.
    """
    at = first if since is None else min(since, first)
    return (at - _JUST).replace(hour=0, minute=0, second=0, microsecond=0)
