"""The outbox: work promised in the transaction of its cause and done at least once after it.

`enqueue` writes a row; after the commit a Celery message says "row 17". Whoever hears it claims
the row and runs the named task with the row's arguments. The message may be lost or repeated:
rows that nobody finished are sent again by the sweep, and rows that are done are left alone.

A task whose `atomic` is true (the default) runs inside the transaction that marks its row done:
its effects in the database happen exactly once. One with `atomic = False` (it calls somebody
else, say) runs under a lease and may, after a crash, run again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from record import audit, broker
from record.models import OutboxRow

RUN_TASK: Final = "record.run_outbox"
MAX_ATTEMPTS: Final = 8
FIRST_WAIT_S: Final = 5
LONGEST_WAIT_S: Final = 300
LEASE_S: Final = 90
"""Longer than the hard time limit of any task that runs under a lease."""
SWEEP_BATCH: Final = 500

log = structlog.get_logger("pulse.outbox")
State = OutboxRow.State

_CLAIM = """
    UPDATE record_outboxrow
    SET attempts = attempts + 1,
        send_at = now() + %s * interval '1 second',
        leased_until = CASE WHEN %s THEN now() + %s * interval '1 second' END
    WHERE id = (
        SELECT id FROM record_outboxrow
        WHERE id = %s AND state = 'pending' AND (leased_until IS NULL OR leased_until <= now())
        FOR UPDATE SKIP LOCKED
    )
    RETURNING attempts
"""
_SWEEP = """
    UPDATE record_outboxrow
    SET sends = LEAST(sends + 1, 1000),
        send_at = now() + LEAST(%s * power(2, LEAST(sends, 10)), %s) * interval '1 second'
    WHERE id IN (
        SELECT id FROM record_outboxrow
        WHERE state = 'pending' AND send_at <= now()
        ORDER BY send_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    RETURNING id, queue
"""


class Unretryable(Exception):  # noqa: N818 - read as "raise Unretryable"
    """Raised by a task for work that no repetition can do: the row fails at once."""


class Outcome(StrEnum):
    """What came of running a row."""

    DONE = "done"
    LEFT_ALONE = "left alone"
    WILL_RETRY = "will retry"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class _Claim:
    row: OutboxRow
    run: Callable[..., Any]
    attempt: int
    atomic: bool


def enqueue(task: str, *args: Any, queue: str | None = None, key: str | None = None) -> int:
    """Promise to run `task(*args)` once the current transaction commits; return the row's id.

    Arguments are JSON: ids, not objects. A second call with the same `key` promises nothing new
    and returns the first row, for as long as that row is kept.

    Raises
    ------
    TransactionManagementError
        Outside a transaction.
    UnknownTaskError
        For a task that does not exist.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("enqueue needs the transaction of its cause")
    found = broker.task_named(task)
    promised = {
        "task": task,
        "args": list(args),
        "queue": queue or broker.queue_of(found),
        "send_at": timezone.now() + dt.timedelta(seconds=FIRST_WAIT_S),
    }
    if key is None:
        row, new = OutboxRow.objects.create(**promised), True
    else:
        row, new = OutboxRow.objects.get_or_create(key=key, defaults=promised)
    if new:
        transaction.on_commit(partial(_send, row.pk, row.queue), robust=True)
    return row.pk


def run(row_id: int) -> Outcome:
    """Run a row's task unless it is done, or somebody is at it; keep what fails."""
    claim = _claim(row_id)
    if claim is None:
        return Outcome.LEFT_ALONE
    if claim.attempt > MAX_ATTEMPTS:
        return _fail(claim, "the worker died each time that it ran this")
    try:
        done = _run_atomically(claim) if claim.atomic else _run_leased(claim)
    except Unretryable as error:
        return _fail(claim, str(error) or "cannot be done")
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        log.warning("outbox_attempt_failed", row=row_id, task=claim.row.task, exc_info=True)
        return _fail(claim, text) if claim.attempt >= MAX_ATTEMPTS else _retry(claim, text)
    return Outcome.DONE if done else Outcome.LEFT_ALONE


def sweep() -> int:
    """Send the rows again that nobody finished in time; return how many were sent."""
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, [FIRST_WAIT_S, LONGEST_WAIT_S, SWEEP_BATCH])
        due = cursor.fetchall()
    sent = 0
    for row_id, queue in due:
        if not _send(row_id, queue):
            break
        sent += 1
    if sent < len(due):
        unsent = [row_id for row_id, _ in due[sent:]]
        _pending(unsent).update(send_at=_in(FIRST_WAIT_S))
    return sent


