"""Whether the boards are what a full recomputation from the log gives."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any, Final, NamedTuple

from django.db import transaction

from leaderboard.models import Bot, Bucket, Cell, Folded, Standing
from leaderboard.ranking import services
from leaderboard.ranking.cells import COLUMNS
from leaderboard.ranking.fold import HOURS_KEPT

_CLOSE: Final = 1e-12
_TIME_FIELDS: Final = ("id", "cell", "yesterday")


class Difference(NamedTuple):
    """A figure that is not what the log gives."""

    where: str
    stored: Any
    recomputed: Any


def audit(bot: Bot, now: dt.datetime | None = None) -> list[Difference]:
    """Recompute a bot's cells, buckets and standings from its whole log and compare.

    All of it happens in a transaction that is taken back. What is due is brought up to the same
    instant first, so only true differences are found.
    """
    found: list[Difference] = []
    clocks = services.clocks_at(now)
    with transaction.atomic():
        Folded.objects.select_for_update().filter(bot=bot).first()
        while services.fold(bot.pk, clocks):
            pass
        services.catch_up(bot, clocks)
        stored = _figures(bot, clocks)
        Cell.objects.filter(bot=bot).delete()
        Folded.objects.filter(bot=bot).update(seq=0)
        services.fold(bot.pk, clocks, most=sys.maxsize)
        again = _figures(bot, clocks)
        transaction.set_rollback(True)
    for name in sorted({*stored, *again}):
        mine, right = stored.get(name), again.get(name)
        if not _same(mine, right):
            found.append(Difference(name, mine, right))
    return found


def _figures(bot: Bot, clocks: services.Clocks) -> dict[str, Any]:
    """Return everything that the boards say of a bot, by where it stands."""
    found: dict[str, Any] = {}
    cells = {cell.pk: cell for cell in Cell.objects.filter(bot=bot).select_related("version")}
    names = {pk: f"v{cell.version.number} {cell.market} {cell.tier}" for pk, cell in cells.items()}
    for pk, cell in cells.items():
        for field in ("state", "trades", "below", "committed", "capital", "first_at", "last_at"):
            found[f"{names[pk]} {field}"] = getattr(cell, field)
    for row in Bucket.objects.filter(cell__in=cells):
        kept_from = clocks[cells[row.cell_id].market] - HOURS_KEPT / 2
        if row.span == "h" and row.start < kept_from:
            continue  # hours are pruned with time, and only a day of them is ever read
        found[f"{names[row.cell_id]} {row.span} {row.start:%Y-%m-%d %H}"] = tuple(
            getattr(row, name) for name in COLUMNS
        )
    fields = [one.name for one in Standing._meta.fields if one.name not in _TIME_FIELDS]
    for standing in Standing.objects.filter(cell__in=cells):
        for field in fields:
            where = f"{names[standing.cell_id]} {standing.hours} h {field}"
            found[where] = getattr(standing, field)
    return found


def _same(mine: Any, right: Any) -> bool:
    if isinstance(mine, float) and isinstance(right, float):
        return abs(mine - right) <= _CLOSE * max(1.0, abs(mine), abs(right))
    if isinstance(mine, tuple) and isinstance(right, tuple):
        return len(mine) == len(right) and all(map(_same, mine, right))
    return bool(mine == right)
