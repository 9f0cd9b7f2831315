"""Celery tasks of the record floor, and the base class of every task in the house."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Task, shared_task

from record import heartbeat, jobs, outbox, remote, retention, slots
from record.access import CLOSED, SYSTEM, NotEntitledError, task_refusal

log = structlog.get_logger("pulse.tasks")


class PulseTask(Task):  # type: ignore[type-arg]
    """Base of all tasks.

    `entitlement` names what the task needs and must be declared: `system` means the platform
    itself. `atomic` says how the outbox runs it: inside the transaction that marks its row done,
    or under a lease.
    """

    abstract = True
    entitlement: str | None = None
    atomic: bool = True

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Log the failure with the arguments' ids; the outbox keeps what must be retried."""
        log.error("task_failed", task=self.name, task_id=task_id, args=args, error=str(exc))


class UserTask(PulseTask):
    """Base of tasks for a person: `user_id` is a keyword argument, checked when the work starts.

    The check is made in the worker because a plan can end while the task waits in its queue.
    """

    abstract = True

    def __call__(self, *args: Any, user_id: int, **kwargs: Any) -> Any:
        """Run the task for a user who has its entitlement; raise NotEntitledError otherwise."""
        refused = CLOSED if self.entitlement is None else task_refusal(user_id, self.entitlement)
        if refused is not None:
            raise NotEntitledError(f"{self.name} for user {user_id}: {refused}")
        return super().__call__(*args, user_id=user_id, **kwargs)


@shared_task(name="record.run_outbox", base=PulseTask, entitlement=SYSTEM)
def run_outbox(row_id: int) -> None:
    """Run one row of the outbox. A repeat is harmless."""
    outbox.run(row_id)


@shared_task(name="record.sweep_outbox", base=PulseTask, entitlement=SYSTEM, expires=30)
def sweep_outbox() -> None:
    """Send the rows again that nobody finished in time."""
    outbox.sweep()


@shared_task(name="record.prune", base=PulseTask, entitlement=SYSTEM, expires=600)
def prune() -> None:
    """Remove what has outlived its retention."""
    retention.prune()


@shared_task(name="record.answer", base=PulseTask, entitlement=SYSTEM)
def answer(
    call_id: str, task: str, args: list[Any], user_id: int | None, has_body: bool = False
) -> None:
    """Run a task for a request that waits for its result."""
    remote.answer(call_id, task, args, user_id, has_body)


@shared_task(name="record.run_job", base=PulseTask, entitlement=SYSTEM, acks_late=False)
def run_job(job_id: int) -> None:
    """Run a slice of a job. Its row says where it stands, so the message is spent at once."""
    jobs.run(job_id)


@shared_task(name="record.sweep_jobs", base=PulseTask, entitlement=SYSTEM, expires=30)
def sweep_jobs() -> None:
    """Let jobs go on whose worker died, and send what nobody began."""
    jobs.sweep()


@shared_task(name="record.keep_slots", base=PulseTask, entitlement=SYSTEM, expires=10)
def keep_slots() -> None:
    """Promise the scheduled work that is due. A repeat promises nothing new."""
    slots.promise_all()


@shared_task(name="record.heartbeat", base=PulseTask, entitlement=SYSTEM, expires=14)
def beat() -> None:
    """Note that beat is alive, and probe a worker of each queue."""
    heartbeat.beat()


@shared_task(name="record.probe", base=PulseTask, entitlement=SYSTEM, expires=14)
def probe(queue: str) -> None:
    """Note that a worker of a queue completes tasks: one that merely listens may be deaf."""
    heartbeat.mark(heartbeat.of_queue(queue))
