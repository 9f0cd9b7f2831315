"""Which instants of a symbol are stored: for pages that go back in time."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from typing import Any

from django.db.models import Q

from market import selectors
from market.clock import NEW_YORK
from market.models import FeedRun, Snapshot
from market.payloads import Payload

DAYS = 60
STEPS = (1, 15)
_DAY = dt.timedelta(days=1)


def timeline(symbol: str, at: dt.datetime | None) -> Payload | None:
    """Return the instants of one stored day with a chain, None when nothing is stored.

    `at` chooses the day and the place on it; without it they are the newest ones. `back` and
    `ahead` are instants a few minutes away, None beyond the ends.
    """
    rows = _stored(symbol)
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
        return timeline(symbol, found) if found is not None else timeline(symbol, None)
    place = max(0, bisect_right(times, here) - 1)
    return {
        "day": times[place].astimezone(NEW_YORK).date().isoformat(),
        "days": _days(symbol),
        "times": [_text(time) for time in times],
        "place": place,
        "time": _text(times[place]),
        "back": [(step, _step(times, place - step)) for step in reversed(STEPS)],
        "ahead": [(step, _step(times, place + step)) for step in STEPS],
    }


def _stored(symbol: str) -> Any:
    """Return the recorded snapshots with a chain, and those of the newest simulated run."""
    run = selectors.newest_run(symbol)
    own = Q(run=None)
    if run is not None and run.source == FeedRun.Source.SIMULATOR:
        own = Q(run=run)
    return Snapshot.objects.filter(own, underlying__symbol=symbol, rows__gt=0)


def _days(symbol: str) -> list[tuple[str, str]]:
    """Return the newest stored days with an instant on each, newest first."""
    days = (
        _stored(symbol)
        .values_list("known_at__date", flat=True)
        .order_by("-known_at__date")
        .distinct()[:DAYS]
    )
    return [(day.isoformat(), f"{day.isoformat()}T23:59:59Z") for day in days]


def _midnight(at: dt.datetime) -> dt.datetime:
    local = at.astimezone(NEW_YORK)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _step(times: list[dt.datetime], place: int) -> str | None:
    return _text(times[place]) if 0 <= place < len(times) else None


def _text(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
