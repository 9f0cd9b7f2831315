"""What changes accounts: each change, its audit row and its hint in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import orjson
import redis
import structlog
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from accounts.plans import PLANS
from record import audit, hints
from record.live.listener import PLAN

CHAIN: Final = "accounts"
"""Audit chain of what happens to accounts."""
MAX_REASON: Final = 500

log = structlog.get_logger("pulse.accounts")


class AccountError(ValueError):
    """A change that cannot be made; the message says why, and nothing was changed."""


def tell_access_changed(user_id: int) -> None:
    """Hint to every process that what this user may hear has changed.

    A lost hint costs little: live connections check their user's access again by themselves.
    """
    try:
        hints.client().publish(PLAN, orjson.dumps({"user": user_id}))
    except redis.RedisError as error:
        log.warning("plan_hint_not_sent", user=user_id, error=str(error))


def audited(
    user: User, *, actor: User, action: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Append to the audit chain what `actor` did to `user`; call it last in the transaction."""
    audit.write(
        CHAIN,
        actor=f"user:{actor.pk}",
        action=action,
        subject=f"user:{user.pk}",
        detail=detail,
    )


def group_audited(group: Group, *, actor: User, action: str, detail: Mapping[str, Any]) -> None:
    """Append to the audit chain what `actor` did to a group of rights."""
    audit.write(
        CHAIN,
        actor=f"user:{actor.pk}",
        action=action,
        subject=f"group:{group.pk}",
        detail=detail,
    )


def _locked(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk)


def reason_of(text: str) -> str:
    """Return a reason without the space around it; raise AccountError when there is none."""
    reason = text.strip()
    if not reason or len(reason) > MAX_REASON:
        raise AccountError(f"give a reason of 1 to {MAX_REASON} characters")
    return reason


@transaction.atomic
def plan_change(user: User, *, plan: str, actor: User, reason: str) -> bool:
    """Move a user to a plan and return whether that changed anything.

    Raises AccountError for an unknown plan or a missing reason.
    """
    if plan not in PLANS:
        raise AccountError(f"there is no plan {plan!r}; choose one of {', '.join(PLANS)}")
    reason = reason_of(reason)
    row = _locked(user)
    user.plan = plan
    return plan_set(row, plan=plan, actor=f"user:{actor.pk}", reason=reason)


def plan_set(row: User, *, plan: str, actor: str, reason: str) -> bool:
    """Give a row that is locked its plan; return whether that is another one.

    Pages and the interface read the plan at each request; open sockets are told.
    """
    if row.plan == plan:
        return False
    before, row.plan = row.plan, plan
    row.save(update_fields=["plan"])
    audit.write(
        CHAIN,
        actor=actor,
        action="plan_change",
        subject=f"user:{row.pk}",
        detail={"from": before, "to": plan, "reason": reason},
    )
    transaction.on_commit(partial(tell_access_changed, row.pk))
    return True


@transaction.atomic
def active_change(user: User, *, active: bool, actor: User, reason: str) -> bool:
    """Block or unblock an account and return whether that changed anything.

    Blocking ends the user's sessions. Operators cannot block themselves.
    """
    reason = reason_of(reason)
    if not active and user.pk == actor.pk:
        raise AccountError("you cannot block your own account")
    row = _locked(user)
    if row.is_active == active:
        return False
    row.is_active = user.is_active = active
    row.save(update_fields=["is_active"])
    ended = 0 if active else _end_sessions(row)
    audited(
        row,
        actor=actor,
        action="unblock" if active else "block",
        detail={"reason": reason, "sessions_ended": ended},
    )
    transaction.on_commit(partial(tell_access_changed, row.pk))
    return True


@transaction.atomic
def sessions_end(user: User, *, actor: User, reason: str) -> int:
    """Sign a user out everywhere and return how many sessions that ended."""
    reason = reason_of(reason)
    ended = _end_sessions(_locked(user))
    audited(
        user,
        actor=actor,
        action="sessions_end",
        detail={"reason": reason, "sessions_ended": ended},
    )
    transaction.on_commit(partial(tell_access_changed, user.pk))
    return ended


def _end_sessions(user: User) -> int:
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return len(sessions)


@transaction.atomic
def second_factor_remove(user: User, *, actor: User, reason: str) -> int:
    """Remove a user's second factors, lost device, say; end the sessions; return how many."""
    reason = reason_of(reason)
    row = _locked(user)
    removed: int = Authenticator.objects.filter(user=row).delete()[0]
    if not removed:
        return 0
    audited(
        row,
        actor=actor,
        action="second_factor_remove",
        detail={
            "reason": reason,
            "removed": removed,
            "sessions_ended": _end_sessions(row),
        },
    )
    transaction.on_commit(partial(tell_access_changed, row.pk))
    return removed


@transaction.atomic
def verified_user_create(
    email: str, *, password: str, plan: str, is_staff: bool = False
) -> tuple[User, bool]:
    """Return the user with this address and whether it was made now, its address verified.

    A user that exists keeps password, plan and rights.
    """
    user = User.objects.filter(email__iexact=email).first()
    created = user is None
    if user is None:
        user = User.objects.create_user(
            email, password, plan=plan, is_staff=is_staff, is_superuser=is_staff
        )
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    return user, created
