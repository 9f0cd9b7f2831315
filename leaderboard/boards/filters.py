"""What a board is asked for, read from its address and written back into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from leaderboard.ranking.groups import NAMES
from leaderboard.ranking.models import HOURS, METRICS

PAGE: Final = 50
MOST_OFFSET: Final = 100_000
MOST_TRADES: Final = 1_000_000
MARKETS: Final = {"real": "Real markets", "simulated": "Simulated markets"}
TIERS: Final = {
    "broker_verified": "Broker-verified",
    "server_priced": "Server-priced or better",
    "checked": "Checked or better",
    "self_reported": "All trades, self-reported too",
}
"""Boards by the least trust that a trade needs to count, the strictest first."""
METRIC_NAMES: Final = {
    "skill": "Skill", "return_share": "Return", "pnl": "Profit", "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio", "calmar": "Calmar ratio", "drawdown": "Drawdown",
    "profit_factor": "Profit factor", "win_rate": "Win rate", "exposure": "Exposure",
    "trades": "Trades",
}  # fmt: skip
WINDOWS: Final = {hours: text.capitalize() for hours, text in HOURS.items()}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which part of which board, in which order; the defaults are the whole record by skill."""

    metric: str = "skill"
    hours: int = 0
    market: str = "real"
    tier: str = "checked"
    group: str = ""
    name: str = ""
    least_trades: int = 0
    offset: int = 0

    def query(self, **changes: Any) -> str:
        """Return the address's parameters with changes, defaults left out.

        A change begins at the first page again, unless it is the page that changes.
        """
        changed = replace(self, **{"offset": 0, **changes})
        plain = asdict(_DEFAULT)
        return urlencode({k: v for k, v in asdict(changed).items() if v != plain[k]})

    @property
    def narrowed(self) -> bool:
        """Whether it leaves out entries of the board."""
        return bool(self.name or self.least_trades or self.group)


_DEFAULT: Final = Filter()


def read(given: Mapping[str, str]) -> Filter:
    """Return the filter of an address; what it cannot be is its default."""
    hours = _whole(given.get("hours"), max(HOURS))
    return Filter(
        metric=_one_of(given.get("metric"), METRICS, _DEFAULT.metric),
        hours=hours if hours in HOURS else 0,
        market=_one_of(given.get("market"), MARKETS, _DEFAULT.market),
        tier=_one_of(given.get("tier"), TIERS, _DEFAULT.tier),
        group=_one_of(given.get("group"), NAMES.values(), ""),
        name=given.get("name", "")[:60].strip(),
        least_trades=_whole(given.get("least_trades"), MOST_TRADES),
        offset=_whole(given.get("offset"), MOST_OFFSET) // PAGE * PAGE,
    )


def _one_of(text: str | None, allowed: Any, default: str) -> str:
    return text if text is not None and text in allowed else default


def _whole(text: str | None, most: int) -> int:
    if text and text.isascii() and text.isdecimal() and len(text) < 10:
        return min(int(text), most)
    return 0