def prune(*, days: int = 3) -> int:
    """Remove rows that were done `days` ago; what failed stays until an operator handles it."""
    old = timezone.now() - dt.timedelta(days=days)
    handled = OutboxRow.objects.filter(state__in=(State.DONE, State.DISCARDED), finished__lt=old)
    return handled.delete()[0]


def replay(row_id: int, *, actor: str) -> bool:
    """Let a failed row run again from its first attempt; return whether it had failed."""
    with transaction.atomic():
        changed = OutboxRow.objects.filter(pk=row_id, state=State.FAILED).update(
            state=State.PENDING, attempts=0, sends=1, send_at=_in(FIRST_WAIT_S), finished=None
        )
        if changed:
            row = OutboxRow.objects.get(pk=row_id)
            _audit(row, actor, "outbox.replay")
            transaction.on_commit(partial(_send, row.pk, row.queue), robust=True)
    return bool(changed)


def discard(row_id: int, *, actor: str) -> bool:
    """Give a failed row up, on an operator's word; return whether it had failed."""
    with transaction.atomic():
        changed = OutboxRow.objects.filter(pk=row_id, state=State.FAILED).update(
            state=State.DISCARDED, finished=timezone.now()
        )
        if changed:
            _audit(OutboxRow.objects.get(pk=row_id), actor, "outbox.discard")
    return bool(changed)


def _audit(row: OutboxRow, actor: str, action: str) -> None:
    audit.write(
        audit.OPERATORS,
        actor=actor,
        action=action,
        subject=f"outbox:{row.pk}",
        detail={"task": row.task, "error": row.error[:500]},
    )


def _send(row_id: int, queue: str) -> bool:
    try:
        broker.send(RUN_TASK, (row_id,), queue=queue)
    except broker.BrokerAwayError as error:
        log.warning("outbox_not_sent", row=row_id, error=str(error))
        return False
    return True


def _claim(row_id: int) -> _Claim | None:
    row = OutboxRow.objects.filter(pk=row_id, state=State.PENDING).first()
    if row is None:
        return None
    try:
        task = broker.task_named(row.task)
        run, atomic = task.run, getattr(task, "atomic", True)
    except broker.UnknownTaskError as error:
        run, atomic = partial(_raise, error), True
    with connection.cursor() as cursor:
        wait = _wait(row.attempts + 1) if atomic else LEASE_S
        cursor.execute(_CLAIM, [wait, not atomic, LEASE_S, row_id])
        found = cursor.fetchone()
    return None if found is None else _Claim(row, run, found[0], atomic)


def _raise(error: Exception, *_: Any) -> None:
    raise error


def _run_atomically(claim: _Claim) -> bool:
    with transaction.atomic():
        mine = _pending([claim.row.pk]).filter(attempts=claim.attempt)
        if mine.select_for_update(skip_locked=True).first() is None:
            return False  # a later claim came in between; the work is its
        claim.run(*claim.row.args)
        mine.update(state=State.DONE, finished=Now(), error="")
    return True


def _run_leased(claim: _Claim) -> bool:
    claim.run(*claim.row.args)
    # Done is done, whichever attempt it was.
    _pending([claim.row.pk]).update(state=State.DONE, finished=Now(), error="", leased_until=None)
    return True


def _retry(claim: _Claim, error: str) -> Outcome:
    _pending([claim.row.pk]).filter(attempts=claim.attempt).update(
        error=error[:2000], send_at=_in(_wait(claim.attempt)), leased_until=None
    )
    return Outcome.WILL_RETRY


def _fail(claim: _Claim, error: str) -> Outcome:
    _pending([claim.row.pk]).filter(attempts=claim.attempt).update(
        state=State.FAILED, error=error[:2000], finished=Now(), leased_until=None
    )
    log.error("outbox_failed", row=claim.row.pk, task=claim.row.task, error=error)
    return Outcome.FAILED


def _pending(row_ids: Sequence[int]) -> QuerySet[OutboxRow]:
    return OutboxRow.objects.filter(pk__in=row_ids, state=State.PENDING)


def _wait(attempt: int) -> int:
    return min(FIRST_WAIT_S << min(attempt - 1, 10), LONGEST_WAIT_S)


def _in(seconds: float) -> Any:
    return Now() + dt.timedelta(seconds=seconds)
