"""What the pages read of the rankings, shaped for their templates."""

from __future__ import annotations

import datetime as dt
from itertools import groupby

from leaderboard.boards import words
from leaderboard.boards.filters import PAGE, Filter
from leaderboard.models import Bot
from leaderboard.ranking import selectors
from leaderboard.ranking.groups import Group
from market.payloads import Payload


def payloads(asked: Filter, *, offset: int, limit: int) -> list[Payload]:
    """Return entries of a board as JSON, from a place on."""
    return selectors.payloads(_rows(asked, offset, limit))


def _rows(asked: Filter, offset: int, limit: int) -> list[selectors.Row]:
    return selectors.board(
        metric=asked.metric,
        hours=asked.hours,
        market=asked.market,
        tier=asked.tier,
        name=asked.name,
        least_trades=asked.least_trades,
        groups=(Group[asked.group.upper()],) if asked.group else None,
        offset=offset,
        limit=limit,
    )


def page(asked: Filter) -> Payload:
    """Return one page of a board in its groups, with the sparkline of each entry."""
    rows = _rows(asked, asked.offset, PAGE + 1)
    curves = selectors.sparks([row.cell_id for row in rows[:PAGE]])
    counts = selectors.board_counts(asked.market, asked.tier, asked.hours)
    shown = [
        {**shaped(selectors.row_payload(row)), "spark": curves.get(row.cell_id, [])}
        for row in rows[:PAGE]
    ]
    return {
        "groups": [
            {
                "name": name,
                "why": words.why(name, counts[name]),
                "rows": list(found),
            }
            for name, found in groupby(shown, key=lambda row: str(row["group"]))
        ],
        "counts": counts,
        "everybody": sum(counts.values()),
        "shown": len(shown),
        "more": len(rows) > PAGE,
    }


def shaped(row: Payload) -> Payload:
    """Return an entry with what the pages add: its key, its age and how much is verified.

    What is below the tier is known of the whole record alone.
    """
    first, last = (dt.datetime.fromisoformat(row[name]) for name in ("first_at", "last_at"))
    everything = row["metrics"]["trades"] + row["below"] if row["hours"] == 0 else 0
    return {
        **row,
        "key": f"{row['bot']['id']}-{row['version']}",
        "age_days": max(0, (last - first).days),
        "verified": row["metrics"]["trades"] / everything if everything else None,
        "why": words.why_one(row["group"]),
    }


def standings(bot: Bot, version: int) -> list[Payload]:
    """Return where one entry of a bot stands by its whole record, the strongest board first.

    `of` is how many stand on that board.
    """
    found = selectors.payloads(selectors.standings_of(bot, version=version))
    sizes = (sum(selectors.board_counts(row["market"], row["tier"]).values()) for row in found)
    return [{**shaped(row), "of": size} for row, size in zip(found, sizes, strict=True)]
