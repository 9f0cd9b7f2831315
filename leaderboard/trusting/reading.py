"""Reads what bots did as arrays: trades of the last days, and profits day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from django.db import connection, transaction
from django.db.models import Max, Sum
from numpy.typing import NDArray

from leaderboard.models import Bot, Bucket, Trade
from leaderboard.trusting.overlap import Trades
from market import occ

SPAN: Final = dt.timedelta(days=90)
MOST_TRADES: Final = 1_000
"""The newest of each bot that are compared."""
_CHUNK: Final = 20_000
_TRADES: Final = """
    SELECT t.id, t.bot_id,
        CASE WHEN jsonb_array_length(t.legs) = 1
            THEN (t.legs->0->>'action') || ' ' || (t.legs->0->>'symbol')
            ELSE (SELECT string_agg((leg->>'action') || ' ' || (leg->>'symbol'), ';'
                      ORDER BY leg->>'symbol', leg->>'action')
                  FROM jsonb_array_elements(t.legs) leg) END,
        extract(epoch FROM coalesce(t.executed_at, CASE WHEN t.market = 'simulated'
            THEN (t.evidence->>'market_time')::timestamptz END, t.received_at))::float8,
        (t.legs->0->>'quantity')::float8
    FROM leaderboard_trade t JOIN leaderboard_bot b ON b.id = t.bot_id
    WHERE t.market = %s AND t.received_at >= %s AND t.received_at < %s
        AND t.seq > b.head_seq - %s
    ORDER BY t.bot_id, t.seq
"""


class Compared(NamedTuple):
    """All that is compared on one market; `bots` and `trade_ids` name the places of the arrays."""

    bots: list[int]
    trades: Trades
    trade_ids: NDArray[np.int64]
    profits: NDArray[np.float64]


class _Codes:
    """Numbers for what is traded, and the side, by the legs of a trade.

    Options of one underlying and right are one thing: a copy in the next strike is a copy. A trade
    of several legs is one thing with the signs of its legs against the first one's.
    """

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, int]] = {}
        self.numbers: dict[tuple[tuple[str, int], ...], int] = {}

    def of(self, text: str) -> tuple[int, int]:
        """Return number and side of `ACTION SYMBOL;ACTION SYMBOL...`, ordered by symbol."""
        found = self.known.get(text)
        if found is None:
            legs = [leg.split(" ", 1) for leg in text.split(";")]
            signs = [1 if action.startswith(("BUY", "COVER")) else -1 for action, _ in legs]
            form = tuple(
                (_thing(symbol), sign * signs[0])
                for (_, symbol), sign in zip(legs, signs, strict=True)
            )
            number = self.numbers.setdefault(form, len(self.numbers))
            found = self.known[text] = (number, signs[0])
        return found


def _thing(symbol: str) -> str:
    """Return an option's underlying and right, or the symbol."""
    try:
        contract = occ.parse(symbol)
    except occ.OccError:
        return symbol
    return f"{occ.rule(contract.root).underlying} {contract.right}"


def compared(market: str, now: dt.datetime) -> Compared:
    """Return trades of the last `SPAN` and daily profits of all bots that have any there."""
    codes = _Codes()
    rows = np.fromiter(
        ((row[0], row[1], *codes.of(row[2]), row[3], row[4]) for row in _rows(market, now)),
        dtype=np.dtype("i8, i8, i4, i1, f8, f8"),
    )
    bots, places = np.unique(rows["f1"], return_inverse=True)
    marks = dict(Bot.objects.filter(pk__in=bots.tolist()).values_list("pk", "owner_mark"))
    owners = np.unique([marks[bot] for bot in bots.tolist()], return_inverse=True)[1]
    trades = Trades(
        bots=places.astype(np.int64),
        codes=rows["f2"].astype(np.int64),
        sides=rows["f3"].astype(np.int64),
        at=rows["f4"].astype(np.int64),
        quantities=rows["f5"],
        owners=owners.astype(np.int64),
    )
    return Compared(bots.tolist(), trades, rows["f0"], _profits(market, bots))


def _rows(market: str, now: dt.datetime) -> Iterator[tuple[Any, ...]]:
    """Yield trades from a cursor on the server, so that they never stand in memory as rows."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_TRADES, [market, now - SPAN, now, MOST_TRADES])
        while found := cursor.fetchmany(_CHUNK):
            yield from found


def _profits(market: str, bots: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return profits by bot and day, on the market's clock; NaN where nothing happened."""
    rows = Bucket.objects.filter(
        span=Bucket.Span.DAY, cell__market=market, cell__tier=Trade.Tier.SELF_REPORTED
    )
    newest = rows.aggregate(newest=Max("start"))["newest"]
    if newest is None:
        return np.full((len(bots), 0), np.nan)
    since = newest - SPAN
    found = np.full((len(bots), SPAN.days + 1), np.nan)
    days = (
        rows.filter(start__gte=since)
        .order_by()
        .values_list("cell__bot", "start")
        .annotate(total=Sum("profit"))
    )
    for bot, start, profit in days.iterator(_CHUNK):
        place = int(np.searchsorted(bots, bot))
        if place < len(bots) and bots[place] == bot:
            found[place, (start - since).days] = float(profit)
    return found
