"""What a signal costs, in and out: one table for records, validations and the optimizer.

Of a signal with a side in log return, for a liquid underlying: a spread, a fee and slippage. One
held for minutes leaves by the price it was entered at; one held for sessions pays the gap between
them too. Options cost more. Of a signal on volatility in usual variances.
"""

from __future__ import annotations

from typing import Final

from market.frames import Kind

MINUTES: Final = 1e-4
SESSIONS: Final = 2e-4
BY_KIND: Final = {Kind.INTRADAY: MINUTES, Kind.DAILY: SESSIONS}
CRYPTO: Final = 1e-3
"""A taker's fee of 5 basis points each way."""
VOLATILITY: Final = 0.05
"""2.5 % of volatility for the round trip."""


def of_bars(timeframe: str, *, crypto: bool) -> float:
    """Return what a signal on bars costs, in log return."""
    if crypto:
        return CRYPTO
    return SESSIONS if timeframe == "1d" else MINUTES
