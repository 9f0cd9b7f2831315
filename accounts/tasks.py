"""The one gate of Celery work that is done on behalf of a person."""

from __future__ import annotations

from typing import Any

from accounts.entitlements import allows
from accounts.models import User
from record.tasks import PulseTask


class NotEntitledError(PermissionError):
    """The person for whom a task should run may not have it done (any more)."""


class UserTask(PulseTask):
    """Base of tasks for a person: `user_id` is a keyword argument, checked when the work starts.

    The check is made in the worker because a plan can end while the task waits in its queue.
    """

    abstract = True

    def __call__(self, *args: Any, user_id: int, **kwargs: Any) -> Any:
        """Run the task for a user who has its entitlement; raise NotEntitledError otherwise."""
        user = User.objects.filter(pk=user_id).first()
        decision = allows(user, self.entitlement)
        if not decision.allowed:
            raise NotEntitledError(f"{self.name} for user {user_id}: {decision.reason}")
        return super().__call__(*args, user_id=user_id, **kwargs)
