"""Cboe DataShop minute quotes. `quote_datetime` is the end of its minute, New York time.

The vendor's implied volatility counts time to about 16:30 and is kept apart as `vendor_iv`. There
is no open interest in these files: it stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from market import calendars, occ
from market.clock import MINUTE, local_date
from market.importers import fields
from market.importers.context import Context, RefusedError, Tally
from market.importers.order import in_order
from market.importers.tables import (
    GREEKS,
    VENDOR,
    Named,
    Sheet,
    Table,
    contract_of,
    named_rows,
    two_sided,
    vendor,
    zero_is_missing,
)
from market.snapshot import SnapshotData

_NEEDS = (
    "quote_datetime", "root", "expiration", "strike", "option_type", "close", "trade_volume",
    "bid_size", "bid", "ask_size", "ask", "underlying_bid", "underlying_ask",
    "active_underlying_price", "implied_volatility",
)  # fmt: skip
_COLUMNS = ("bids", "asks", "bid_sizes", "ask_sizes", "volume", "last", *VENDOR)
_LATE = 15 * MINUTE


@dataclass
class _Minute:
    """The rows of one minute."""

    time: int
    symbol: str
    sheet: Sheet
    bid: float
    ask: float
    last: float


class Datashop(Table):
    """Importer of DataShop minute quotes."""

    name = "datashop"
    help = "Cboe DataShop one-minute option quotes, CSV or CSV.gz"

    def read(self, path: Path, context: Context) -> None:
        """Read a file a minute at a time."""
        tally = Tally()

        def parsed() -> Iterator[tuple[int, Named]]:
            for row in named_rows(path, context, needs=_NEEDS):
                try:
                    yield _time(row["quote_datetime"]), row
                except RefusedError as error:
                    context.reject(row.line, error)

        ordered = in_order(
            parsed(),
            time=lambda item: item[0],
            refuse=lambda item, error: context.reject(item[1].line, error),
            repeats=True,
        )
        first: list[str] = []
        stream = self._minutes(ordered, context, tally, first)
        context.snapshots(stream)
        context.accept(tally.rows)

    def _minutes(
        self,
        rows: Iterator[tuple[int, Named]],
        context: Context,
        tally: Tally,
        symbols: list[str],
    ) -> Iterator[SnapshotData]:
        minute: _Minute | None = None
        for time, row in rows:
            try:
                contract, values, spot = _parse(row, time)
                symbol = occ.rule(contract.root).underlying
                if symbols and symbols[0] != symbol:
                    raise RefusedError("root", f"is not of {symbols[0]}", contract.root)
                if minute is None or minute.time != time:
                    if minute is not None:
                        yield self._snapshot(minute)
                    minute = _Minute(time, symbol, Sheet(_COLUMNS), *spot)
                minute.sheet.add(contract, **values)
            except RefusedError as error:
                context.reject(row.line, error)
                continue
            if not symbols:
                symbols.append(symbol)
                rule = occ.rule(contract.root)
                context.instrument(symbol, "index" if rule.index else "equity")
            tally.rows += 1
        if minute is not None:
            yield self._snapshot(minute)

    def _snapshot(self, minute: _Minute) -> SnapshotData:
        return minute.sheet.snapshot(
            minute.symbol, self.name, time=minute.time, known_at=minute.time,
            bid=minute.bid, ask=minute.ask, last=minute.last,
        )  # fmt: skip


def _time(text: str) -> int:
    time = fields.instant(text, "quote_datetime")
    session = calendars.session(local_date(time))
    if session is None or not session.open_ns <= time <= session.close_ns + _LATE:
        raise RefusedError("quote_datetime", "is outside the session", text)
    return time


def _parse(
    row: Named, time: int
) -> tuple[occ.Contract, dict[str, float], tuple[float, float, float]]:
    expiry = fields.date(row["expiration"], "expiration")
    if expiry < local_date(time):
        raise RefusedError("expiration", "is before the quote", expiry)
    root = row["root"].strip().upper()
    strike = fields.positive(row["strike"], "strike")
    call = fields.right(row["option_type"], "option_type")
    bid, ask = two_sided(
        fields.not_negative(row["bid"], "bid"), fields.not_negative(row["ask"], "ask")
    )
    volume = fields.not_negative(row["trade_volume"], "trade_volume")
    close = fields.not_negative(row["close"], "close")
    values = {
        "bids": bid,
        "asks": ask,
        "bid_sizes": fields.not_negative(row["bid_size"], "bid_size"),
        "ask_sizes": fields.not_negative(row["ask_size"], "ask_size"),
        "volume": volume,
        "last": close if volume > 0 and close > 0 else math.nan,
        **vendor(row["implied_volatility"], **{name: row.get(name) for name in GREEKS}),
    }
    return contract_of(root, expiry, call, strike), values, _underlying(row)


def _underlying(row: Named) -> tuple[float, float, float]:
    names = ("underlying_bid", "underlying_ask", "active_underlying_price")
    bid, ask, last = (zero_is_missing(fields.not_negative(row[name], name)) for name in names)
    fields.quote(bid, ask)
    return bid, ask, last
