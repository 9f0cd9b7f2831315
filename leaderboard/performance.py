"""What a log of trades earned, computed here from its legs: nothing that a bot claims counts.

The log is replayed by `leaderboard.running`, without the server's prices of midnights.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from leaderboard.claims import Leg
from leaderboard.running import ZERO, PriceAt, Run, Step
from quant.lots import Position


@dataclass(frozen=True, slots=True)
class Traded:
    """A stored trade, as far as its profit goes."""

    seq: int
    at: dt.datetime
    legs: tuple[Leg, ...]
    fee: Decimal
    tier: str


class Point(NamedTuple):
    """Equity after one trade or settlement, counted from 0."""

    at: dt.datetime
    equity: Decimal
    drawdown: Decimal


class Month(NamedTuple):
    """Realised profit of a month."""

    year: int
    month: int
    profit: Decimal


@dataclass(frozen=True, slots=True)
class Performance:
    """What a log earned; amounts are US dollars, `win_rate` a share of the closings."""

    trades: int
    closings: int
    wins: int
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    turnover: Decimal
    max_drawdown: Decimal
    curve: tuple[Point, ...]
    months: tuple[Month, ...]
    tiers: dict[str, int]
    open: tuple[Position, ...]
    expired: tuple[str, ...] = field(default=())

    @property
    def equity(self) -> Decimal:
        """Realised and unrealised together."""
        return self.realised + self.unrealised

    @property
    def win_rate(self) -> float | None:
        """The share of closings that earned something, None without any."""
        return self.wins / self.closings if self.closings else None


def performance_of(
    trades: Sequence[Traded], *, now: dt.datetime, settled_at: PriceAt
) -> Performance:
    """Return what trades earned, taken in the order in which they were received."""
    curve: list[Point] = []
    months: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    peak = ZERO

    def note(step: Step) -> None:
        nonlocal peak
        months[step.at.year, step.at.month] += step.realised
        peak = max(peak, step.equity)
        curve.append(Point(step.at, step.equity, step.equity - peak))

    run = Run(settled_at, note)
    for traded in trades:
        run.trade(traded.at, traded.legs, traded.fee)
    run.until(now)
    book = run.book
    profits = [closing.profit for closing in book.closings]
    return Performance(
        trades=len(trades),
        closings=len(profits),
        wins=sum(profit > 0 for profit in profits),
        realised=book.realised,
        unrealised=book.unrealised(run.marks),
        fees=book.fees,
        turnover=book.turnover,
        max_drawdown=min((point.drawdown for point in curve), default=ZERO),
        curve=tuple(curve),
        months=tuple(Month(*month, months[month]) for month in sorted(months)),
        tiers=dict(Counter(traded.tier for traded in trades)),
        open=tuple(book.positions()),
        expired=tuple(sorted(run.unknown)),
    )
