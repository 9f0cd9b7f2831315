"""Reads of market state, as the bodies that REST, sockets and pages share."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import redis
from django.db.models import Q
from django.utils import timezone

from market import calendars, occ
from market.clock import local_date, to_ns
from market.feed.control import ACTIVE, stored_days
from market.frames import Kind
from market.framestore import read_rows
from market.models import FeedRun, Instrument, Snapshot
from market.payloads import Payload, iso, number, numbers, run_payload, session_payload
from market.snapshot import SnapshotData
from market.store import find_snapshot, load_snapshot
from record.state import read_state

STALE_INTERVALS = 3.0
STALE_LEAST_S = 5.0
SERIES_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Located:
    """A snapshot and the run that it was seen in, if any."""

    data: SnapshotData
    run: FeedRun | None

    def head(self) -> Payload:
        """Return what every body of it says first."""
        return {
            "symbol": self.data.symbol,
            "run": None if self.run is None else self.run.pk,
            "source": self.data.source if self.run is None else self.run.source,
            "simulated": self.run is not None and self.run.simulated,
        }


def symbols() -> list[Payload]:
    """Return the underlyings that a feed has run for or that have recorded days."""
    live = {
        run.symbol: run
        for run in FeedRun.objects.exclude(state=FeedRun.State.REQUESTED).order_by("id")
    }
    seen = Snapshot.objects.values("underlying").distinct()
    found = Instrument.objects.filter(Q(pk__in=seen) | Q(symbol__in=live)).order_by("symbol")
    return [
        {
            "symbol": item.symbol,
            "name": item.name or item.symbol,
            "simulated": item.simulated,
            "live": item.symbol in live and live[item.symbol].state in ACTIVE,
            "run": live[item.symbol].pk if item.symbol in live else None,
        }
        for item in found
    ]


def newest_run(symbol: str) -> FeedRun | None:
    """Return the run of a symbol that is on, or else the last one that made rows."""
    runs = FeedRun.objects.filter(symbol=_underlying(symbol)).select_related("underlying")
    running = runs.filter(state__in=(FeedRun.State.RUNNING, FeedRun.State.PAUSED)).first()
    return running or runs.filter(rows__gt=0).first()


def _underlying(symbol: str) -> str:
    wanted = symbol.strip().upper()
    return (
        wanted
        if Instrument.objects.filter(symbol=wanted).exists()
        else (occ.rule(wanted).underlying if wanted else wanted)
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a snapshot is stored: its row, and the run that it was seen in, if any."""

    id: int
    run: FeedRun | None

    def load(self) -> Located:
        """Read the snapshot."""
        return Located(load_snapshot(self.id), self.run)


def place(symbol: str, at: dt.datetime | None = None) -> Place | None:
    """Find the newest snapshot of a symbol, or with `at` the newest that was known then.

    Without `at` it is the one of the newest run's last row; with it, recorded data comes first
    and a simulation's own snapshots after.
    """
    name = _underlying(symbol)
    run = newest_run(name)
    if at is not None:
        recorded = find_snapshot(name, at=at)
        if recorded is not None and local_date_of(recorded[1]) == local_date_of(at):
            return Place(recorded[0], None)
        if run is not None and run.simulated:
            seen = find_snapshot(name, at=at, run=run)
            return None if seen is None else Place(seen[0], run)
        return None if recorded is None else Place(recorded[0], None)
    if run is not None:
        row = run.frame_rows.filter(kind=Kind.INTRADAY.value).order_by("-time").first()
        if row is not None and row.snapshot_id is not None:
            return Place(row.snapshot_id, run)
    recorded = find_snapshot(name, at=timezone.now())
    return None if recorded is None else Place(recorded[0], None)


def locate(symbol: str, at: dt.datetime | None = None) -> Located | None:
    """Return the snapshot that `place` finds."""
    found = place(symbol, at)
    return None if found is None else found.load()


def local_date_of(at: dt.datetime) -> dt.date:
    """Return the New York date of an instant."""
    return local_date(to_ns(at))


