"""Celery tasks of the record floor, and the base class of every task in the house."""

from typing import Any

from celery import Task

from record.access import SYSTEM


class PulseTask(Task):  # type: ignore[type-arg]
    """Base of all tasks: names the entitlement it needs; `system` means the platform itself."""

    abstract = True
    entitlement: str = SYSTEM

    def on_failure(
        self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        """Log the failure with the arguments' ids; the outbox keeps what must be retried."""
        import structlog

        structlog.get_logger("pulse.tasks").error(
            "task_failed", task=self.name, task_id=task_id, args=args, error=str(exc)
        )
