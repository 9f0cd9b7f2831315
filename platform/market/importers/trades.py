"""Recorded trading of others: executions, round trips, positions, returns, leverage.

Which it is follows from the columns. A row's identity is its text and how often that text came
before among the rows of its instant, so equal rows are kept and a second import adds none.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from market.clock import from_ns
from market.importers import fields
from market.importers.context import Context, RawTrade, RefusedError, Tally
from market.importers.files import csv_rows
from market.importers.tables import Named, Table, named_rows

_ROUND_TRIP = {"pair", "open_date", "close_date", "open_rate", "close_rate"}
_EXECUTION = {"amount", "price", "symbol"}
_SERIES = {"returns": "return", "gross_lev": "leverage"}
Reader = Callable[[Named], list[RawTrade]]


class Trades(Table):
    """Importer of recorded trading."""

    name = "trades"
    help = "executions, round trips, positions, returns: CSV or CSV.gz"

    def read(self, path: Path, context: Context) -> None:
        """Read one file, whichever kind it is."""
        series = next((kind for part, kind in _SERIES.items() if part in path.name), None)
        if series is not None:
            rows = named_rows(path, context, needs=(), header=("time", "value"))
            reader: Reader = lambda row: [_series(row, series)]  # noqa: E731
        else:
            rows = named_rows(path, context, needs=())
            reader = _reader(path, context)
        tally = Tally()

        def parsed() -> Iterator[RawTrade]:
            seen: Counter[str] = Counter()
            now: dt.datetime | None = None
            for row in rows:
                try:
                    made = reader(row)
                except RefusedError as error:
                    context.reject(row.line, error)
                    continue
                tally.rows += 1
                if made and made[0].time != now:
                    seen, now = Counter(), made[0].time
                for trade in made:
                    seen[trade.identity] += 1
                    yield trade._replace(identity=f"{trade.identity}#{seen[trade.identity]}")

        context.trades(parsed())
        context.accept(tally.rows)


def _reader(path: Path, context: Context) -> Reader:
    """Return how to read a file whose header names its columns."""
    first = next(csv_rows(path, context), None)
    if first is None:
        raise RefusedError("file", "is empty")
    names = {name.strip().lower() for name in first.cells}
    if names >= _ROUND_TRIP:
        return lambda row: [_round_trip(row)]
    if names >= _EXECUTION:
        return lambda row: [_execution(row, first.cells[0].strip().lower())]
    if "cash" in names:
        return lambda row: _positions(row, first.cells[0].strip().lower())
    raise RefusedError("header", "is of no kind of trading that is known", ",".join(first.cells))


def _time(text: str, name: str) -> dt.datetime:
    return from_ns(fields.instant(text, name, dt.UTC))


def _series(row: Named, kind: str) -> RawTrade:
    return _trade(row, kind, _time(row["time"], "time"), amount=fields.decimal(row["value"], kind))


def _execution(row: Named, time: str) -> RawTrade:
    price = fields.decimal(row["price"], "price")
    if price <= 0:
        raise RefusedError("price", "is not above zero", row["price"])
    quantity = fields.decimal(row["amount"], "amount")
    stated = row.get("txn_dollars")
    return _trade(
        row,
        "execution",
        _time(row[time], "time"),
        symbol=_symbol(row["symbol"]),
        quantity=quantity,
        price=price,
        amount=fields.decimal(stated, "txn_dollars") if stated else -quantity * price,
    )


def _round_trip(row: Named) -> RawTrade:
    opened, closed = _time(row["open_date"], "open_date"), _time(row["close_date"], "close_date")
    if closed < opened:
        raise RefusedError("close_date", "is before open_date", row["close_date"])
    prices = {}
    for name in ("open_rate", "close_rate"):
        prices[name] = fields.decimal(row[name], name)
        if prices[name] <= 0:
            raise RefusedError(name, "is not above zero", row[name])
    return _trade(
        row,
        "round_trip",
        opened,
        symbol=_symbol(row["pair"]),
        price=prices["open_rate"],
        closed_at=closed,
        close_price=prices["close_rate"],
    )


def _positions(row: Named, time: str) -> list[RawTrade]:
    at = _time(row[time], "time")
    values = {
        name: fields.decimal(row[name], name) for name in row.names() if name != time and row[name]
    }
    return [
        _trade(row, "position", at, symbol=_symbol(name), amount=value, part=name)
        for name, value in values.items()
    ]


def _symbol(text: str) -> str:
    symbol = text.strip().upper()
    if not symbol or len(symbol) > 32 or not symbol.isascii():
        raise RefusedError("symbol", "is not a symbol", text)
    return symbol


def _trade(
    row: Named,
    kind: str,
    time: dt.datetime,
    *,
    symbol: str = "",
    quantity: Decimal | None = None,
    price: Decimal | None = None,
    amount: Decimal | None = None,
    closed_at: dt.datetime | None = None,
    close_price: Decimal | None = None,
    part: str = "",
) -> RawTrade:
    cells = {name: row[name] for name in row.names()}
    identity = f"{kind}|{part}|" + "|".join(cells.values())
    detail = {} if kind in ("position", "return", "leverage") else cells
    return RawTrade(
        kind, time, symbol, quantity, price, amount, closed_at, close_price, detail, identity
    )
