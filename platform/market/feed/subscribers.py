"""Who wants to know of new frame rows: tasks of the floors above, registered by name."""

from __future__ import annotations

from record.outbox import enqueue

_tasks: list[str] = []


def subscribe(task: str) -> None:
    """Let the Celery task `task(run_id, arrived)` run after rows were stored; once per name."""
    if task not in _tasks:
        _tasks.append(task)


def rows_stored(run_id: int, *, arrived: float) -> None:
    """Queue the subscribers in the transaction that stores the rows.

    `arrived` is when the snapshot reached the feed, in seconds since the epoch.
    """
    for task in _tasks:
        enqueue(task, run_id, arrived)
