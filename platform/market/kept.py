"""The newest snapshot that was known at an instant, unpacked once in a process.

Whoever needs a few quotes of the newest snapshot again and again asks which one it is, and reads
it when it is another, or was changed: `xmin` names the transaction that wrote the row.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from django.db import connection

from market.models import FeedRun, Snapshot
from market.snapshot import EPOCH, SnapshotData
from market.store import load_snapshot

MOST_KEPT: Final = 64
_FIND: Final = """
    SELECT s.id, s.xmin::text FROM market_snapshot s
    JOIN market_instrument i ON i.id = s.underlying_id
    WHERE i.symbol = %s AND s.run_id {} AND s.time <= %s AND s.known_at <= %s
    ORDER BY s.time DESC, s.id DESC LIMIT 1
"""
Contract = tuple[str, int, bool, int]
"""Root, expiry in days since 1970-01-01, call or not, strike in thousandths."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot, and where each contract stands in its arrays. Not to be written to."""

    data: SnapshotData
    places: dict[Contract, int]

    def place(self, root: str, expiry: dt.date, *, is_call: bool, thousandths: int) -> int | None:
        """Return where a contract stands, None when the snapshot does not hold it."""
        return self.places.get((root, (expiry - EPOCH).days, is_call, thousandths))


_rows: OrderedDict[tuple[int, str], Kept] = OrderedDict()
_lock = threading.Lock()


def newest_known(symbol: str, *, at: dt.datetime, run: FeedRun | None = None) -> Kept | None:
    """Return the newest snapshot that was known at `at`, or None; `run` None means recorded data.

    What `market.store.read_snapshot` reads, at the cost of one short query when it is kept.
    """
    named = [] if run is None else [run.pk]
    with connection.cursor() as cursor:
        cursor.execute(_FIND.format("= %s" if named else "IS NULL"), [symbol, *named, at, at])
        found = cursor.fetchone()
    if found is None:
        return None
    with _lock:
        kept = _rows.get(found)
    if kept is None:
        kept = _unpacked(found[0])
        if kept is None:
            return None
        with _lock:
            _rows[found] = kept
            while len(_rows) > MOST_KEPT:
                _rows.popitem(last=False)
    return kept


def _unpacked(pk: int) -> Kept | None:
    try:
        data = load_snapshot(pk)
    except Snapshot.DoesNotExist:  # retention was faster
        return None
    return indexed(data)


def indexed(data: SnapshotData) -> Kept:
    """Return a snapshot with where each of its contracts stands."""
    keys = data.layout.keys()
    return Kept(
        data,
        {(root, day, is_call, round(strike * 1000)): place
         for place, (root, day, is_call, strike) in enumerate(keys)},
    )  # fmt: skip
