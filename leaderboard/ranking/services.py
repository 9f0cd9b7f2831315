"""What keeps the boards current: new trades folded into cells, cells into standings.

The log is the truth and says what is behind, so a run that was killed, repeated or doubled
changes nothing: each bot is folded in one transaction with the number of its last folded trade.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Q

from leaderboard import services
from leaderboard.models import Bot, Bucket, Cell, ConfigVersion, Folded, Trade
from leaderboard.ranking import cells as cell_rules
from leaderboard.ranking import log, standing
from leaderboard.ranking.fold import HOURS_KEPT
from leaderboard.ranking.prices import Prices

CHUNK: Final = 5_000
"""Trades of one transaction."""
BATCH: Final = 200
"""Cells whose standings are computed at once."""
BUDGET_S: Final = 20.0
_LOCK: Final = 0x52414E4B  # any number that nothing else locks
Group = tuple[int, str]
"""A configuration and a market."""


Clocks = Mapping[str, dt.datetime]
"""Now by market."""


@dataclass(slots=True)
class Done:
    """What a run did."""

    bots: int = 0
    trades: int = 0
    cells: int = 0


def refresh(*, now: dt.datetime | None = None, budget_s: float = BUDGET_S) -> Done:
    """Bring every board up to now, or as far as the time allows; the next run goes on.

    New trades come before windows that moved on. One run at a time works, others return at once.

    Parameters
    ----------
    now : datetime or None
        Of the real market; the server's clock when it is left out.
    budget_s : float
    """
    done, end = Done(), time.monotonic() + budget_s
    with _alone() as free:
        if not free:
            return done
        clocks = clocks_at(now)
        for bot_id in list(_behind()):
            while (count := fold(bot_id, clocks)) is not None:
                done.trades += count
                if count < CHUNK or time.monotonic() > end:
                    break
            done.bots += 1
            if time.monotonic() > end:
                return done
        for market in clocks:
            while time.monotonic() < end and (count := _move_on(market, clocks[market])):
                done.cells += count
    return done


def clocks_at(now: dt.datetime | None = None) -> Clocks:
    """Return now on the clock of every market."""
    clocks = {market: log.clock(market) for market in log.MARKETS}
    return clocks if now is None else {**clocks, Trade.Market.REAL.value: now}


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        free = bool(cursor.fetchone()[0])
    try:
        yield free
    finally:
        if free:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _behind() -> Iterator[int]:
    """Return the bots with trades that are not folded yet."""
    fresh = Q(folded__isnull=True) | Q(folded__seq__lt=F("head_seq"))
    yield from Bot.objects.filter(fresh, head_seq__gt=0).order_by("pk").values_list("pk", flat=True)


@transaction.atomic
def fold(bot_id: int, clocks: Clocks, most: int = CHUNK) -> int | None:
    """Fold the next trades of a bot and rank its entry anew; return how many they were.

    None when another run has the bot.
    """
    Folded.objects.get_or_create(bot_id=bot_id)
    folded = Folded.objects.select_for_update(skip_locked=True).filter(bot_id=bot_id).first()
    if folded is None:
        return None
    trades = log.read(bot_id, after=folded.seq, most=most)
    if not trades:
        return 0
    groups: dict[Group, list[log.Logged]] = defaultdict(list)
    for trade in trades:
        if trade.market in clocks:
            groups[trade.version, trade.market].append(trade)
    for (version, market), rows in groups.items():
        _rank(_fold_group(version, market, rows, clocks[market]), clocks[market])
    folded.seq = trades[-1].seq
    folded.save(update_fields=["seq"])
    services.tell(Bot.objects.get(pk=bot_id), {"what": "ranked", "through": folded.seq})
    return len(trades)


def _fold_group(
    version_id: int, market: str, rows: Sequence[log.Logged], now: dt.datetime
) -> list[Cell]:
    """Fold trades of one entry on one market into the cells of all its boards."""
    version = ConfigVersion.objects.select_related("bot").get(pk=version_id)
    prices = Prices(market)
    held = Cell.objects.filter(version=version, market=market).order_by("pk").select_for_update()
    known = {cell.tier: cell for cell in held}
    prices.load(*_asked(rows, known.values()))
    touched: list[Cell] = []
    for tier in log.TIERS:
        counted = [row for row in rows if tier in log.boards_of(row.tier)]
        cell = known.get(tier)
        if cell is None and not counted:
            continue
        cell = cell or cell_rules.opened(version, market, tier, counted[0])
        cell.bot, cell.version = version.bot, version
        _take(cell, counted, prices, now)
        touched.append(cell)
    prices.keep()
    for cell in touched:
        cell.below = touched[0].trades - cell.trades
    return touched


def _asked(rows: Sequence[log.Logged], cells: Collection[Cell]) -> tuple[set[str], dt.datetime]:
    """Return the instruments whose prices folding may ask for, and from when on."""
    names = {leg.symbol for row in rows for leg in row.legs}
    names.update(held[0] for cell in cells for held in cell.state["book"]["positions"])
    return names, min([row.at for row in rows[:1]] + [cell.last_at for cell in cells])


def _take(cell: Cell, trades: Sequence[log.Logged], prices: Prices, now: dt.datetime) -> None:
    """Put trades and the midnights since into a cell, and store it with its buckets."""
    folding = cell_rules.Folding(cell, prices, now)
    stored = cell_rules.load_buckets(cell, folding.first_change(trades))
    found = folding.take(trades, stored)
    cell.save()
    cell_rules.keep_buckets(cell, found)


def _rank(cells: Sequence[Cell], now: dt.datetime) -> None:
    """Store the standings of cells of one market."""
    standing.keep(standing.standings(cells, now))
    Cell.objects.bulk_update(cells, ["below", "due_at"])


def catch_up(bot: Bot, clocks: Clocks) -> None:
    """Rank a bot's cells anew whose windows have moved on."""
    for market, now in clocks.items():
        cells = Cell.objects.filter(bot=bot, market=market, due_at__lte=now)
        cells = cells.select_related("bot", "version")
        _catch_up(list(cells), market, now)


@transaction.atomic
def _move_on(market: str, now: dt.datetime) -> int:
    """Rank a batch of cells anew whose windows have moved on; return how many there were."""
    due = Cell.objects.filter(market=market, due_at__lte=now).order_by("due_at", "pk")
    first = list(due.values_list("pk", flat=True)[:BATCH])
    found = Cell.objects.filter(pk__in=first).order_by("pk").select_related("bot", "version")
    cells = list(found.select_for_update(of=("self",)))
    if not cells:
        return 0
    Bucket.objects.filter(cell__in=cells, span="h", start__lt=now - HOURS_KEPT).delete()
    _catch_up(cells, market, now)
    return len(cells)


def _catch_up(cells: Sequence[Cell], market: str, now: dt.datetime) -> None:
    """Value what is open at the midnights since, and rank."""
    prices = Prices(market)
    held = [cell for cell in cells if cell.state["book"]["positions"]]
    if held:
        prices.load(*_asked((), held))
    for cell in held:
        _take(cell, (), prices, now)
    prices.keep()
    _rank(cells, now)
