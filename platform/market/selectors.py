"""Reads of market state, as the bodies that REST, sockets and pages share."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import redis
from django.db.models import Q
from django.utils import timezone

from market import calendars, occ
from market.calendars import Session
from market.clock import local_date, to_ns
from market.feed.control import ACTIVE, stored_days
from market.frames import Kind
from market.framestore import Rows, read_rows
from market.models import FeedRun, Instrument, Snapshot
from market.payloads import Payload, iso, moment, number, numbers, run_payload, session_payload
from market.reach import WHOLE, Reach, Span, span
from market.snapshot import SnapshotData
from market.store import find_snapshot, load_snapshot
from record.state import read_state

STALE_INTERVALS = 3.0
STALE_LIVE = 1.5
"""Of a live market one minute that does not come is too many."""
STALE_LEAST_S = 5.0
SERIES_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Located:
    """A snapshot, the run that it was seen in, if any, and how far it is held back."""

    data: SnapshotData
    run: FeedRun | None
    delayed_s: int = 0

    def head(self) -> Payload:
        """Return what every body of it says first."""
        return {
            "symbol": self.data.symbol,
            "run": None if self.run is None else self.run.pk,
            "source": self.data.source if self.run is None else self.run.source,
            "simulated": self.run is not None and self.run.simulated,
            "delayed_s": self.delayed_s,
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


def span_of(symbol: str, reach: Reach, also: dt.datetime | None = None) -> Span:
    """Return the instants of a symbol that a reach leaves; `also` is stored of it, too."""
    name = _underlying(symbol)
    return _span(name, newest_run(name), reach, also)


def _span(name: str, run: FeedRun | None, reach: Reach, also: dt.datetime | None = None) -> Span:
    """Return what a reach leaves of an underlying whose newest run is `run`."""
    if reach == WHOLE:
        return Span()
    played = None
    if run is not None:
        minutes = run.frame_rows.filter(kind=Kind.INTRADAY.value).order_by("-time")
        played = minutes.values_list("known_at", flat=True).first()
    recorded = (
        Snapshot.objects.filter(underlying__symbol=name, run=None)
        .order_by("-time")
        .values_list("known_at", flat=True)
        .first()
    )
    # A replay that is over has no clock any more: what it played is a recorded day again. The live
    # market's clock is ours.
    live = run is not None and run.source == FeedRun.Source.LIVE
    plays = run is not None and not live and (run.simulated or run.state in ACTIVE)
    return span(
        reach,
        clock=played if plays and played is not None else timezone.now(),
        now=played or _newest_of(recorded, also),
        newest=_newest_of(played, recorded, also),
    )


def _newest_of(*instants: dt.datetime | None) -> dt.datetime | None:
    return max(filter(None, instants), default=None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a snapshot is stored: its row, and the run that it was seen in, if any.

    `delayed_s` is how far it stands behind the newest because newer ones are held back.
    """

    id: int
    run: FeedRun | None
    delayed_s: int = 0

    def load(self) -> Located:
        """Read the snapshot."""
        return Located(load_snapshot(self.id), self.run, self.delayed_s)


def place(symbol: str, reach: Reach, at: dt.datetime | None = None) -> Place | None:
    """Find the newest snapshot of a symbol within reach, or with `at` the newest known then.

    Without `at` it is the one of the newest run's last row; with it, recorded data comes first
    and a simulation's own snapshots after. Later than the reach's latest counts as without.

    Raises
    ------
    market.reach.HistoryError
        When `at` lies before the reach's earliest.
    """
    name = _underlying(symbol)
    run = newest_run(name)
    within = _span(name, run, reach)
    return _place(name, run, within, within.shown(at))


def newest_prices(symbol: str, reach: Reach, *, real: bool = False) -> Place | None:
    """Find the snapshot with a symbol's newest prices within reach: what orders are judged by.

    A live market has some between two minutes, which make no row. With `real` no run that plays
    another day or a simulation counts.
    """
    name = _underlying(symbol)
    run = newest_run(name)
    live = run is not None and run.source == FeedRun.Source.LIVE
    if real and not live:
        run = None
    return _newest(name, None if live else run, _span(name, run, reach))


def _place(name: str, run: FeedRun | None, within: Span, at: dt.datetime | None) -> Place | None:
    return _newest(name, run, within) if at is None else _known_at(name, run, at)


def _known_at(name: str, run: FeedRun | None, at: dt.datetime) -> Place | None:
    recorded = find_snapshot(name, at=at)
    if recorded is not None and local_date_of(recorded[1]) == local_date_of(at):
        return Place(recorded[0], None)
    if run is not None and run.simulated:
        seen = find_snapshot(name, at=at, run=run)
        return None if seen is None else Place(seen[0], run)
    return None if recorded is None else Place(recorded[0], None)


def _newest(name: str, run: FeedRun | None, within: Span) -> Place | None:
    if run is not None:
        rows = run.frame_rows.filter(kind=Kind.INTRADAY.value)
        if within.latest is not None:
            rows = rows.filter(known_at__lte=within.latest)
        row = rows.order_by("-time").first()
        if row is not None and row.snapshot_id is not None:
            return Place(row.snapshot_id, run, within.delay_s)
    recorded = find_snapshot(name, at=within.until(timezone.now()) or timezone.now())
    return None if recorded is None else Place(recorded[0], None, within.delay_s)


def locate(symbol: str, reach: Reach, at: dt.datetime | None = None) -> Located | None:
    """Return the snapshot that `place` finds."""
    found = place(symbol, reach, at)
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


