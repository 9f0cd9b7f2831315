"""Which instants of a symbol are stored: for pages that go back in time."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from typing import Any

from django.db.models import Q
from django.db.models.functions import TruncMinute

from market import selectors
from market.clock import NEW_YORK
from market.feed.source import RECORDED_LIVE
from market.models import FeedRun, Snapshot
from market.payloads import Payload
from market.reach import Reach, Span

DAYS = 60
STEPS = (1, 15)
_DAY = dt.timedelta(days=1)
_LAST = dt.time(23, 59, 59)


def timeline(symbol: str, reach: Reach, at: dt.datetime | None) -> Payload | None:
    """Return the instants of one stored day with a chain, None when nothing within reach is.

    `at` chooses the day and the place on it; without it they are the newest ones. `back` and
    `ahead` are instants a few minutes away, None beyond the ends.
    """
    within = selectors.span_of(symbol, reach)
    rows = _stored(symbol, within)
    newest = rows.order_by("-known_at").values_list("known_at", flat=True).first()
    if newest is None:
        return None
    here = min(at or newest, newest)
    first = _midnight(here)
    known = rows.filter(known_at__gte=first, known_at__lt=first + _DAY)
    times = list(known.order_by("known_at").values_list("known_at", flat=True).distinct())
    if not times:
        before = rows.filter(known_at__lte=here).order_by("-known_at")
        found = before.values_list("known_at", flat=True).first()
        return timeline(symbol, reach, found)  # without one it is the newest
    place = max(0, bisect_right(times, here) - 1)
    return {
        "day": times[place].astimezone(NEW_YORK).date().isoformat(),
        "days": _days(rows, within),
        "times": [_text(time) for time in times],
        "place": place,
        "time": _text(times[place]),
        "back": [(step, _step(times, place - step)) for step in reversed(STEPS)],
        "ahead": [(step, _step(times, place + step)) for step in STEPS],
    }


def _stored(symbol: str, within: Span) -> Any:
    """Return the recorded snapshots with a chain, and those of the newest simulated run."""
    run = selectors.newest_run(symbol)
    own = Q(run=None)
    if run is not None and run.source == FeedRun.Source.SIMULATOR:
        own = Q(run=run)
    rows = Snapshot.objects.filter(own, underlying__symbol=symbol, rows__gt=0)
    # A live recording holds what lies between two minutes for a while: steps are of minutes.
    rows = rows.filter(~Q(source__in=RECORDED_LIVE) | Q(time=TruncMinute("time")))
    if within.latest is not None:
        rows = rows.filter(known_at__lte=within.latest)
    if within.earliest is not None:
        rows = rows.filter(known_at__gte=within.earliest)
    return rows


def _days(rows: Any, within: Span) -> list[tuple[str, str]]:
    """Return the newest stored days with an instant on each, newest first."""
    days = (
        rows.values_list("known_at__date", flat=True).order_by("-known_at__date").distinct()[:DAYS]
    )
    ends = ((day, dt.datetime.combine(day, _LAST, dt.UTC)) for day in days)
    return [(day.isoformat(), _text(within.until(end) or end)) for day, end in ends]


def _midnight(at: dt.datetime) -> dt.datetime:
    local = at.astimezone(NEW_YORK)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _step(times: list[dt.datetime], place: int) -> str | None:
    return _text(times[place]) if 0 <= place < len(times) else None


def _text(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
