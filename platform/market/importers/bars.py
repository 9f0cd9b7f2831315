"""Bars of minutes to days: CSV, CSV.gz or feather, named `SYMBOL-5m` or `SYMBOL_1m_...`.

Times without an offset are UTC and mark the start of a bar. Where a vendor marks the end instead,
the bars here are one interval late, never early.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from market.clock import SECOND
from market.importers import fields
from market.importers.context import Context, RawBar, RefusedError, Tally
from market.importers.order import in_order
from market.importers.tables import Table, named_rows

_NAME = re.compile(r"(.+?)[-_](\d+)(m|h|d)(?=[._-]).*", re.ASCII)
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_VALUES = ("open", "high", "low", "close", "volume")
_TIMES = ("timestamp", "datetime", "date", "time")
_BATCH = 4096
Line = tuple[int, int, Sequence[float]]
"""Line of the file, start of the bar in ns UTC, open, high, low, close, volume."""


class Bars(Table):
    """Importer of intraday bars."""

    name = "bars"
    help = "bars of 1m to 1d, CSV, CSV.gz or feather, named SYMBOL-5m..."
    suffixes: tuple[str, ...] = (".csv", ".csv.gz", ".feather")

    def read(self, path: Path, context: Context) -> None:
        """Read one series."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise RefusedError("file", "does not say symbol and interval (SYMBOL-5m)", path.name)
        symbol = context.options.symbol or match[1].upper().replace("_", "/")
        interval = int(match[2]) * _SECONDS[match[3]]
        context.instrument(symbol, "crypto")
        tally = Tally()
        lines = _feather(path, context) if path.suffix == ".feather" else _csv(path, context)

        def parsed() -> Iterator[RawBar]:
            for line, start, values in in_order(
                lines,
                time=lambda item: item[1],
                refuse=lambda item, error: context.reject(item[0], error),
            ):
                try:
                    bar = _bar(start, values, interval)
                except RefusedError as error:
                    context.reject(line, error)
                    continue
                tally.rows += 1
                yield bar

        context.bars(symbol, parsed(), interval=interval)
        context.accept(tally.rows)


def _bar(start: int, values: Sequence[float], interval: int) -> RawBar:
    if start % (interval * SECOND):
        raise RefusedError("time", "is not a whole interval", start)
    for name, value in zip(_VALUES, values, strict=True):
        if not math.isfinite(value) or value < 0 or (name != "volume" and value == 0):
            raise RefusedError(name, "is not a finite number above zero", value)
    opened, high, low, close, volume = values
    fields.bar(opened, high, low, close)
    end = start + interval * SECOND
    return RawBar(end, end, opened, high, low, close, volume)


def _csv(path: Path, context: Context) -> Iterator[Line]:
    for row in named_rows(path, context, needs=_VALUES):
        name = next((name for name in _TIMES if name in row.names()), None)
        if name is None:
            raise RefusedError("header", "has no column of times", ",".join(row.names()))
        try:
            start = fields.instant(row[name], name, dt.UTC)
            values = [fields.number(row[value], value) for value in _VALUES]
        except RefusedError as error:
            context.reject(row.line, error)
            continue
        yield row.line, start, values


def _feather(path: Path, context: Context) -> Iterator[Line]:
    """Yield the rows of a feather file, one record batch in memory at a time."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_file(source)
            names = [name.lower() for name in reader.schema.names]
            time = next((names.index(name) for name in _TIMES if name in names), None)
            if time is None or any(name not in names for name in _VALUES):
                raise RefusedError("header", "lacks a column of bars", ",".join(names))
            places = [names.index(name) for name in _VALUES]
            line = 0
            for number in range(reader.num_record_batches):
                whole = reader.get_batch(number)
                for offset in range(0, whole.num_rows, _BATCH):
                    part = whole.slice(offset, _BATCH)
                    yield from _arrow_rows(part, time, places, line + offset, context)
                line += whole.num_rows
                context.progress(path.stat().st_size * line // max(line, 1))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise RefusedError("file", "is not a whole feather file", str(error)[:80]) from error


def _arrow_rows(
    part: object, time: int, places: Sequence[int], before: int, context: Context
) -> Iterator[Line]:
    import pyarrow as pa

    column = part.column(time)  # type: ignore[attr-defined]
    if not pa.types.is_timestamp(column.type):
        raise RefusedError("header", "has times that are no timestamps", str(column.type))
    starts = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()).to_pylist()
    columns = [part.column(place).to_pylist() for place in places]  # type: ignore[attr-defined]
    for row, (start, *values) in enumerate(zip(starts, *columns, strict=True)):
        line = before + row + 1
        if start is None or any(not isinstance(value, int | float) for value in values):
            context.reject(line, RefusedError("row", "has an empty cell"))
            continue
        yield line, start, [float(value) for value in values]
