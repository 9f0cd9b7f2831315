"""The market of the live accounts: a coin whose price walks, at the stand-ins and as recorded data.

A coin trades at every hour, so a run needs no session. Its market is thin: most orders fill in
several executions, each of which can be lost, doubled or late.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import httpx
import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from market.clock import to_ns
from market.snapshot import SnapshotData, make_layout
from market.store import write_snapshot

COIN: Final = "CHAOS/USD"
FIRST: Final = 100.0
HALF: Final = 0.05
SIZES: Final = (1, 2)
"""How much is offered and wanted, at least and at most."""
EVERY_S: Final = 0.5
log = structlog.get_logger(__name__)


def play(addresses: Sequence[str], ended: threading.Event) -> None:
    """Let the price walk until told to stop; what cannot be told now is told with the next one."""
    price, dice = FIRST, random.Random()
    while not ended.wait(EVERY_S):
        # It is drawn back to where it began, so that no account runs out of money.
        price *= math.exp(dice.gauss(0, 0.0005) + 0.01 * math.log(FIRST / price))
        try:
            _tell(round(price, 2), dice.randint(*SIZES), addresses)
        except (DatabaseError, InterfaceError) as error:
            log.warning("coin_not_stored", why=str(error))
            connection.close()
        except httpx.HTTPError as error:
            log.warning("coin_not_told", why=str(error))


def _tell(middle: float, size: int, addresses: Sequence[str]) -> None:
    bid, ask = round(middle - HALF, 2), round(middle + HALF, 2)
    quote = {"symbol": COIN, "bid": str(Decimal(str(bid))), "ask": str(Decimal(str(ask))),
             "size": size}  # fmt: skip
    for address in addresses:
        httpx.post(f"{address}/_sim/quote", json=quote, timeout=5).raise_for_status()
    now = to_ns(timezone.now())
    layout, _ = make_layout(COIN, roots=[], expiries=[], is_call=[], strikes=[])
    write_snapshot(
        SnapshotData(
            COIN, "chaos", now, now, bid, ask, middle, layout, {},
            {"bid_size": float(size), "ask_size": float(size)},
        )
    )  # fmt: skip
