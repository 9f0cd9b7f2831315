"""Cells: trades put into the books of the boards on which they count, buckets kept beside."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.db import connection

from leaderboard.models import Bucket, Cell, ConfigVersion
from leaderboard.ranking.fold import HOURS_KEPT, Key, Tallies, Tally, amount, touched
from leaderboard.ranking.log import Logged
from leaderboard.ranking.prices import Prices
from leaderboard.running import Run

CAPITAL: Final = Decimal(100_000)
"""US dollars of a configuration that states none."""
MOST_CAPITAL: Final = Decimal(10) ** 12
COLUMNS: Final = tuple(field.name for field in fields(Tally))
_TYPES: Final = {int: "integer", Decimal: "numeric", float: "double precision"}
_UPSERT: Final = f"""
INSERT INTO leaderboard_bucket (cell_id, span, start, {", ".join(COLUMNS)})
SELECT %s, made.* FROM unnest(
    %s::text[], %s::timestamptz[],
    {", ".join(f"%s::{_TYPES[type(getattr(Tally(), name))]}[]" for name in COLUMNS)}
) AS made
ON CONFLICT (cell_id, span, start) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS)}"""  # noqa: S608 - own names


def stated_capital(config: Any) -> Decimal:
    """Return the capital that a configuration states, US dollars.

    It is part of the configuration, so whoever changes it begins an entry with an empty record.
    """
    given = config.get("capital") if isinstance(config, dict) else None
    if given is None or isinstance(given, bool) or not isinstance(given, int | float | str):
        return CAPITAL
    try:
        found = Decimal(str(given))
    except InvalidOperation:
        return CAPITAL
    return found if found.is_finite() and 1 <= found <= MOST_CAPITAL else CAPITAL


@dataclass
class Folding:
    """One cell that takes trades, with the buckets that this touches."""

    cell: Cell
    prices: Prices
    now: dt.datetime

    def take(self, trades: Sequence[Logged], stored: dict[Key, Tally]) -> dict[Key, Tally]:
        """Fold trades, and midnights until now; return the buckets that were touched."""
        tallies = Tallies(self.now - HOURS_KEPT, found=stored)
        run = Run(self.prices.settled_at, tallies.note, self.prices.mark_at)
        if self.cell.state:
            run.load(self.cell.state)
            tallies.equity = amount(run.equity)
        for trade in trades:
            run.trade(trade.at, trade.legs, trade.fee, trade.spread)
        run.until(self.now)
        self.cell.state = run.dump()
        self.cell.committed = amount(run.committed)
        self.cell.trades += len(trades)
        if trades:
            self.cell.last_at = max(self.cell.last_at, trades[-1].at)
        return tallies.found

    def first_change(self, trades: Sequence[Logged]) -> dt.datetime:
        """Return the start of the earliest bucket that `take` can touch."""
        at = self.cell.state.get("at") if self.cell.state else None
        first = trades[0].at if trades else self.now
        return touched(None if at is None else dt.datetime.fromisoformat(at), first)


def opened(version: ConfigVersion, market: str, tier: str, first: Logged) -> Cell:
    """Return a new cell, which is not stored yet."""
    return Cell(
        bot_id=version.bot_id,
        version=version,
        market=market,
        tier=tier,
        state={},
        first_at=first.at,
        last_at=first.at,
        committed=Decimal(0),
        capital=stated_capital(json.loads(version.text)),
        due_at=first.at,
    )


def load_buckets(cell: Cell, since: dt.datetime) -> dict[Key, Tally]:
    """Return the stored buckets of a cell from an instant on."""
    if cell.pk is None:
        return {}
    rows = Bucket.objects.filter(cell=cell, start__gte=since)
    return {
        (span, start): Tally(*values)
        for span, start, *values in rows.values_list("span", "start", *COLUMNS)
    }


def keep_buckets(cell: Cell, found: Mapping[Key, Tally]) -> None:
    """Store buckets over those that are there: one statement, whatever their number."""
    if not found:
        return
    keys = [(span, start) for span, start in found]
    columns = [[getattr(tally, name) for tally in found.values()] for name in COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [cell.pk, *map(list, zip(*keys, strict=True)), *columns])
