"""Who may do what: one pure decision that every gate asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accounts.plans import (
    ENTITLEMENTS,
    FREE,
    OPENED,
    PLANS,
    STAFF,
    VISITOR,
    Limits,
    first_plan_with,
)
from record.access import CLOSED, OPERATOR

SIGN_IN = "Sign in to go on."
OPERATORS_ONLY = "Only operators may do this."


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer of the gate; `opens_with` names the plan that would turn a no into a yes."""

    allowed: bool
    reason: str = ""
    opens_with: str | None = None


ALLOWED = Decision(True)


def plan_needed(subject: str, plan: str) -> str:
    """Say that `subject` needs a plan."""
    return f"{subject} needs the {PLANS[plan].title} plan."


def decide(name: str, *, plan: str | None, is_staff: bool, authenticated: bool) -> Decision:
    """Return whether somebody with these facts has the entitlement `name`.

    A name that the table does not hold is refused to everybody, and so is `system`.
    """
    if not authenticated:
        has = VISITOR
    elif is_staff:
        has = STAFF
    else:
        has = OPENED.get(plan or FREE, OPENED[FREE])
    if name in has:
        return ALLOWED
    opener = first_plan_with(name)
    if not authenticated and (opener is not None or name == OPERATOR):
        return Decision(False, SIGN_IN)
    if opener is not None:
        return Decision(False, plan_needed(ENTITLEMENTS[name], opener.name), opener.name)
    return Decision(False, OPERATORS_ONLY if name == OPERATOR else CLOSED)


def allows(user: Any, name: str) -> Decision:
    """Return whether `user` (a visitor, too) has the entitlement `name`."""
    known = bool(getattr(user, "is_authenticated", False) and getattr(user, "is_active", False))
    return decide(
        name,
        plan=getattr(user, "plan", None),
        is_staff=known and bool(getattr(user, "is_staff", False)),
        authenticated=known,
    )


def limits_of(user: Any) -> Limits:
    """Return the limits of a person's plan."""
    return PLANS[user.plan].limits
