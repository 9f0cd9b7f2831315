"""Standings: the figures of cells over every window, from their buckets."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np

from leaderboard.models import Bucket, Cell, ConfigVersion, Standing
from leaderboard.ranking.cells import COLUMNS
from leaderboard.ranking.fold import HOUR
from leaderboard.ranking.log import EPOCH
from leaderboard.ranking.metrics import (
    DAYS_PER_YEAR,
    HOURS_PER_YEAR,
    Buckets,
    Figures,
    figures,
)
from leaderboard.ranking.models import HOURS
from leaderboard.ranking.skill import Judged, Record, judge
from leaderboard.running import DAY, ZERO
from leaderboard.trusting.services import Flag, flags_of

DAY_S: Final = 86_400.0
KEPT_FIELDS: Final = ("id", "cell", "hours", "yesterday")
"""Fields of a standing that a new one leaves as they are."""
SUMS: Final = {"pnl": "profit", "fees": "fees", "spread": "spread"}
"""Amounts of a standing, exact sums of a column of its buckets."""
_PLACES: Final = {name: 1 + COLUMNS.index(column) for name, column in SUMS.items()}


class Window(NamedTuple):
    """A window on buckets: its first period, how many it has, and how many make a year."""

    buckets: Buckets
    first: float
    periods: int
    per_year: float


def standings(cells: Sequence[Cell], now: dt.datetime) -> list[Standing]:
    """Return the standings of cells of one market at an instant of its clock, not yet stored."""
    found = _rows(cells)
    trials = trials_of({cell.bot.owner_mark for cell in cells})
    alike = flags_of({cell.bot_id for cell in cells})
    made: list[Standing] = []
    for cell in cells:
        made += _of_cell(
            cell, found[cell.pk], trials[cell.bot.owner_mark], alike.get(cell.bot_id, ()), now
        )
    return made


def trials_of(marks: Iterable[str]) -> Counter[str]:
    """Return how many entries each owner ever made, delisted bots included."""
    rows = ConfigVersion.objects.filter(bot__owner_mark__in=set(marks))
    return Counter(rows.values_list("bot__owner_mark", flat=True))


def due(cell: Cell, now: dt.datetime, *, hours: bool) -> dt.datetime:
    """Return when a window moves on: with the hour where hours are kept, else with the day."""
    if hours:
        return now.replace(minute=0, second=0, microsecond=0) + HOUR
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY


def _rows(cells: Sequence[Cell]) -> Mapping[int, dict[str, list[Any]]]:
    found: dict[int, dict[str, list[Any]]] = defaultdict(lambda: {"d": [], "h": []})
    rows = Bucket.objects.filter(cell__in=cells).order_by("cell_id", "span", "start")
    for cell_id, span, start, *values in rows.values_list("cell_id", "span", "start", *COLUMNS):
        found[cell_id][span].append((start, *values))
    return found


def _buckets(rows: Sequence[tuple[Any, ...]], period_s: float) -> Buckets:
    places = [(row[0] - EPOCH).total_seconds() // period_s for row in rows]
    values = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, len(COLUMNS))
    return Buckets(np.array(places, dtype=np.float64), *values.T)


def _of_cell(
    cell: Cell, rows: Mapping[str, list[Any]], trials: int, alike: Sequence[Flag], now: dt.datetime
) -> list[Standing]:
    capital = float(max(cell.capital, cell.committed))
    days, hours = _buckets(rows["d"], DAY_S), _buckets(rows["h"], HOUR.total_seconds())
    windows = {span: _window(days, hours, span, cell, now) for span in HOURS}
    found = {
        span: figures(
            window.buckets,
            first=window.first,
            periods=window.periods,
            per_year=window.per_year,
            capital=capital,
        )
        for span, window in windows.items()
    }
    judged = judge(_record(cell, found[0], alike, now), trials)
    sums = {
        span: _sums(rows["h" if span == 24 else "d"], window) for span, window in windows.items()
    }
    cell.due_at = due(cell, now, hours=bool(windows[24].buckets.place.size))
    return [
        _standing(cell, span, found[span], judged, windows[span].periods, sums[span], trials)
        for span in HOURS
    ]


def _window(days: Buckets, hours: Buckets, span: int, cell: Cell, now: dt.datetime) -> Window:
    """Return a window that ends now; a clock that was set back ends no window early."""
    buckets, period_s, per_year = days, DAY_S, DAYS_PER_YEAR
    most = span // 24 if span else math.inf
    if span == 24:
        buckets, period_s, per_year, most = hours, HOUR.total_seconds(), HOURS_PER_YEAR, 24
    last = (max(now, cell.last_at) - EPOCH).total_seconds() // period_s
    last = max(last, buckets.place.max(initial=0.0))
    first = max(last - most + 1, (cell.first_at - EPOCH).total_seconds() // period_s)
    return Window(buckets.since(first), first, max(int(last - first) + 1, 1), per_year)


def _sums(rows: Sequence[tuple[Any, ...]], window: Window) -> dict[str, Decimal]:
    """Return the amounts of a window, exact."""
    count = window.buckets.place.size
    kept = rows[len(rows) - count :] if count else ()
    return {name: sum((row[place] for row in kept), ZERO) for name, place in _PLACES.items()}


def _record(cell: Cell, whole: Figures, alike: Sequence[Flag], now: dt.datetime) -> Record:
    everything = cell.trades + cell.below
    return Record(
        net=whole.net,
        gross=whole.gross,
        profit=whole.return_share,
        periods_per_year=DAYS_PER_YEAR,
        active_days=whole.active,
        trades=whole.trades,
        closings=whole.closings,
        best_share=whole.best_share,
        idle_days=max((now.date() - cell.last_at.date()).days, 0),
        below_share=cell.below / everything if everything else 0.0,
        alike=tuple(flag["name"] for flag in alike),
    )


def _standing(
    cell: Cell,
    hours: int,
    found: Figures,
    judged: Judged,
    periods: int,
    sums: Mapping[str, Decimal],
    trials: int,
) -> Standing:
    root = math.sqrt(HOURS_PER_YEAR if hours == 24 else DAYS_PER_YEAR)
    return Standing(
        cell=cell,
        market=cell.market,
        tier=cell.tier,
        hours=hours,
        group=judged.group,
        flags=list(judged.flags),
        skilled=judged.skilled,
        trials=trials,
        days=found.active,
        periods=periods,
        skill=judged.bound,
        **sums,
        return_share=found.return_share,
        sharpe=_known(found.net.ratio * root),
        sharpe_error=_known(found.net.error * root),
        sortino=_known(found.sortino),
        calmar=_known(found.calmar),
        drawdown=found.drawdown,
        profit_factor=_known(found.profit_factor),
        win_rate=_known(found.win_rate),
        win_low=found.win_low,
        win_high=found.win_high,
        exposure=found.exposure,
        trades=found.trades,
        closings=found.closings,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def keep(made: Sequence[Standing]) -> None:
    """Store standings over those that are there."""
    columns = [field.name for field in Standing._meta.fields if field.name not in KEPT_FIELDS]
    Standing.objects.bulk_create(
        made,
        batch_size=1_000,
        update_conflicts=True,
        unique_fields=["cell", "hours"],
        update_fields=columns,
    )
