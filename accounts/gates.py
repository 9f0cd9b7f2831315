"""The gates of the live channels and of work done for a person."""

from __future__ import annotations

from typing import Any

from accounts.entitlements import Decision, allows
from accounts.models import User


def topic_gate(user: Any, entitlement: str, channel: str) -> Decision:
    """Return whether `user` may hear a channel of a topic that declares `entitlement`."""
    return allows(user, entitlement)


def task_gate(user_id: int, entitlement: str) -> str | None:
    """Return why a user may not have a task done that declares `entitlement`, or None."""
    decision = allows(User.objects.filter(pk=user_id).first(), entitlement)
    return None if decision.allowed else decision.reason
