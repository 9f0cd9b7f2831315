"""Reads of billing. The owner's filter stands here, so no page can forget it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from accounts import demo
from accounts.billing import config, effects
from accounts.billing.models import BillingCustomer, BillingInvoice, BillingSubscription
from accounts.billing.services import active_grants
from accounts.models import User
from accounts.plans import FREE, PLANS, Plan

Payload = dict[str, Any]
INVOICES: Final = 12


def current(user: User) -> BillingSubscription | None:
    """Return the subscription that counts: one that goes on, else the newest."""
    rows = list(BillingSubscription.objects.filter(customer__user=user))
    going = [row for row in rows if effects.effect_of(row).going_on]
    best = effects.largest(row.plan for row in going)
    return next((row for row in going if row.plan == best), next(iter(rows), None))


def overview(user: User) -> Payload:
    """Return what the page of one's billing shows."""
    row = current(user)
    effect = effects.effect_of(row) if row else None
    grant = active_grants().filter(user=user).order_by("-pk").first()
    return {
        "plan": PLANS[user.plan],
        "subscription": row,
        "effect": effect,
        "bought": PLANS.get(row.plan) if row else None,
        "next_plan": PLANS.get(row.next_plan) if row else None,
        "grant": grant if grant and effects.covers(grant.plan, user.plan) else None,
        "granted": PLANS.get(grant.plan) if grant else None,
        "invoices": invoices_of(user),
        "can_manage": config.is_on() and _known(user),
        "billing_on": config.is_on(),
        "stand_in": config.is_stand_in(),
    }


def invoices_of(user: User) -> list[BillingInvoice]:
    """Return the newest invoices of a person."""
    return list(BillingInvoice.objects.filter(customer__user=user)[:INVOICES])


def _known(user: User) -> bool:
    return BillingCustomer.objects.filter(user=user, gone=False).exists()


def going_on(users: Iterable[User]) -> list[BillingSubscription]:
    """Return the subscriptions of these people for which Stripe goes on charging."""
    rows = BillingSubscription.objects.filter(customer__user__in=users)
    rows = rows.select_related("customer__user").order_by("customer__user__email", "pk")
    return [row for row in rows if effects.effect_of(row).going_on]


def button(user: User | None, plan: Plan, row: BillingSubscription | None) -> str:
    """Return what the page of plans offers for a plan, given the subscription that counts.

    "sign_up", "current", "buy", "manage" (there is a subscription, which the portal changes),
    or "" where there is nothing to do.
    """
    if user is None:
        return "sign_up"
    going = row is not None and effects.effect_of(row).going_on
    if user.plan == plan.name and not (going and row is not None and row.plan != plan.name):
        return "manage_current" if going else "current"
    if not config.is_on():
        return ""
    if going:
        return "manage"
    return "buy" if plan.name != FREE and not effects.covers(user.plan, plan.name) else ""


def can_switch(user: User, row: BillingSubscription | None) -> bool:
    """Return whether the demo's switch is offered: never beside a subscription or a grant."""
    if not demo.is_on():
        return False
    return not (row and effects.effect_of(row).going_on) and not (
        active_grants().filter(user=user).exists()
    )
