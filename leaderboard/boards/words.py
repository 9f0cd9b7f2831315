"""Why an entry stands where it stands, in sentences. The numbers are those of the rules."""

from __future__ import annotations

from typing import Final

from leaderboard.boards.filters import Filter
from leaderboard.ranking.skill import RULE

_WHY: Final = {
    "ranked": "with enough days and trades, and nothing in question",
    "provisional": (
        f"with fewer than {RULE.least_trades} trades or {RULE.least_days} days on which "
        "something happened"
    ),
    "flagged": (
        f"with a Sharpe ratio above {RULE.absurd_sharpe:g}, more than {RULE.one_trade:.0%} of "
        "the gains from one closing, or confirmed as a copy or a mirror of another owner's bot"
    ),
    "idle": f"without a trade for more than {RULE.idle_days:g} days",
    "excluded": f"with more than {RULE.below_share:.0%} of the trades below this board's trust",
}

_IS: Final = {
    "ranked": "is ranked",
    "provisional": "waits to be ranked",
    "flagged": "is flagged",
    "idle": "is idle",
    "excluded": "is excluded",
}


def entries(count: int) -> str:
    """Return how many entries."""
    return f"{count:,} entr{'y' if count == 1 else 'ies'}"


def why(group: str, count: int) -> str:
    """Say who is in a group of a board."""
    return f"{entries(count)} {_WHY[group]}"


def why_one(group: str) -> str:
    """Say why one entry is in its group."""
    return f"An entry {_WHY[group]}."


def nothing_fits(asked: Filter, everybody: int) -> str:
    """Say what a filter asked for, and of how many entries none is like that."""
    wanted = []
    if asked.group:
        wanted.append(_IS[asked.group])
    if asked.name:
        wanted.append(f"has “{asked.name}” in its name")
    if asked.least_trades:
        wanted.append(f"has {asked.least_trades:,} trades in this window")
    if not wanted:
        return f"{entries(everybody)} stand on this board; the page that was asked for is beyond."
    return f"Of {entries(everybody)} on this board none {' and '.join(wanted)}."
