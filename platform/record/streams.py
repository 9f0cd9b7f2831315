"""Log channels: every event in PostgreSQL, numbered without a hole, hinted after the commit.

A number is allocated under the row lock of its stream, in the transaction that makes the event
true. So numbers appear in order: whoever reads `seq > last seen` misses nothing.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from django.db import connection, transaction
from django.db.models import F

from record import hints
from record.fields import StrictEncoder
from record.hints import Head
from record.models import Epoch, Stream, StreamEvent

MAX_READ: Final = 10_000
_ALLOCATE = """
    INSERT INTO record_stream AS s (channel, head, pruned) VALUES (%s, %s, 0)
    ON CONFLICT (channel) DO UPDATE SET head = s.head + EXCLUDED.head
    RETURNING id, head, pruned, (SELECT value FROM record_epoch WHERE id = 1)
"""

_APPEND = """
    WITH s AS (
        INSERT INTO record_stream AS s (channel, head, pruned) VALUES (%s, 1, 0)
        ON CONFLICT (channel) DO UPDATE SET head = s.head + 1
        RETURNING id, head, pruned
    )
    INSERT INTO record_streamevent (stream_id, seq, op, key, data)
    SELECT id, head, %s, %s, %s::jsonb FROM s
    RETURNING seq, (SELECT pruned FROM s), (SELECT value FROM record_epoch WHERE id = 1)
"""


class HistoryGone(Exception):  # noqa: N818 - read as "except HistoryGone"
    """Events that follow the given number were removed by retention: take a snapshot."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append; `key` names the thing that it is about."""

    channel: str
    key: str
    data: Any
    op: str = StreamEvent.Op.ADD


class Event(NamedTuple):
    """An event as it was stored."""

    seq: int
    op: str
    key: str
    data: Any
    created: dt.datetime


class Appending(NamedTuple):
    """One event as a statement that can go to the database with others of its transaction."""

    channel: str
    sql: str
    params: tuple[Any, ...]


def appended(made: Sequence[Appending], rows: Sequence[Sequence[Any]]) -> list[int]:
    """Take the row that each statement returned: hint after the commit, return the numbers."""
    heads: dict[str, Head] = {}
    for one, (seq, pruned, known) in zip(made, rows, strict=True):
        heads[one.channel] = Head(known or epoch(), seq, pruned)
    if heads:
        transaction.on_commit(partial(hints.publish, heads), robust=True)
    return [int(row[0]) for row in rows]


def appending(event: NewEvent) -> Appending:
    """Return the statement that appends an event in the current transaction.

    Several of them go in the order of their channels, as `append_many` does it.

    Raises
    ------
    TransactionManagementError
        Outside a transaction.
    ValueError
        When data holds what JSON cannot.
    """
    _needs_transaction()
    params = (event.channel, event.op, event.key, StrictEncoder().encode(event.data))
    return Appending(event.channel, _APPEND, params)


def append(channel: str, *, key: str, data: Any, op: str = "add") -> int:
    """Append one event in the current transaction and return its number."""
    made = appending(NewEvent(channel, key, data, op))
    with connection.cursor() as cursor:
        cursor.execute(made.sql, made.params)
        return appended([made], [cursor.fetchone()])[0]


