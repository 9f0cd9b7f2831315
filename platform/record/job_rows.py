"""Changes of a job's row: by compare-and-set, each told to its owner in the same transaction."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from record import streams
from record.models import Job


def channel_of(owner: int) -> str:
    """Return the log channel on which an owner's jobs are told."""
    return f"jobs:{owner}"


def payload(job: Job) -> dict[str, Any]:
    """Return what the browser is told of a job; the result is read over REST."""
    return {
        "id": job.pk,
        "kind": job.kind,
        "state": job.state,
        "progress": job.progress or None,
        "cancel_requested": job.cancel_requested,
        "error": job.error or None,
        "created": _iso(job.created),
        "started": _iso(job.started),
        "finished": _iso(job.finished),
    }


@transaction.atomic
def change(job_id: int, where: Q, *, told: bool = True, **values: Any) -> Job | None:
    """Change a job if it is as `where` says and return it as it is then, else None."""
    if not Job.objects.filter(where, pk=job_id).update(**values):
        return None
    job = Job.objects.get(pk=job_id)
    if told:
        tell(job)
    return job


def tell(job: Job, op: str = "upd") -> None:
    """Append the job as it is now to its owner's channel; the platform's own jobs have none."""
    if job.owner is not None:
        streams.append(channel_of(job.owner), key=str(job.pk), data=payload(job), op=op)


def soon(seconds: float) -> Any:
    """Return an instant from now, on the database's clock."""
    return Now() + dt.timedelta(seconds=seconds)


def _iso(at: dt.datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
