"""Long work: started once, shown while it runs, cancelled when asked, resumed after a crash.

A job is claimed by a compare-and-set UPDATE that gives a lease and a fencing token. Whoever holds
an old token can change nothing: the next `progress`, `checkpoint` or `commit` raises LostLease.
A kind's function runs in slices: at a checkpoint after `slice_s` it is stopped and queued again,
so that no task runs for long and no queue is blocked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from record import audit, broker
from record.job_kinds import (
    LEASE_S,
    LIMIT_S,
    Cancelled,
    JobContext,
    Kind,
    LostLease,
    SliceOver,
    kind_named,
    register,
    unregister,
)
from record.job_rows import change, channel_of, payload, soon, tell
from record.models import Job

__all__ = [
    "Cancelled", "JobContext", "Kind", "LostLease", "SliceOver", "cancel", "cancel_by_operator",
    "channel_of", "payload", "prune", "register", "requeue", "run", "submit", "sweep",
    "unregister",
]  # fmt: skip

RUN_TASK: Final = "record.run_job"
MAX_CRASHES: Final = 5
"""Leases that a job may lose without progress before it fails."""
RESEND_S: Final = 15
LONGEST_RESEND_S: Final = 300
SOFT_SHARE: Final = 0.8
"""Part of the hard time limit after which a kind's function is told to stop."""
KEEP_DAYS: Final = 90

log = structlog.get_logger("pulse.jobs")
State = Job.State


class UnknownKindError(LookupError):
    """No kind of job has this name."""


@transaction.atomic
def submit(kind: str, *, args: Mapping[str, Any] | None = None, owner: int | None = None) -> Job:
    """Queue a job once the current transaction commits, and return it.

    Raises UnknownKindError for a kind that is not registered.
    """
    known = kind_named(kind)
    if known is None:
        raise UnknownKindError(f"no kind of job is named {kind}")
    job = Job.objects.create(
        kind=kind,
        owner=owner,
        args=dict(args or {}),
        queue=known.queue,
        send_at=timezone.now() + dt.timedelta(seconds=RESEND_S),
    )
    tell(job, "add")
    transaction.on_commit(partial(_send, job), robust=True)
    return job


def cancel(job_id: int) -> Job | None:
    """Cancel a queued job, or ask a running one to end; return it when that changed something."""
    ended = change(job_id, Q(state=State.QUEUED), state=State.CANCELLED, finished=Now(), sends=1)
    return ended or change(
        job_id, Q(state=State.RUNNING, cancel_requested=False), cancel_requested=True
    )


@transaction.atomic
def requeue(job_id: int, *, actor: str) -> bool:
    """Let a failed or cancelled job go on from its checkpoint, on an operator's word."""
    job = change(
        job_id,
        Q(state__in=(State.FAILED, State.CANCELLED)),
        state=State.QUEUED,
        cancel_requested=False,
        crashes=0,
        error="",
        finished=None,
        send_at=soon(RESEND_S),
    )
    if job is None:
        return False
    transaction.on_commit(partial(_send, job), robust=True)
    _audit(job, actor, "job.requeue")
    return True


@transaction.atomic
def cancel_by_operator(job_id: int, *, actor: str) -> bool:
    """Cancel anybody's job, on an operator's word; return whether that changed something."""
    job = cancel(job_id)
    if job is not None:
        _audit(job, actor, "job.cancel")
    return job is not None


def run(job_id: int) -> State | None:
    """Run a job for a slice; return the state in which it is left, or None when it is not ours."""
    claimed = _claim(job_id)
    if claimed is None:
        return None
    job, kind = claimed
    if kind is None:
        return _end(job, State.FAILED, error=f"no kind of job is named {job.kind}")
    try:
        return _run_slice(job, kind)
    except LostLease:
        log.warning("job_lost_lease", job=job.pk, token=job.token)
    except (OperationalError, InterfaceError):
        # The lease runs out, and the sweep lets the job go on.
        log.warning("job_lost_database", job=job.pk, exc_info=True)
    return None


