"""Reads of the boards: one query over ranked rows, whatever the metric and the window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Count, F, Q, QuerySet

from leaderboard.claims import plain
from leaderboard.models import Bot, Bucket, Cell, Standing, Trade
from leaderboard.ranking.fold import amount
from leaderboard.ranking.groups import NAMES
from leaderboard.ranking.log import TIERS
from leaderboard.ranking.models import HOURS, METRICS, RISING
from leaderboard.ranking.skill import FLAGS
from market.payloads import Payload, moment

MOST: Final = 500
DEFAULT_TIER: Final = Trade.Tier.CHECKED.value


class Row(NamedTuple):
    """A standing with its place on its board; None where no place was asked for."""

    rank: int | None
    standing: Standing

    @property
    def cell_id(self) -> int:
        """The cell that stands there."""
        return self.standing.cell_id


def ordered(metric: str) -> tuple[Any, ...]:
    """Return how a board is ordered by a metric: groups first, the best first, unknown last."""
    if metric not in METRICS:
        raise ValueError(f"{metric!r} is no metric; there are {', '.join(METRICS)}")
    column = F(metric)
    best = column.asc(nulls_last=True) if metric in RISING else column.desc(nulls_last=True)
    return "group", best, "cell_id"


def listed(market: str, tier: str, hours: int) -> QuerySet[Standing]:
    """Return the standings of a board over a window in which something happened."""
    if hours not in HOURS:
        raise ValueError(f"{hours} is no window; there are {', '.join(map(str, HOURS))}")
    return Standing.objects.filter(market=market, tier=tier, hours=hours, days__gt=0)


def board(
    *,
    metric: str = "skill",
    hours: int = 0,
    market: str = Bot.Market.REAL,
    tier: str = DEFAULT_TIER,
    name: str = "",
    least_trades: int = 0,
    groups: Collection[int] | None = None,
    offset: int = 0,
    limit: int = 100,
) -> list[Row]:
    """Return the rows of a board in order.

    `rank` is the place among what the filter leaves. ValueError names an unknown metric or window.
    """
    found = board_query(
        metric=metric, hours=hours, market=market, tier=tier, name=name,
        least_trades=least_trades, groups=groups,
    )  # fmt: skip
    rows = list(found[offset : offset + min(limit, MOST)])
    _name(rows)
    return [Row(offset + index, row) for index, row in enumerate(rows, start=1)]


def _name(rows: Sequence[Standing]) -> None:
    """Give standings their cells and bots, in one query beside the ranking one."""
    cells = Cell.objects.filter(pk__in=[row.cell_id for row in rows])
    cells = cells.select_related("bot", "version").defer("state", "version__text")
    known = {cell.pk: cell for cell in cells}
    for row in rows:
        row.cell = known[row.cell_id]


def board_query(
    *,
    metric: str = "skill",
    hours: int = 0,
    market: str = Bot.Market.REAL,
    tier: str = DEFAULT_TIER,
    name: str = "",
    least_trades: int = 0,
    groups: Collection[int] | None = None,
) -> QuerySet[Standing]:
    """Return the standings of a board in order; see `board`."""
    found = listed(market, tier, hours)
    if name:
        found = found.filter(cell__bot__name__icontains=name)
    if least_trades:
        found = found.filter(trades__gte=least_trades)
    if groups is not None:
        found = found.filter(group__in=groups)
    return found.order_by(*ordered(metric))


def board_counts(market: str, tier: str, hours: int = 0) -> dict[str, int]:
    """Return how many entries of a board stand in each group."""
    rows = listed(market, tier, hours).values("group").annotate(count=Count("pk")).order_by()
    known = {row["group"]: row["count"] for row in rows}
    return {label: known.get(group, 0) for group, label in NAMES.items()}


def place(standing: Standing) -> int:
    """Return the place of a standing by skill on its board."""
    better = Q(group__lt=standing.group)
    if standing.skill is None:
        better |= Q(group=standing.group, skill__isnull=False)
        better |= Q(group=standing.group, skill__isnull=True, cell__lt=standing.cell_id)
    else:
        better |= Q(group=standing.group, skill__gt=standing.skill)
        same = Q(group=standing.group, skill=standing.skill)
        better |= same & Q(cell__lt=standing.cell_id)
    board_rows = listed(standing.market, standing.tier, standing.hours)
    return 1 + board_rows.filter(better).count()


def standings_of(bot: Bot, hours: int = 0, version: int | None = None) -> list[Row]:
    """Return where a bot's entries stand: the newest entry first, the strongest board first.

    With a version it is that entry alone: each place costs a query.
    """
    rows_of = Standing.objects.filter(cell__bot=bot, hours=hours)
    if version is not None:
        rows_of = rows_of.filter(cell__version__number=version)
    found = list(rows_of)
    _name(found)
    rows = sorted(
        found, key=lambda row: (-row.cell.version.number, row.market, -TIERS.index(row.tier))
    )
    return [Row(place(row) if row.days else None, row) for row in rows]


def note_places() -> int:
    """Note the place by skill of every standing; return how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE leaderboard_standing AS kept SET yesterday = placed.place
            FROM (
                SELECT id, row_number() OVER (
                    PARTITION BY market, tier, hours
                    ORDER BY "group", skill DESC NULLS LAST, cell_id
                ) AS place
                FROM leaderboard_standing WHERE days > 0
            ) AS placed
            WHERE placed.id = kept.id AND kept.yesterday IS DISTINCT FROM placed.place
            """
        )
        return int(cursor.rowcount)


def sparks(cells: Iterable[int], days: int = 90) -> dict[int, list[float]]:
    """Return the profit so far after each of a cell's newest days, US dollars."""
    rows = Bucket.objects.filter(cell__in=list(cells), span=Bucket.Span.DAY).order_by("start")
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0])
    for cell, profit in rows.values_list("cell_id", "profit"):
        sums[cell].append(sums[cell][-1] + float(profit))
    return {cell: points[-days - 1 :] for cell, points in sums.items()}


