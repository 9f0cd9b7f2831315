"""Sessions that runs have watched to their end: the ground that scorecards stand on."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator

import numpy as np
from django.db.models import QuerySet

from market.clock import to_ns
from market.frames import FloatArray, Kind
from market.framestore import Rows, read_rows
from market.models import FeedRun, FrameRow
from tools_app.baserate import Windows, base_of, windows
from tools_app.following import ENDED
from tools_app.models import Outcome, Watched
from tools_app.registry import catalogue

PLACE_IN_WORLD = ("first", "warm")
"""Parameters of a simulated run that say where in its market it begins, not which one it is."""


def watch(run: FeedRun, kind: Kind) -> list[Watched]:
    """Store the sessions of a run that are over and were not stored yet; return those."""
    found = list(_intraday(run) if kind is Kind.INTRADAY else _daily(run))
    return Watched.objects.bulk_create(found, ignore_conflicts=True)


def horizons(kind: Kind) -> list[int]:
    """Return the horizons of the tools of a kind, in rows."""
    return sorted({tool.horizon for tool in catalogue() if tool.kind is kind})


def world_of(run: FeedRun) -> str:
    """Return which market a run saw: the real one is blank, a simulated one what made it."""
    if run.source != FeedRun.Source.SIMULATOR:
        return ""
    made = {name: run.params[name] for name in sorted(run.params) if name not in PLACE_IN_WORLD}
    return hashlib.sha256(json.dumps([run.symbol, made], sort_keys=True).encode()).hexdigest()


def _intraday(run: FeedRun) -> Iterator[Watched]:
    known = set(_stored(run, Kind.INTRADAY).values_list("session_date", flat=True).distinct())
    rows = FrameRow.objects.filter(run=run, kind=Kind.INTRADAY.value)
    dates = list(rows.order_by("session_date").values_list("session_date", flat=True).distinct())
    waiting = set(_open(run, Kind.INTRADAY))
    for date in (date for date in dates if date not in known | waiting):
        if run.state in ENDED or date < dates[-1] or _closed(run, date):
            close = _close(read_rows(run.pk, Kind.INTRADAY, session_date=date))
            for horizon in horizons(Kind.INTRADAY):
                yield _watched(run, Kind.INTRADAY, date, horizon, windows(close, horizon))


def _daily(run: FeedRun) -> Iterator[Watched]:
    first = run.frame_rows.filter(kind=Kind.INTRADAY.value).order_by("time").first()
    if first is None:
        return
    known = set(_stored(run, Kind.DAILY).values_list("session_date", "horizon"))
    waiting = set(_open(run, Kind.DAILY))
    seen = read_rows(run.pk, Kind.DAILY)
    dates = list(
        FrameRow.objects.filter(run=run, kind=Kind.DAILY.value)
        .order_by("time")
        .values_list("session_date", flat=True)
    )[: len(seen)]
    since = int(np.searchsorted(seen.time, to_ns(first.time)))
    for horizon in horizons(Kind.DAILY):
        after = windows(_close(seen), horizon)
        for row in range(since, len(seen)):
            over = row + horizon < len(seen) or (run.state in ENDED and row + 1 < len(seen))
            if over and (dates[row], horizon) not in known and dates[row] not in waiting:
                here = Windows(*(part[row : row + 1] for part in after))
                yield _watched(run, Kind.DAILY, dates[row], horizon, here)


def _watched(run: FeedRun, kind: Kind, date: dt.date, horizon: int, found: Windows) -> Watched:
    return Watched(
        run=run,
        kind=kind.value,
        session_date=date,
        horizon=horizon,
        world=world_of(run),
        **base_of(found)._asdict(),
    )


def _stored(run: FeedRun, kind: Kind) -> QuerySet[Watched]:
    return Watched.objects.filter(run=run, kind=kind.value)


def _open(run: FeedRun, kind: Kind) -> Iterator[dt.date]:
    """Yield the sessions with a signal that is not followed to its end yet."""
    query = Outcome.objects.filter(signal__run=run, kind=kind.value, done=False)
    yield from query.values_list("session_date", flat=True)


def _closed(run: FeedRun, date: dt.date) -> bool:
    """Return whether the session's last row stands at its close."""
    last = read_rows(run.pk, Kind.INTRADAY, session_date=date, newest=1)
    left = last.columns.get("minutes_left")
    return left is not None and bool(left[-1] <= 0.0)


def _close(rows: Rows) -> FloatArray:
    return rows.columns.get("close", np.full(len(rows), np.nan))