def quote_payload(symbol: str, reach: Reach, at: dt.datetime | None = None) -> Payload | None:
    """Return a symbol's quote with its age, or None when nothing within reach is known of it."""
    name = _underlying(symbol)
    run = newest_run(name)
    told = newest_state(f"quote:{name}", name)
    if told is not None and (run is None or told.get("run") != run.pk):
        told = None
    within = _span(name, run, reach)
    at = within.shown(at)
    if told is not None and run is not None and at is None and not reach.delay_s:
        return {**told, **_age(run)}
    where = _place(name, run, within, at)
    if where is None:
        return None
    found = where.load()
    session = _session_of(name, found.data.known_at)
    body = {
        **found.head(),
        "name": found.data.symbol,
        "time": iso(found.data.known_at),
        "received": None,
        "bid": number(found.data.bid),
        "ask": number(found.data.ask),
        "last": number(found.data.spot),
        **_since_close(found, told),
        "session": None if session is None else session_payload(session, found.data.known_at),
        "speed": None if run is None else run.speed,
        "paused": at is None and run is not None and run.state == FeedRun.State.PAUSED,
    }
    return {**body, **(_age(run) if run is not None and at is None else {"age_s": None})}


def _session_of(symbol: str, at: int) -> Session | None:
    """Return the session of a minute, or of the day on which an instant falls."""
    exchange = calendars.exchange_of(symbol)
    found = calendars.session_at(at, exchange)
    return found or calendars.session(local_date(at), exchange)


def _since_close(found: Located, told: Payload | None) -> Payload:
    """Return the change since the prior close, where the feed told that close for the session."""
    session = (told or {}).get("session") or {}
    previous = (told or {}).get("prev_close")
    seen = _session_of(found.data.symbol, found.data.known_at)
    if not previous or seen is None or session.get("date") != seen.date.isoformat():
        return {"prev_close": None, "change": None, "change_pct": None}
    spot = number(found.data.spot)
    return {
        "prev_close": previous,
        "change": None if spot is None else spot - previous,
        "change_pct": None if spot is None else (spot / previous - 1) * 100,
    }


def _age(run: FeedRun) -> Payload:
    """Return the age of a run's newest minute and whether that is too old for its speed.

    A live minute's age counts from its end by the market: a process that was started anew, or
    makes up for what it missed, makes nothing younger.
    """
    live = run.source == FeedRun.Source.LIVE
    since = (run.position or run.started_at) if live else run.heartbeat_at
    age = None if since is None else max(0.0, (timezone.now() - since).total_seconds())
    on = run.state == FeedRun.State.RUNNING
    expected = 60.0 / run.speed if run.speed else 1.0
    limit = max(STALE_LEAST_S, (STALE_LIVE if live else STALE_INTERVALS) * expected)
    return {
        "age_s": age,
        "expected_s": expected if on else None,
        "stale": bool(on and age is not None and age > limit),
        "state": run.state,
    }


def exposure_state(symbol: str, reach: Reach) -> Payload | None:
    """Return the exposure that the running feed published last, or None: it has no delay."""
    if reach.delay_s:
        return None
    name = _underlying(symbol)
    found, run = newest_state(f"exposure:{name}", name), newest_run(name)
    return found if found and run is not None and found.get("run") == run.pk else None


def feed_payload(reach: Reach) -> Payload:
    """Return the runs that are on, the last ones that ended, and the days that can be replayed.

    No run's place is told beyond the reach's latest, and no day before its earliest.
    """
    on = FeedRun.objects.filter(state__in=ACTIVE)
    ended = FeedRun.objects.exclude(state__in=ACTIVE)[:12]
    days = stored_days()
    spans = {symbol: span_of(symbol, reach) for symbol in {day.symbol for day in days}}
    return {
        "runs": [
            {**_run(run, reach), **_age(run), "owner": run.requested_by} for run in (*on, *ended)
        ],
        "days": [
            {**day._asdict(), "date": day.date.isoformat()}
            for day in days
            if begins_within(spans[day.symbol], day.date)
        ],
    }


def begins_within(within: Span, day: dt.date) -> bool:
    """Return whether a day lies in what may be seen: the day on which the earliest falls counts."""
    return within.earliest is None or day >= local_date_of(within.earliest)


def _run(run: FeedRun, reach: Reach) -> Payload:
    if not reach.delay_s or run.position is None:
        return run_payload(run)
    seen = run.position - dt.timedelta(seconds=reach.delay_s)
    return {**run_payload(run), "position": moment(seen)}


def _rows(run: FeedRun, reach: Reach) -> tuple[dt.date | None, Rows]:
    """Return the newest session of a run within reach, with its minutes."""
    latest = _span(run.symbol, run, reach).latest
    day = run.session_date
    if latest is not None:
        minutes = run.frame_rows.filter(kind=Kind.INTRADAY.value, known_at__lte=latest)
        day = minutes.order_by("-time").values_list("session_date", flat=True).first()
    return day, read_rows(
        run.pk, Kind.INTRADAY, session_date=day, through=latest, newest=SERIES_MOST
    )


def price_series(run_id: int, reach: Reach) -> Payload:
    """Return the minute bars of a run's newest session within reach."""
    run = FeedRun.objects.get(pk=run_id)
    day, rows = _rows(run, reach)
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


def exposure_series(symbol: str, reach: Reach) -> Payload | None:
    """Return spot, levels and net gamma of the newest run's session, minute by minute."""
    run = newest_run(symbol)
    if run is None:
        return None
    _, rows = _rows(run, reach)
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
