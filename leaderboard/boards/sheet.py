"""A board as rows of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Any, Final

from leaderboard.boards.filters import Filter
from leaderboard.boards.reading import payloads
from pulse.sheets import Echo, safe_cell

STEP: Final = 200
MOST: Final = 10_000
"""Rows of one file; a filter narrows what is longer."""
COLUMNS: Final = (
    "rank", "change", "group", "bot_id", "bot", "entry", "owner_mark", "owner_name", "kind",
    "market", "tier", "window_hours", "skill", "skilled", "owner_tries", "return_share",
    "pnl_usd", "fees_usd", "spread_usd", "capital_usd", "sharpe", "sharpe_error", "sharpe_days",
    "sortino", "calmar", "drawdown_share", "profit_factor", "win_rate", "win_rate_low",
    "win_rate_high", "closings", "exposure_share", "trades", "trades_below_tier", "active_days",
    "first_trade", "newest_trade", "flags", "delisted",
)  # fmt: skip


def lines(asked: Filter) -> Iterator[str]:
    """Yield the lines of a board's file, its head first."""
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for offset in range(0, MOST, STEP):
        found = payloads(asked, offset=offset, limit=STEP)
        for row in found:
            yield writer.writerow(["" if cell is None else cell for cell in cells(row)])
        if len(found) < STEP:
            return


def cells(row: Mapping[str, Any]) -> list[Any]:
    """Return the cells of one entry in the order of `COLUMNS`."""
    bot, found = row["bot"], row["metrics"]
    sharpe, wins = found["sharpe"], found["win_rate"]
    return [
        row["rank"], row["change"], row["group"], bot["id"], safe_cell(bot["name"]),
        row["version"], bot["owner"]["mark"], safe_cell(bot["owner"]["name"]), bot["kind"],
        row["market"], row["tier"], row["hours"], found["skill"], row["skilled"], row["trials"],
        found["return_share"], found["pnl"], found["fees"], found["spread"],
        row["capital_used"], sharpe["value"], sharpe["error"], sharpe["n"], found["sortino"],
        found["calmar"], found["drawdown"],
        found["profit_factor"], wins["value"], wins["low"], wins["high"], wins["n"],
        found["exposure"], found["trades"], row["below"], found["days"], row["first_at"],
        row["last_at"], " ".join(flag["text"] for flag in row["flags"]), bot["delisted"],
    ]  # fmt: skip
