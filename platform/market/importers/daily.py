"""Daily bars: OHLC of one symbol, or closes of many symbols side by side.

A bar ends with the New York session of its date. An index is computed from closing prices that
arrive until 16:15, so it is known a quarter of an hour later. Prices are raw or as the vendor
adjusted them; nothing is adjusted here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from market import calendars, occ
from market.clock import MINUTE
from market.importers import fields
from market.importers.context import Context, RawBar, RefusedError, Tally
from market.importers.order import in_order
from market.importers.tables import Named, Table, named_rows

DAY = 86_400
_OHLC = ("open", "high", "low", "close")
_LATE = 15 * MINUTE
_NAMED = re.compile(r"([a-z0-9.^]+)_daily_.*", re.ASCII | re.IGNORECASE)


class Daily(Table):
    """Importer of daily bars."""

    name = "daily"
    help = "daily CSV: date and OHLC of one symbol (--symbol), or closes of many side by side"

    def read(self, path: Path, context: Context) -> None:
        """Read one file of either shape."""
        rows = named_rows(path, context, needs=("date",))
        first = next(rows, None)
        if first is None:
            raise RefusedError("file", "has no rows")
        if all(name in first.names() for name in _OHLC):
            self._one(path, context, first, rows)
        else:
            self._many(context, first, rows)

    def _one(self, path: Path, context: Context, first: Named, rows: Iterator[Named]) -> None:
        match = _NAMED.fullmatch(path.name)
        symbol = context.options.symbol or (match[1].upper() if match else "")
        if not symbol:
            raise RefusedError("file", "does not say its symbol: give --symbol", path.name)
        index = occ.rule(symbol).index
        context.instrument(symbol, "index" if index else "equity")
        late, tally = (_LATE if index else 0), Tally()

        def parsed() -> Iterator[RawBar]:
            for time, row in _timed(first, rows, context):
                try:
                    bar = _bar(row, time, late)
                except RefusedError as error:
                    context.reject(row.line, error)
                    continue
                tally.rows += 1
                yield bar

        context.bars(symbol, parsed(), interval=DAY)
        context.accept(tally.rows)

    def _many(self, context: Context, first: Named, rows: Iterator[Named]) -> None:
        symbols = [name for name in first.names() if name != "date"]
        if not symbols or not all(re.fullmatch(r"[a-z0-9.]{1,12}", name) for name in symbols):
            raise RefusedError("header", "has neither OHLC columns nor symbols", ",".join(symbols))
        closes: dict[str, list[RawBar]] = {name: [] for name in symbols}
        accepted = missing = 0
        for name in symbols:
            context.instrument(name.upper(), "equity")
        for time, row in _timed(first, rows, context):
            try:
                prices = {name: fields.optional(row[name], name) for name in symbols}
            except RefusedError as error:
                context.reject(row.line, error)
                continue
            accepted += 1
            for name, price in prices.items():
                if price > 0:
                    closes[name].append(RawBar(time, time, None, None, None, price, None))
                else:
                    missing += 1
            if accepted % 1000 == 0:
                _store(context, closes)
        _store(context, closes)
        if missing:
            context.note(f"{missing} cells without a price")
        context.accept(accepted)


def _store(context: Context, closes: Mapping[str, list[RawBar]]) -> None:
    for name, bars in closes.items():
        context.bars(name.upper(), bars, interval=DAY)
        bars.clear()


def _timed(first: Named, rows: Iterator[Named], context: Context) -> Iterator[tuple[int, Named]]:
    """Yield rows that go forward in time with their session's close, ns UTC."""

    def read() -> Iterator[tuple[int, Named]]:
        for row in _chain(first, rows):
            try:
                yield _close(row["date"]), row
            except RefusedError as error:
                context.reject(row.line, error)

    return in_order(
        read(),
        time=lambda item: item[0],
        refuse=lambda item, error: context.reject(item[1].line, error),
    )


def _chain(first: Named, rows: Iterator[Named]) -> Iterator[Named]:
    yield first
    yield from rows


def _close(text: str) -> int:
    day = fields.date(text, "date")
    try:
        session = calendars.session(day)
    except calendars.CalendarError as error:
        raise RefusedError("date", str(error), text) from error
    if session is None:
        raise RefusedError("date", "is a day without a session", text)
    return session.close_ns


def _bar(row: Named, time: int, late: int) -> RawBar:
    opened, high, low, close = (fields.positive(row[name], name) for name in _OHLC)
    fields.bar(opened, high, low, close)
    volume = row.get("volume")
    size = fields.not_negative(volume, "volume") if volume else None
    return RawBar(time, time + late, opened, high, low, close, size)
