"""Two entries beside each other: what each did, and what can be said of the difference."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from leaderboard import configs, selectors
from leaderboard.boards.filters import MARKETS, TIERS
from leaderboard.models import Bot, Cell, ConfigVersion
from leaderboard.ranking import selectors as ranking
from leaderboard.ranking.metrics import DAYS_PER_YEAR
from market.payloads import Payload
from pulse.charts.boards import Curve, share, short_money
from pulse.charts.format import number
from quant.arrays import FloatArray
from quant.comparison import Difference, correlation, sharpe_difference

LEAST_DAYS: Final = 30
"""Shared days below which nothing is said of the difference."""
CHOICES: Final = 100
POINTS: Final = 180
NOTABLE: Final = 0.05
METRICS: Final = {
    "skill": ("Skill", "lower bound of the Sharpe ratio after luck"),
    "return_share": ("Return", "of the capital, and in dollars"),
    "sharpe": ("Sharpe ratio", "a year, with its standard error"),
    "sortino": ("Sortino ratio", "a year"),
    "calmar": ("Calmar ratio", "return a year over the worst drawdown"),
    "drawdown": ("Worst drawdown", "share of the peak"),
    "profit_factor": ("Profit factor", "gains over losses"),
    "win_rate": ("Win rate", "closings with a profit, 95% interval"),
    "exposure": ("Exposure", "time with something open"),
    "trades": ("Trades", "and days with one"),
}
_KEY: Final = re.compile(r"(\d{1,9})(?:-(\d{1,6}))?", re.ASCII)
_SIDES: Final = ("a", "b")
_LABELS: Final = ("First", "Second")


@dataclass(frozen=True, slots=True)
class Record:
    """What an entry did on one board: its row, its daily profits, its first and its last day."""

    row: Payload
    profits: Mapping[dt.date, float]
    days: tuple[dt.date, dt.date]

    @property
    def length(self) -> int:
        """Return how many calendar days it spans."""
        return (self.days[1] - self.days[0]).days + 1

    def returns(self, first: dt.date, last: dt.date) -> FloatArray:
        """Return the daily returns of calendar days, both ends included; quiet days are 0."""
        capital = float(self.row["capital_used"])
        made = np.zeros((last - first).days + 1)
        for day, profit in self.profits.items():
            if first <= day <= last:
                made[(day - first).days] = profit / capital
        return made


@dataclass(frozen=True, slots=True)
class Entry:
    """One side: a configuration of a bot, and what it did on the board if it stands there."""

    bot: Bot
    version: ConfigVersion
    record: Record | None
    stands_on: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return it as an address names it."""
        return f"{self.bot.pk}-{self.version.number}"

    @property
    def name(self) -> str:
        """Return the bot, and which entry of it."""
        return f"{self.bot.name}, entry {self.version.number}"


Side = tuple[Entry, Record]


def compared(given: Any, user: Any) -> dict[str, Any]:
    """Return what the page shows for an address.

    Parameters
    ----------
    given : QueryDict
        `a` and `b`, or two times `entry`: a bot's number, or one with its entry such as 12-3;
        and `tier`, the board.
    user : User
        Who looks: configurations are told apart where both are visible.
    """
    tier = given.get("tier", "")
    tier = tier if tier in TIERS else "checked"
    ticked = given.getlist("entry")
    keys = [
        given.get(side) or (ticked[place] if place < len(ticked) else "")
        for place, side in enumerate(_SIDES)
    ]
    found = [entry_of(key, tier) for key in keys]
    a, b = found
    context: dict[str, Any] = {
        "tier": tier,
        "tier_name": TIERS[tier],
        "entries": found,
        "unknown": [key for key, one in zip(keys, found, strict=True) if key and one is None],
        "too_many": len(ticked) > len(_SIDES),
        "choices": choices(found, tier),
        "most": CHOICES,
        "metrics": METRICS,
        "sides": [
            {"name": side, "label": label, "entry": one}
            for side, label, one in zip(_SIDES, _LABELS, found, strict=True)
        ],
        "ready": a is not None and b is not None,
    }
    if a is None or b is None:
        return context
    if a.record is not None and b.record is not None:
        context |= _apart((a, a.record), (b, b.record))
    return {**context, "configs": changes(a, b, user)}


def entry_of(key: str, tier: str) -> Entry | None:
    """Return what an address names, on the board of a tier; None when there is no such entry.

    Without an entry's number it is the newest one that stands on the board.
    """
    match = _KEY.fullmatch(key)
    bot = selectors.bots().filter(pk=int(match[1])).first() if match else None
    if match is None or bot is None:
        return None
    cells = Cell.objects.filter(bot=bot, market=bot.market, tier=tier).select_related("version")
    if match[2]:
        version = bot.versions.filter(number=int(match[2])).first()
    else:
        newest = cells.order_by("-version__number").first()
        version = newest.version if newest else bot.versions.order_by("-number").first()
    if version is None:
        return None
    rows = ranking.payloads(ranking.standings_of(bot, version=version.number))
    own = {row["tier"]: row for row in rows}
    cell = cells.filter(version=version).first()
    record = _record(cell, own[tier]) if cell is not None and tier in own else None
    return Entry(bot, version, record, tuple(own))


