"""The store of snapshots: writing, merging, reading back at or between instants.

Point in time: a read with `at` gives what was known at that instant (`known_at <= at`).
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import MD5, TruncMinute

from market import packing
from market import snapshot as shapes
from market.clock import from_ns, to_ns
from market.models import ChainLayout, FeedRun, Instrument, Snapshot
from market.services import ensure_options
from market.snapshot import Layout, SnapshotData

_CACHE_SIZE = 256
_layouts: dict[int, Layout] = {}
_lock = threading.Lock()


def write_snapshot(data: SnapshotData, *, run: FeedRun | None = None) -> Snapshot:
    """Store a snapshot, or return the row that has its place already, unchanged.

    Recorded data is written without a run; a simulation's belongs to its run.
    """
    underlying = Instrument.objects.get(symbol=data.symbol)
    row, _ = Snapshot.objects.get_or_create(
        underlying=underlying,
        source=data.source,
        run=run,
        time=from_ns(data.time),
        defaults=_values(data, ensure_layout(data.layout, underlying)),
    )
    return row


def write_snapshots(stream: Iterable[SnapshotData], *, batch: int = 64) -> int:
    """Store recorded snapshots, merged with what is there for the same instant; return how many.

    Memory holds one batch. Each batch is one transaction.
    """
    written, pending = 0, []
    for data in stream:
        pending.append(data)
        if len(pending) == batch:
            written += _write_batch(pending)
            pending = []
    return written + (_write_batch(pending) if pending else 0)


@transaction.atomic
def _write_batch(pending: list[SnapshotData]) -> int:
    underlying = Instrument.objects.get(symbol=pending[0].symbol)
    stored = Snapshot.objects.select_for_update().filter(
        underlying=underlying,
        source=pending[0].source,
        run=None,
        time__in=[from_ns(data.time) for data in pending],
    )
    old = {to_ns(row.time): row for row in stored}
    fresh = []
    for data in pending:
        row = old.get(data.time)
        if row is None:
            values = _values(data, ensure_layout(data.layout, underlying))
            place = {"underlying": underlying, "source": data.source, "time": from_ns(data.time)}
            fresh.append(Snapshot(**place, **values))
        else:
            _update(row, shapes.merge(_data(row, data.symbol), data), underlying)
    Snapshot.objects.bulk_create(fresh)
    return len(pending)


def _update(row: Snapshot, merged: SnapshotData, underlying: Instrument) -> None:
    values = _values(merged, ensure_layout(merged.layout, underlying))
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))


def read_snapshot(
    symbol: str,
    *,
    at: dt.datetime,
    source: str | None = None,
    run: FeedRun | int | None = None,
) -> SnapshotData | None:
    """Return the newest snapshot that was known at `at`, or None.

    `run` None means recorded data, of any source unless one is named.
    """
    row = _known(symbol, at, source, run).first()
    return None if row is None else _data(row, symbol)


def find_snapshot(
    symbol: str,
    *,
    at: dt.datetime,
    source: str | None = None,
    run: FeedRun | int | None = None,
) -> tuple[int, dt.datetime] | None:
    """Return the row's id and instant of what `read_snapshot` would read, without reading it."""
    found: tuple[int, dt.datetime] | None = (
        _known(symbol, at, source, run).values_list("pk", "time").first()
    )
    return found


def _known(
    symbol: str, at: dt.datetime, source: str | None, run: FeedRun | int | None
) -> QuerySet[Snapshot]:
    """Return the snapshots that were known at an instant, newest first."""
    rows = _rows(symbol, source=source, run=run).filter(time__lte=at, known_at__lte=at)
    return rows.order_by("-time", "-id")


def snapshot_digest(pk: int) -> str:
    """Return a digest of what a stored snapshot holds: a later import may add to it in place."""
    fields = (MD5("payload"), "layout_id", "known_at", "bid", "ask", "last")
    return repr(Snapshot.objects.filter(pk=pk).values_list(*fields).get())


def load_snapshot(pk: int) -> SnapshotData:
    """Return a stored snapshot by its row's id; Snapshot.DoesNotExist when there is none."""
    row = Snapshot.objects.select_related("underlying").get(pk=pk)
    return _data(row, row.underlying.symbol)


def snapshots_between(
    symbol: str,
    *,
    start: dt.datetime,
    end: dt.datetime,
    source: str | None = None,
    run: FeedRun | int | None = None,
    at: dt.datetime | None = None,
    whole_minutes: bool = False,
) -> Iterator[SnapshotData]:
    """Yield snapshots with start <= time <= end in order of time, a few in memory at once.

    `at` leaves out what was not known then, `whole_minutes` what lies between two minutes.
    """
    rows = _rows(symbol, source=source, run=run).filter(time__gte=start, time__lte=end)
    if at is not None:
        rows = rows.filter(known_at__lte=at)
    if whole_minutes:
        rows = rows.filter(time=TruncMinute("time"))
    for row in rows.order_by("time", "id").iterator(chunk_size=64):
        yield _data(row, symbol)


def forget_layouts() -> None:
    """Empty the cache, for a database that was made anew."""
    with _lock:
        _layouts.clear()


def ensure_layout(layout: Layout, underlying: Instrument) -> int:
    """Return the id of the stored layout, storing it the first time it is seen.

    With it come its contracts as instruments; a simulation's come and go too fast to be listed.
    """
    digest = packing.layout_digest(layout)
    found = ChainLayout.objects.filter(digest=digest).values_list("pk", flat=True).first()
    if found is not None:
        return found
    row, made = ChainLayout.objects.get_or_create(
        digest=digest,
        defaults={
            "underlying": underlying,
            "contracts": len(layout),
            "payload": packing.pack_layout(layout),
        },
    )
    if made and not underlying.simulated:
        ensure_options(layout, underlying)
    return row.pk


def load_layout(pk: int) -> Layout:
    """Return a stored layout; the newest few hundred stay in memory, for they never change."""
    with _lock:
        found = _layouts.get(pk)
    if found is not None:
        return found
    made = packing.unpack_layout(ChainLayout.objects.get(pk=pk).payload)
    with _lock:
        while len(_layouts) >= _CACHE_SIZE:
            _layouts.pop(next(iter(_layouts)))
        _layouts[pk] = made
    return made


def _rows(symbol: str, *, source: str | None, run: FeedRun | int | None) -> QuerySet[Snapshot]:
    rows = Snapshot.objects.filter(underlying__symbol=symbol, run=run)
    return rows if source is None else rows.filter(source=source)


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _values(data: SnapshotData, layout_id: int) -> dict[str, Any]:
    return {
        "known_at": from_ns(data.known_at),
        "layout_id": layout_id,
        "bid": _number(data.bid),
        "ask": _number(data.ask),
        "last": _number(data.last),
        "payload": packing.pack_columns(data.columns, data.scalars, data.layout.is_call),
        "rows": data.quoted(),
    }


def _data(row: Snapshot, symbol: str) -> SnapshotData:
    layout = load_layout(row.layout_id)
    columns, scalars = packing.unpack_columns(row.payload, layout.is_call)
    bid, ask, last = (np.nan if v is None else v for v in (row.bid, row.ask, row.last))
    data = SnapshotData(
        symbol, row.source, to_ns(row.time), to_ns(row.known_at), bid, ask, last, layout,
        columns, scalars,
    )  # fmt: skip
    return replace(data, id=row.pk)
