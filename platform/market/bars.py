"""Bars: written by COPY through a staging table, read as arrays as they were known at an instant.

A row that repeats what is stored changes nothing. A row that differs from the newest stored
version of the same bar is a revision: a new row, known from now on; who reads the past with `at`
still sees what was known then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.utils import timezone

BATCH = 20_000
_COLUMNS = "instrument_id, price, interval, time, known_at, open, high, low, close, volume, source"
_STAGING = "CREATE TEMP TABLE staged_bar (LIKE market_bar) ON COMMIT DROP"
_COPY = f"COPY staged_bar ({_COLUMNS}) FROM STDIN"
# The newest stored version of each staged bar decides: none is new, a different one a revision.
_MERGE = f"""
INSERT INTO market_bar ({_COLUMNS})
SELECT s.instrument_id, s.price, s.interval, s.time,
       CASE WHEN b.time IS NULL THEN s.known_at ELSE greatest(%(now)s, s.known_at) END,
       s.open, s.high, s.low, s.close, s.volume, s.source
FROM staged_bar s
LEFT JOIN LATERAL (
    SELECT * FROM market_bar b
    WHERE b.instrument_id = s.instrument_id AND b.price = s.price
      AND b.interval = s.interval AND b.time = s.time
    ORDER BY b.known_at DESC LIMIT 1
) b ON true
WHERE b.time IS NULL
   OR (b.open, b.high, b.low, b.close, b.volume)
      IS DISTINCT FROM (s.open, s.high, s.low, s.close, s.volume)
ON CONFLICT DO NOTHING
"""  # noqa: S608
_READ = """
SELECT DISTINCT ON (b.time) extract(epoch FROM b.time)::numeric * 1000000000,
       b.open, b.high, b.low, b.close, b.volume
FROM market_bar b JOIN market_instrument i ON i.id = b.instrument_id
WHERE i.symbol = %(symbol)s AND b.price = %(price)s AND b.interval = %(interval)s
  AND b.time >= %(start)s AND b.time <= %(end)s
  AND (%(at)s::timestamptz IS NULL OR b.known_at <= %(at)s)
ORDER BY b.time, b.known_at DESC
"""


class BarRow(NamedTuple):
    """One bar as it is written; None where a price is not known."""

    instrument_id: int
    price: str
    interval: int
    time: dt.datetime
    known_at: dt.datetime
    open: float | None
    high: float | None
    low: float | None
    close: float
    volume: float | None
    source: str


class Written(NamedTuple):
    """What became of the rows that were given."""

    given: int
    stored: int


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars in order of time. `times` are the ends, ns UTC; NaN where a price is not known."""

    times: npt.NDArray[np.int64]
    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.times.size)


def write_bars(rows: Iterable[BarRow]) -> Written:
    """Store bars, a batch to a transaction; return how many were given and how many were news."""
    given = stored = 0
    stream = iter(rows)
    while batch := list(islice(stream, BATCH)):
        stored += _write_batch(batch)
        given += len(batch)
    return Written(given, stored)


def _write_batch(batch: list[BarRow]) -> int:
    for year in sorted({row.time.year for row in batch}):
        ensure_partition(year)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STAGING)
        with cursor.copy(_COPY) as copy:
            for row in batch:
                copy.write_row(row)
        cursor.execute(_MERGE, {"now": timezone.now()})
        stored = cursor.rowcount
        cursor.execute("DROP TABLE staged_bar")
    return int(stored)


def ensure_partition(year: int) -> None:
    """Make the partition of a year when there is none; safe with many writers."""
    name = f"market_bar_{year:04d}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0] is not None:
            return
        # Two writers would both find none: the second waits here and then finds one.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('market_bar partitions'))")
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF market_bar "
            f"FOR VALUES FROM ('{year:04d}-01-01 00:00+00') TO ('{year + 1:04d}-01-01 00:00+00')"
        )


def read_bars(
    symbol: str,
    *,
    interval: int,
    start: dt.datetime,
    end: dt.datetime,
    price: str = "trade",
    at: dt.datetime | None = None,
) -> Bars:
    """Return the bars of `interval` seconds that ended from `start` to `end`, both included.

    Of a revised bar the newest version is given; with `at`, the newest that was known then.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _READ,
            {"symbol": symbol, "interval": interval, "price": price,
             "start": start, "end": end, "at": at},
        )  # fmt: skip
        rows = cursor.fetchall()
    times = np.array([int(row[0]) for row in rows], dtype=np.int64)
    values = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 5)
    return Bars(times, *values.T)


def newest_bar(symbol: str, interval: int, price: str = "trade") -> dt.datetime | None:
    """Return the end of the newest stored bar of a series, None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(b.time) FROM market_bar b JOIN market_instrument i "
            "ON i.id = b.instrument_id WHERE i.symbol = %s AND b.price = %s AND b.interval = %s",
            [symbol, price, interval],
        )
        found: dt.datetime | None = cursor.fetchone()[0]
    return found


class Version(NamedTuple):
    """One stored version of a bar."""

    price: str
    interval: int
    time: dt.datetime
    known_at: dt.datetime
    open: float | None
    high: float | None
    low: float | None
    close: float
    volume: float | None
    source: str


def versions(
    symbol: str, *, price: str, interval: int, before: dt.datetime, most: int
) -> list[Version]:
    """Return the newest stored versions of bars that ended before an instant, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.price, b.interval, b.time, b.known_at, b.open, b.high, b.low, b.close, "
            "b.volume, b.source FROM market_bar b JOIN market_instrument i "
            "ON i.id = b.instrument_id WHERE i.symbol = %s AND b.price = %s AND b.interval = %s "
            "AND b.time < %s ORDER BY b.time DESC, b.known_at DESC LIMIT %s",
            [symbol, price, interval, before, most],
        )
        return [Version(*row) for row in cursor.fetchall()]


def coverage(symbol: str) -> list[tuple[str, int, dt.datetime, dt.datetime, int]]:
    """Return (price, interval, first, last, bars) of each series of a symbol."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.price, b.interval, min(b.time), max(b.time), count(DISTINCT b.time) "
            "FROM market_bar b JOIN market_instrument i ON i.id = b.instrument_id "
            "WHERE i.symbol = %s GROUP BY 1, 2 ORDER BY 1, 2",
            [symbol],
        )
        return list(cursor.fetchall())