def _record(cell: Cell, row: Payload) -> Record:
    profits = ranking.daily_profits(cell)
    first, last = (at.astimezone(dt.UTC).date() for at in (cell.first_at, cell.last_at))
    return Record(row, profits, (min(first, *profits, first), max(last, *profits, last)))


def choices(found: list[Entry | None], tier: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what can be chosen, market by market: the best of the board, and what is chosen."""
    made = []
    for market, title in MARKETS.items():
        rows = ranking.payloads(ranking.board(market=market, tier=tier, limit=CHOICES))
        shown = {
            f"{row['bot']['id']}-{row['version']}": f"{row['bot']['name']}, entry {row['version']}"
            for row in rows
        }
        shown |= {one.key: one.name for one in found if one and one.bot.market == market}
        made.append((title, list(shown.items())))
    return made


def _apart(a: Side, b: Side) -> dict[str, Any]:
    """Return curves, and what the days that both have say of the difference."""
    markets = {entry.bot.market for entry, _ in (a, b)}
    drawn = [Curve(entry.name, _curve(record)) for entry, record in (a, b)]
    context: dict[str, Any] = {
        "curves": drawn,
        "curve_rows": _rows(drawn),
        "curve_words": " ".join(_ended(entry, record) for entry, record in (a, b)),
        "same": a[0].key == b[0].key,
        "crossed": len(markets) > 1,
        "hypothetical": Bot.Market.SIMULATED in markets,
    }
    shared = shared_days(a[1], b[1])
    if context["crossed"] or context["same"] or shared is None:
        return context
    x, y = (record.returns(*shared) for _, record in (a, b))
    context |= {"shared": shared, "shared_days": x.size, "least_days": LEAST_DAYS}
    if x.size < LEAST_DAYS:
        return context
    gap, together = sharpe_difference(x, y).annual(DAYS_PER_YEAR), correlation(x, y)
    known = math.isfinite(gap.value)
    return {
        **context,
        "of_days": [record.length for _, record in (a, b)],
        "gap": gap if known else None,
        "together": together if known else None,
        "verdict": verdict(a[0].bot.name, b[0].bot.name, gap),
    }


def shared_days(a: Record, b: Record) -> tuple[dt.date, dt.date] | None:
    """Return the first and the last day that both have, None when there is none."""
    first, last = max(a.days[0], b.days[0]), min(a.days[1], b.days[1])
    return (first, last) if first <= last else None


def verdict(a: str, b: str, gap: Difference) -> str:
    """Say whose Sharpe ratio is higher, and whether chance alone would do."""
    if not math.isfinite(gap.value):
        return "One of them did not move on the days that both have, so there is no ratio of it."
    if gap.p >= NOTABLE:
        return (
            f"The two cannot be told apart: over {gap.observations:,} shared days their Sharpe "
            f"ratios differ by {number(abs(gap.value))}, and chance alone shows a gap so large "
            f"in {share(gap.p, 0)} of cases."
        )
    better, worse = (a, b) if gap.value > 0 else (b, a)
    chance = "fewer than 1 in 1,000" if gap.p < 0.001 else f"{share(gap.p, 1)} of"
    return (
        f"{better} did better than {worse}: its Sharpe ratio is {number(abs(gap.value))} a year "
        f"higher over {gap.observations:,} shared days, which chance alone shows in {chance} cases."
    )


def _curve(record: Record) -> list[tuple[dt.datetime, float]]:
    """Return equity as shares of the capital, thinned to what a figure can show."""
    values = np.cumsum(record.returns(*record.days))
    places = np.unique(np.linspace(0, values.size - 1, min(POINTS, values.size)).astype(int))
    noon = dt.datetime.combine(record.days[0], dt.time(12), dt.UTC)
    return [
        (noon - dt.timedelta(days=1), 0.0),
        *((noon + dt.timedelta(days=int(place)), float(values[place])) for place in places),
    ]


def _ended(entry: Entry, record: Record) -> str:
    found = record.row["metrics"]
    earned = share(found["return_share"], plus=True)
    return f"{entry.name}: {earned} of its capital, {short_money(found['pnl'])}."


def _rows(found: list[Curve]) -> list[tuple[dt.date, list[float | None]]]:
    """Return the curves as a table, a row for each day that has a point."""
    sides = [{at.date(): value for at, value in one.points} for one in found]
    days = sorted({day for side in sides for day in side})
    step = max(1, len(days) // 60)
    kept = sorted({*days[::step], days[-1]})
    return [(day, [_as_of(side, day) for side in sides]) for day in kept]


def _as_of(side: Mapping[dt.date, float], day: dt.date) -> float | None:
    before = [known for known in side if known <= day]
    return side[max(before)] if before and day <= max(side) else None


def changes(a: Entry, b: Entry, user: Any) -> list[configs.Change] | None:
    """Return how the configurations differ, None where the visitor may not see both."""
    if not all(selectors.sees_config(user, one.bot) for one in (a, b)):
        return None
    return configs.differences(json.loads(a.version.text), json.loads(b.version.text))
