"""Day trades, where a broker still counts them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Final

from market import calendars
from market.clock import NEW_YORK
from trading.models import Account, Fill

DAY_TRADE_SESSIONS: Final = 5


def day_trades(account: Account, now: dt.datetime) -> int:
    """Return in how many cases something was bought and sold in one of the last five sessions."""
    day = now.astimezone(NEW_YORK).date()
    first = day
    for _ in range(DAY_TRADE_SESSIONS - 1):
        first = calendars.previous_session(first).date
    begin = dt.datetime.combine(first, dt.time(), NEW_YORK)
    sides: dict[tuple[str, dt.date], set[bool]] = defaultdict(set)
    rows = Fill.objects.filter(account=account, at__gte=begin)
    for symbol, quantity, at in rows.values_list("symbol", "quantity", "at"):
        sides[symbol, at.astimezone(NEW_YORK).date()].add(quantity > 0)
    return sum(len(one) == 2 for one in sides.values())
