"""The event calendar in the database: what was scheduled, as it was known at an instant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet

from market import events
from market.calendars import Session
from market.clock import from_ns, new_york, to_ns
from market.features.context import Release
from market.importers import fields
from market.importers.context import RefusedError, Reject
from market.importers.tables import Named, named_rows
from market.models import Event

_NEEDS = ("kind", "name", "symbol", "scheduled_at", "known_at")
_BATCH = 500
RELEASES = (Event.Kind.FOMC, Event.Kind.CPI, Event.Kind.PAYROLLS)
"""What the whole market waits for at a known minute."""
LOOK_AHEAD = dt.timedelta(days=60)


def events_between(
    start: dt.datetime,
    end: dt.datetime,
    *,
    at: dt.datetime,
    kinds: Iterable[str] | None = None,
    symbol: str = "",
) -> QuerySet[Event]:
    """Return the events scheduled from `start` to `end` as they were known at `at`, in order.

    An event that was cancelled later still stood then. With a symbol, its own events and those
    of the whole market.
    """
    found = Event.objects.filter(
        Q(cancelled_at__isnull=True) | Q(cancelled_at__gt=at),
        scheduled_at__gte=start,
        scheduled_at__lte=end,
        known_at__lte=at,
    )
    if kinds is not None:
        found = found.filter(kind__in=list(kinds))
    if symbol:
        found = found.filter(symbol__in=("", symbol))
    return found.order_by("scheduled_at", "kind", "symbol", "name")


def releases(session: Session) -> tuple[Release, ...] | None:
    """Return a session's scheduled releases as they were known at its open, in order of time.

    From midnight in New York to the close. None where the calendar has no release of that year,
    for then it says nothing of this day either.
    """
    midnight = new_york(session.date, dt.time())
    known = Event.objects.filter(kind__in=RELEASES, scheduled_at__year=session.date.year)
    if not known.exists():
        return None
    found = events_between(midnight, session.close, at=session.open, kinds=RELEASES)
    rows = found.values_list("scheduled_at", "kind")
    return tuple(Release(to_ns(when), kind == Event.Kind.FOMC) for when, kind in rows)


def decisions_ahead(at: dt.datetime) -> tuple[int, ...] | None:
    """Return the Fed decisions of the next weeks as known at an instant, ns UTC, in order.

    None where the calendar has no decision of that year.
    """
    known = Event.objects.filter(kind=Event.Kind.FOMC, scheduled_at__year=at.year)
    if not known.exists():
        return None
    found = events_between(at, at + LOOK_AHEAD, at=at, kinds=[Event.Kind.FOMC])
    return tuple(to_ns(when) for when in found.values_list("scheduled_at", flat=True))


def seed(first: int, last: int) -> int:
    """Store the rule-made events of the years; return how many were new."""
    rows = [
        Event(source=Event.Source.RULE, **event._asdict())
        for year in range(first, last + 1)
        for event in events.of_year(year)
    ]
    before = Event.objects.count()
    Event.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)
    return Event.objects.count() - before


class Imported(NamedTuple):
    """What became of a file of events."""

    new: int
    repeated: int
    superseded: int
    rejects: list[Reject]


class _Context:
    """The part of an importer's context that reading a table needs."""

    def __init__(self, path: Path) -> None:
        self.rejects: list[Reject] = []
        self._name = path.name

    def reject(self, line: int, error: RefusedError, *, file: str = "") -> None:
        """Keep a refusal."""
        value = error.value[:160]
        self.rejects.append(Reject(file or self._name, line, error.field, error.reason, value))

    def progress(self, done: int) -> None:
        """Nothing to show: such files are small."""


def import_csv(path: Path) -> Imported:
    """Store the events of a CSV file; bad rows are refused, the rest is kept."""
    context = _Context(path)
    try:
        rows = [
            event
            for row in named_rows(path, context, needs=_NEEDS)
            if (event := _read(row, context))
        ]
    except RefusedError as error:
        context.reject(0, error)
        rows = []
    new, superseded = _store(rows)
    return Imported(new, len(rows) - new, superseded, context.rejects)


def _read(row: Named, context: _Context) -> Event | None:
    try:
        return _event(row)
    except RefusedError as error:
        context.reject(row.line, error)
        return None


def _event(row: Named) -> Event:
    kind = row["kind"].strip().lower()
    if kind not in Event.Kind.values:
        raise RefusedError("kind", f"is none of {', '.join(Event.Kind.values)}", row["kind"])
    name, symbol = row["name"].strip(), row["symbol"].strip().upper()
    if not name or len(name) > 80 or len(symbol) > 32:
        raise RefusedError("name", "is empty or too long", row["name"])
    scheduled = fields.instant(row["scheduled_at"], "scheduled_at")
    known = fields.instant(row["known_at"], "known_at")
    if known > scheduled:
        raise RefusedError("known_at", "is after the event", row["known_at"])
    return Event(
        kind=kind,
        name=name,
        symbol=symbol,
        scheduled_at=from_ns(scheduled),
        known_at=from_ns(known),
        source=Event.Source.CSV,
    )


@transaction.atomic
def _store(rows: Sequence[Event]) -> tuple[int, int]:
    new = superseded = 0
    for event in rows:
        row, made = Event.objects.get_or_create(
            kind=event.kind,
            name=event.name,
            symbol=event.symbol,
            scheduled_at=event.scheduled_at,
            defaults={"known_at": event.known_at, "source": event.source},
        )
        new += made
        superseded += sum(_supersede(row)) if made else 0
    return new, superseded


def _supersede(event: Event) -> Iterator[int]:
    """Cancel what a rule had guessed for the same month, from when the true date was known."""
    at = event.scheduled_at
    guesses = Event.objects.filter(
        kind=event.kind,
        symbol=event.symbol,
        source=Event.Source.RULE,
        scheduled_at__year=at.year,
        scheduled_at__month=at.month,
        cancelled_at__isnull=True,
    ).exclude(kind=Event.Kind.EXPIRY)
    for guess in guesses:
        guess.cancelled_at = max(event.known_at, guess.known_at)
        guess.save(update_fields=["cancelled_at"])
        yield 1
