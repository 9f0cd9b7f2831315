"""What others read of the record: a person's jobs, and how the platform's work stands."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from record.job_rows import payload
from record.models import Job, OutboxRow

SHOWN = 50
"""Jobs of a person that a snapshot of the channel holds."""


def jobs_of(owner: int | None) -> QuerySet[Job]:
    """Return a person's jobs, newest first. Never anybody else's, never the platform's."""
    mine = Job.objects.none() if owner is None else Job.objects.filter(owner=owner)
    return mine.order_by("-id")


def jobs_snapshot(channel: str) -> dict[str, dict[str, Any]]:
    """Return the newest jobs of the owner whose channel it is, by key."""
    owner = channel.partition(":")[2]
    if not owner.isdecimal():
        return {}
    return {str(job.pk): payload(job) for job in jobs_of(int(owner))[:SHOWN]}


def outbox_state() -> dict[str, Any]:
    """Return how much waits, since when, and how much failed."""
    counted = OutboxRow.objects.aggregate(
        pending=Count("pk", filter=Q(state=OutboxRow.State.PENDING)),
        failed=Count("pk", filter=Q(state=OutboxRow.State.FAILED)),
        oldest=Min("created", filter=Q(state=OutboxRow.State.PENDING)),
    )
    return {
        "pending": counted["pending"],
        "failed": counted["failed"],
        "oldest_s": _age(counted["oldest"]),
    }


def jobs_state() -> dict[str, int]:
    """Return how many jobs there are in each state."""
    found = Job.objects.order_by().values_list("state").annotate(count=Count("pk"))
    return {state.value: 0 for state in Job.State} | dict(found)


def _age(since: Any) -> float | None:
    return None if since is None else max(0.0, (timezone.now() - since).total_seconds())
