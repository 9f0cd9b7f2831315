"""The gates of the live channels, of work done for a person, and of how far a person may look."""

from __future__ import annotations

from typing import Any

from accounts.entitlements import Decision, allows
from accounts.models import User
from accounts.plans import FREE, PLANS, first_plan_with_history
from market.reach import WHOLE, Hook, Opener, Reach


def topic_gate(user: Any, entitlement: str, channel: str) -> Decision:
    """Return whether `user` may hear a channel of a topic that declares `entitlement`."""
    return allows(user, entitlement)


def task_gate(user_id: int, entitlement: str) -> str | None:
    """Return why a user may not have a task done that declares `entitlement`, or None."""
    decision = allows(User.objects.filter(pk=user_id).first(), entitlement)
    return None if decision.allowed else decision.reason


def reach(user: Any) -> Reach:
    """Return how near to now and how far back a person may look; operators see everything.

    A visitor and a plan that is not known have what the smallest plan has.
    """
    known = bool(getattr(user, "is_authenticated", False) and getattr(user, "is_active", False))
    if known and getattr(user, "is_staff", False):
        return WHOLE
    plan = PLANS.get(getattr(user, "plan", FREE) if known else FREE, PLANS[FREE])
    return Reach(plan.limits.data_delay_s, plan.limits.history_days)


def history_opener(days: float) -> Opener:
    """Return the smallest plan that shows what lies so many days back."""
    plan = first_plan_with_history(days)
    return Opener(plan.name, plan.title)


REACH = Hook(reach, history_opener)