def newest_state(channel: str, key: str) -> Payload | None:
    """Return what a feed published last, or None: nothing yet, or Redis is away."""
    try:
        held = read_state(channel)
    except redis.RedisError:
        return None
    found: Any = held.data.get(key)
    return found if isinstance(found, dict) else None


def quote_payload(symbol: str, at: dt.datetime | None = None) -> Payload | None:
    """Return a symbol's quote with its age, or None when nothing is known of the symbol."""
    name = _underlying(symbol)
    run = newest_run(name)
    live = None if at is not None else newest_state(f"quote:{name}", name)
    if live is not None and run is not None and live.get("run") == run.pk:
        return {**live, **_age(run)}
    found = locate(symbol, at)
    if found is None:
        return None
    session = calendars.session(local_date(found.data.time))
    body = {
        **found.head(),
        "name": found.data.symbol,
        "time": iso(found.data.known_at),
        "received": None,
        "bid": number(found.data.bid),
        "ask": number(found.data.ask),
        "last": number(found.data.spot),
        "prev_close": None,
        "change": None,
        "change_pct": None,
        "session": None if session is None else session_payload(session, found.data.known_at),
        "speed": None if run is None else run.speed,
        "paused": False,
    }
    return {**body, **(_age(run) if run is not None and at is None else {"age_s": None})}


def _age(run: FeedRun) -> Payload:
    """Return the age of a run's newest minute and whether that is too old for its speed."""
    age = None
    if run.heartbeat_at is not None:
        age = max(0.0, (timezone.now() - run.heartbeat_at).total_seconds())
    on = run.state == FeedRun.State.RUNNING
    expected = 60.0 / run.speed if run.speed else 1.0
    limit = max(STALE_LEAST_S, STALE_INTERVALS * expected)
    return {
        "age_s": age,
        "expected_s": expected if on else None,
        "stale": bool(on and age is not None and age > limit),
        "state": run.state,
    }


def exposure_state(symbol: str) -> Payload | None:
    """Return the exposure that the running feed published last, or None."""
    name = _underlying(symbol)
    found, run = newest_state(f"exposure:{name}", name), newest_run(name)
    return found if found and run is not None and found.get("run") == run.pk else None


def feed_payload() -> Payload:
    """Return the runs that are on, the last ones that ended, and the days that can be replayed."""
    on = FeedRun.objects.filter(state__in=ACTIVE)
    ended = FeedRun.objects.exclude(state__in=ACTIVE)[:12]
    return {
        "runs": [
            {**run_payload(run), **_age(run), "owner": run.requested_by} for run in (*on, *ended)
        ],
        "days": [{**day._asdict(), "date": day.date.isoformat()} for day in stored_days()],
    }


def price_series(run_id: int, session_date: dt.date | None = None) -> Payload:
    """Return the minute bars of one session of a run, newest session when none is named."""
    run = FeedRun.objects.get(pk=run_id)
    day = session_date or run.session_date
    rows = read_rows(run.pk, Kind.INTRADAY, session_date=day, newest=SERIES_MOST)
    columns = {
        name: numbers(rows.columns[name]) if name in rows.columns else [None] * len(rows)
        for name in ("open", "high", "low", "close", "volume")
    }
    return {
        "symbol": run.symbol,
        "run": run.pk,
        "simulated": run.simulated,
        "date": None if day is None else day.isoformat(),
        "time": [iso(int(at)) for at in rows.time.tolist()],
        **columns,
    }


SERIES = ("last", "gamma", "zero_gamma", "call_wall", "put_wall")


def exposure_series(symbol: str) -> Payload | None:
    """Return spot, levels and net gamma of the newest run's session, minute by minute."""
    run = newest_run(symbol)
    if run is None:
        return None
    rows = read_rows(run.pk, Kind.INTRADAY, session_date=run.session_date, newest=SERIES_MOST)
    names = {"last": "close"}
    return {
        "time": [iso(int(at)) for at in rows.time.tolist()],
        **{
            name: numbers(rows.columns[names.get(name, name)])
            if names.get(name, name) in rows.columns
            else [None] * len(rows)
            for name in SERIES
        },
    }
