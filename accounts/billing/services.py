"""What changes plans: Stripe's state, and operators' grants. Nothing else does."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import services as accounts
from accounts.billing import effects
from accounts.billing.client import client
from accounts.billing.models import (
    BillingCustomer,
    BillingInvoice,
    BillingSubscription,
    PlanGrant,
)
from accounts.billing.state import CustomerState, fetch
from accounts.models import User
from accounts.plans import FREE, PLANS
from record import outbox

STRIPE: Final = "stripe"
"""Who acts in the audit trail when Stripe's state changed a plan."""
GRANTS: Final = "system:grants"
SYNC: Final = "accounts.stripe_customer"

log = structlog.get_logger("pulse.billing")


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of asking Stripe for a customer."""

    changed: bool = False
    before: str = ""
    after: str = ""


def clock() -> dt.datetime:
    """Return the database's time, the one clock of all processes, as it goes on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: dt.datetime = cursor.fetchone()[0]
    return found


@transaction.atomic
def sync(customer_id: int, *, heard: dt.datetime | None = None) -> Synced:
    """Make our copy of a customer equal to what Stripe says now. Order and repeats do not matter.

    Stripe is asked while the customer's row is locked, so a slower answer cannot undo a newer one.
    What was `heard` before Stripe was last asked is part of that answer and is not asked again.
    """
    row = BillingCustomer.objects.select_for_update().get(pk=customer_id)
    if heard is not None and row.synced is not None and row.synced > heard:
        return Synced()
    asked = clock()
    state = fetch(client(), row.stripe_id)
    BillingCustomer.objects.filter(pk=row.pk).update(synced=asked)
    return apply(row, state)


def apply(row: BillingCustomer, state: CustomerState) -> Synced:
    """Keep a state that was fetched under the row's lock, and settle the plan after it."""
    if state.digest == row.digest:
        return Synced()
    row.digest, row.gone = state.digest, state.gone
    row.save(update_fields=["digest", "gone"])
    if state.gone:
        row.subscriptions.exclude(status="canceled").update(status="canceled", hold="", keeps="")
    _keep(BillingSubscription, row, [asdict(one) for one in state.subscriptions])
    _keep(BillingInvoice, row, [asdict(one) for one in state.invoices])
    before, after = settle(row.user_id, actor=STRIPE, reason=_reason(state))
    return Synced(True, before, after)


def _keep(
    model: type[BillingSubscription | BillingInvoice],
    row: BillingCustomer,
    values: list[dict[str, Any]],
) -> None:
    if not values:
        return
    manager: Any = model.objects
    manager.bulk_create(
        [model(customer=row, **one) for one in values],
        update_conflicts=True,
        unique_fields=["stripe_id"],
        update_fields=["customer", *(name for name in values[0] if name != "stripe_id")],
    )


def _reason(state: CustomerState) -> str:
    if state.gone:
        return "the customer is gone at Stripe"
    told = [f"{one.stripe_id} is {one.hold or one.status}" for one in state.subscriptions[:3]]
    return ", ".join(told) or "no subscription"


def plan_due(user_id: int) -> str | None:
    """Return the plan that subscriptions and grants give, None where neither ever gave one."""
    held = list(BillingSubscription.objects.filter(customer__user_id=user_id))
    grants = list(PlanGrant.objects.filter(user_id=user_id))
    if not held and not grants:
        return None
    now = timezone.now()
    given = [g.plan for g in grants if g.ended is None and (g.ends is None or g.ends > now)]
    return effects.largest([effects.paid_plan(held), *given])


@transaction.atomic
def settle(user_id: int, *, actor: str, reason: str) -> tuple[str, str]:
    """Give a person the plan that is due; return the plans before and after."""
    user = User.objects.select_for_update().get(pk=user_id)
    before, due = user.plan, plan_due(user_id)
    if due is not None:
        accounts.plan_set(user, plan=due, actor=actor, reason=reason)
    return before, user.plan


# --- grants -------------------------------------------------------------------------------------
def active_grants() -> QuerySet[PlanGrant]:
    """Return the grants that count now."""
    now = timezone.now()
    return PlanGrant.objects.filter(Q(ends__isnull=True) | Q(ends__gt=now), ended__isnull=True)


@transaction.atomic
def grant(
    user: User, *, plan: str, ends: dt.datetime | None, actor: User, reason: str
) -> PlanGrant:
    """Give somebody a paid plan until a date. Raises AccountError with what is wrong."""
    if plan == FREE or plan not in PLANS:
        raise accounts.AccountError("choose a plan that is not Free")
    if ends is not None and ends <= timezone.now():
        raise accounts.AccountError("choose an end that lies ahead")
    text = accounts.reason_of(reason)
    locked = User.objects.select_for_update().get(pk=user.pk)
    made = PlanGrant.objects.create(user=locked, plan=plan, ends=ends, reason=text)
    accounts.audited(
        locked,
        actor=actor,
        action="plan_grant",
        detail={"plan": plan, "ends": ends.isoformat() if ends else None, "reason": text},
    )
    settle(user.pk, actor=f"user:{actor.pk}", reason=text)
    return made


@transaction.atomic
def grant_end(grant_id: int, *, actor: User, reason: str) -> bool:
    """Take a grant back and return whether it still counted."""
    text = accounts.reason_of(reason)
    found = PlanGrant.objects.select_related("user").get(pk=grant_id)
    User.objects.select_for_update().get(pk=found.user_id)
    if not active_grants().filter(pk=grant_id).update(ended=timezone.now()):
        return False
    accounts.audited(
        found.user,
        actor=actor,
        action="plan_grant_end",
        detail={"plan": found.plan, "reason": text},
    )
    settle(found.user_id, actor=f"user:{actor.pk}", reason=text)
    return True


def end_due_grants() -> int:
    """Settle the plans of those whose grants have come to their end; return how many."""
    due = PlanGrant.objects.filter(ended__isnull=True, ends__lte=timezone.now())
    users = sorted(set(due.values_list("user_id", flat=True)))
    for user_id in users:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user_id)
            due.filter(user_id=user_id).update(ended=timezone.now())
            settle(user_id, actor=GRANTS, reason="the grant has ended")
    return len(users)


@transaction.atomic
def move(user: User, *, plan: str, actor: User, reason: str) -> bool:
    """Move somebody to a plan on an operator's word: a grant without an end, or the end of grants.

    What is paid through Stripe cannot be moved below that; it is changed there.
    """
    text = accounts.reason_of(reason)
    User.objects.select_for_update().get(pk=user.pk)
    paid = effects.paid_plan(BillingSubscription.objects.filter(customer__user=user))
    if paid != plan and effects.covers(paid, plan):
        raise accounts.AccountError(
            f"{user.email} pays for {PLANS[paid].title} through Stripe; change it there"
        )
    active_grants().filter(user=user).update(ended=timezone.now())
    if plan not in (FREE, paid):
        PlanGrant.objects.create(user=user, plan=plan, reason=text)
    return accounts.plan_change(user, plan=plan, actor=actor, reason=text)


def sync_soon(row: BillingCustomer, key: str | None = None) -> None:
    """Let a worker ask Stripe for a customer; `key` asks once for each of its values."""
    with transaction.atomic():
        outbox.enqueue(SYNC, row.pk, key=key)