def append_many(events: Sequence[NewEvent]) -> list[int]:
    """Append events, of any channels, in the current transaction; return their numbers.

    Streams are locked in the order of their names until the transaction ends. A transaction that
    appends to several channels does it with one call, or in that order, so that two of them
    cannot wait for each other.

    Raises
    ------
    TransactionManagementError
        Outside a transaction: the event would be true before its cause is.
    ValueError
        When data holds what JSON cannot (NaN, say).
    """
    _needs_transaction()
    places: dict[str, list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        places[event.channel].append(place)
    numbers = [0] * len(events)
    rows: list[StreamEvent] = []
    heads: dict[str, Head] = {}
    for channel in sorted(places):
        stream_id, heads[channel] = _allocate(channel, len(places[channel]))
        first = heads[channel].seq - len(places[channel]) + 1
        for number, place in enumerate(places[channel], first):
            event = events[place]
            numbers[place] = number
            rows.append(
                StreamEvent(
                    stream_id=stream_id, seq=number, op=event.op, key=event.key, data=event.data
                )
            )
    StreamEvent.objects.bulk_create(rows)
    if heads:
        transaction.on_commit(partial(hints.publish, heads), robust=True)
    return numbers


def _needs_transaction() -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("append needs the transaction of its cause")


def _allocate(channel: str, count: int) -> tuple[int, Head]:
    with connection.cursor() as cursor:
        cursor.execute(_ALLOCATE, [channel, count])
        stream_id, seq, pruned, known = cursor.fetchone()
    return stream_id, Head(known or epoch(), seq, pruned)


def epoch() -> str:
    """Return the epoch of all log channels, made when there is none yet."""
    value = Epoch.objects.filter(id=1).values_list("value", flat=True).first()
    if value is None:
        made = Epoch(id=1, value=secrets.token_hex(8))
        Epoch.objects.bulk_create([made], ignore_conflicts=True)
        value = Epoch.objects.values_list("value", flat=True).get(id=1)
    return value


@transaction.atomic
def new_epoch() -> str:
    """Declare that history was lost or restored: every client begins again from a snapshot."""
    value = secrets.token_hex(8)
    Epoch.objects.update_or_create(id=1, defaults={"value": value, "since": _now()})
    heads = {
        stream.channel: Head(value, stream.head, stream.pruned) for stream in Stream.objects.all()
    }
    transaction.on_commit(partial(hints.publish, heads), robust=True)
    return value


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def head(channel: str) -> Head:
    """Return where a channel stands; one that nobody wrote to stands at 0."""
    return heads([channel])[channel]


def heads(channels: Iterable[str]) -> dict[str, Head]:
    """Return where each of the channels stands, in one look."""
    value = epoch()
    found = {name: Head(value, 0) for name in channels}
    rows = Stream.objects.filter(channel__in=found)
    for name, seq, pruned in rows.values_list("channel", "head", "pruned"):
        found[name] = Head(value, seq, pruned)
    return found


def read_after(channel: str, seq: int, limit: int = MAX_READ) -> list[Event]:
    """Return up to `limit` events with numbers above `seq`, oldest first, without a hole.

    Raises
    ------
    HistoryGone
        When retention removed the event after `seq`.
    """
    rows = StreamEvent.objects.filter(stream__channel=channel, seq__gt=seq).order_by("seq")[:limit]
    events = [Event(*row) for row in rows.values_list("seq", "op", "key", "data", "created")]
    gone = events[0].seq != seq + 1 if events else head(channel).pruned > seq
    if gone:
        raise HistoryGone(f"{channel}: events after {seq} are no longer kept")
    return events


def prune(*, days: int = 7, keep: int = 100_000, batch: int = 5_000) -> int:
    """Remove what is older than `days` or beyond the newest `keep` of its stream."""
    oldest = _now() - dt.timedelta(days=days)
    removed = 0
    for stream in Stream.objects.filter(head__gt=F("pruned")):
        young = stream.events.filter(created__gte=oldest).order_by("seq")
        first_young = young.values_list("seq", flat=True).first() or stream.head + 1
        through = max(stream.head - keep, first_young - 1)
        for last in range(stream.pruned + batch, through + batch, batch):
            removed += _remove_through(stream.pk, min(last, through))
    return removed


@transaction.atomic
def _remove_through(stream_id: int, last: int) -> int:
    """Remove events up to `last`, noting it in the same transaction."""
    Stream.objects.filter(pk=stream_id, pruned__lt=last).update(pruned=last)
    removed, _ = StreamEvent.objects.filter(stream_id=stream_id, seq__lte=last).delete()
    return removed