def _run_slice(job: Job, kind: Kind) -> State | None:
    try:
        return _end(job, State.DONE, result=kind.run(JobContext(job, kind)))
    except Cancelled:
        return _end(job, State.CANCELLED)
    except SliceOver:
        return _go_on_later(job)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("job_failed", job=job.pk, kind=job.kind)
        return _end(job, State.FAILED, error=f"{type(error).__name__}: {error}"[:2000])


def sweep() -> int:
    """Free jobs whose worker died, then send what nobody began; return how many were sent."""
    lost = Q(state=State.RUNNING, leased_until__lte=Now())
    for job_id in Job.objects.filter(lost).values_list("pk", flat=True):
        _free(job_id, lost)
    sent = 0
    due = Q(state=State.QUEUED, send_at__lte=Now())
    for job in Job.objects.filter(due).order_by("send_at")[:500]:
        wait = min(RESEND_S << min(job.sends, 5), LONGEST_RESEND_S)
        if Job.objects.filter(due, pk=job.pk).update(sends=F("sends") + 1, send_at=soon(wait)):
            sent += _send(job)
    return sent


def prune(*, days: int = KEEP_DAYS) -> int:
    """Remove jobs that ended `days` ago."""
    old = timezone.now() - dt.timedelta(days=days)
    return Job.objects.filter(state__in=Job.FINAL, finished__lt=old).delete()[0]


def _claim(job_id: int) -> tuple[Job, Kind | None] | None:
    name = Job.objects.filter(pk=job_id).values_list("kind", flat=True).first()
    kind = None if name is None else kind_named(name)
    job = change(
        job_id,
        Q(state=State.QUEUED),
        state=State.RUNNING,
        token=F("token") + 1,
        started=Coalesce("started", Now()),
        leased_until=soon(LEASE_S if kind is None else kind.lease_s),
    )
    return None if job is None else (job, kind)


def _end(job: Job, state: State, **values: Any) -> State | None:
    ended = change(
        job.pk, _mine(job), state=state, finished=Now(), leased_until=None, crashes=0, **values
    )
    return None if ended is None else state


@transaction.atomic
def _go_on_later(job: Job) -> State | None:
    waits = change(
        job.pk,
        _mine(job),
        state=State.QUEUED,
        leased_until=None,
        sends=1,
        send_at=soon(RESEND_S),
    )
    if waits is None:
        return None
    transaction.on_commit(partial(_send, waits), robust=True)
    return State.QUEUED


def _free(job_id: int, lost: Q) -> Job | None:
    """Let a job whose lease ran out end as it was asked to, fail, or go on."""
    return (
        change(job_id, lost & Q(cancel_requested=True), state=State.CANCELLED, finished=Now())
        or change(
            job_id,
            lost & Q(crashes__gte=MAX_CRASHES),
            state=State.FAILED,
            error="the worker died each time that it ran this",
            finished=Now(),
        )
        or change(
            job_id, lost, state=State.QUEUED, crashes=F("crashes") + 1, sends=0, send_at=Now()
        )
    )


def _mine(job: Job) -> Q:
    """Return the condition under which this process still holds the job."""
    return Q(token=job.token, state=State.RUNNING)


def _send(job: Job) -> bool:
    kind = kind_named(job.kind)
    limit = LIMIT_S if kind is None else kind.limit_s
    try:
        broker.send(
            RUN_TASK,
            (job.pk,),
            queue=job.queue,
            time_limit=limit,
            soft_time_limit=limit * SOFT_SHARE,
        )
    except broker.BrokerAwayError as error:
        log.warning("job_not_sent", job=job.pk, error=str(error))
        return False
    return True


def _audit(job: Job, actor: str, action: str) -> None:
    audit.write(
        audit.OPERATORS,
        actor=actor,
        action=action,
        subject=f"job:{job.pk}",
        detail={"kind": job.kind, "owner": job.owner},
    )
