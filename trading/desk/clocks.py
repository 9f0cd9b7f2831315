"""Which clock a time is on: a simulated or replayed market has a time of its own."""

from __future__ import annotations

from typing import Final

from trading.brokers.paper.selectors import SOURCE as PAPER_VENUE

MARKET: Final = "market"
"""Of the market that a paper account follows."""
REAL: Final = "real"
"""Of the world: this house's and a broker's."""


def clock_of(source: str) -> str:
    """Return the clock of what a source told; the paper venue lives in its market's time."""
    return MARKET if source == PAPER_VENUE else REAL