def daily_profits(cell: Cell) -> dict[Any, float]:
    """Return a cell's profit by day, quiet days left out."""
    rows = Bucket.objects.filter(cell=cell, span=Bucket.Span.DAY).order_by("start")
    return {start.date(): float(profit) for start, profit in rows.values_list("start", "profit")}


def row_payload(row: Row) -> Payload:
    """Return a row as JSON: every figure with its sample, and its uncertainty where it has one."""
    standing = row.standing
    cell, bot = standing.cell, standing.cell.bot
    moved = standing.yesterday is not None and row.rank is not None
    return {
        "rank": row.rank,
        "change": standing.yesterday - row.rank if moved else None,  # type: ignore[operator]
        "bot": {
            "id": bot.pk,
            "name": bot.name,
            "kind": bot.kind,
            "market": bot.market,
            "owner": {"mark": bot.owner_mark, "name": bot.owner_name},
            "delisted": None if bot.delisted_at is None else moment(bot.delisted_at),
        },
        "version": cell.version.number,
        "market": standing.market,
        "tier": standing.tier,
        "group": NAMES[standing.group],
        "flags": [{"name": name, "text": FLAGS[name]} for name in standing.flags],
        "skilled": standing.skilled,
        "trials": standing.trials,
        "capital": plain(cell.capital),
        "capital_used": plain(max(cell.capital, cell.committed)),
        "first_at": moment(cell.first_at),
        "last_at": moment(cell.last_at),
        "below": cell.below,
        "hours": standing.hours,
        "metrics": figures_payload(standing),
    }


def figures_payload(standing: Standing) -> Payload:
    """Return the figures of a standing as JSON."""
    return {
        "skill": standing.skill,
        "pnl": plain(amount(standing.pnl)),
        "fees": plain(amount(standing.fees)),
        "spread": plain(amount(standing.spread)),
        "return_share": standing.return_share,
        "sharpe": {
            "value": standing.sharpe,
            "error": standing.sharpe_error,
            "n": standing.periods,
        },
        "sortino": standing.sortino,
        "calmar": standing.calmar,
        "drawdown": standing.drawdown,
        "profit_factor": standing.profit_factor,
        "win_rate": {
            "value": standing.win_rate,
            "low": standing.win_low,
            "high": standing.win_high,
            "n": standing.closings,
        },
        "exposure": standing.exposure,
        "trades": standing.trades,
        "days": standing.days,
    }


def payloads(rows: Sequence[Row]) -> list[Payload]:
    """Return rows as JSON."""
    return [row_payload(row) for row in rows]
