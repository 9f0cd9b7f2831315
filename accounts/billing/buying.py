"""The ways to Stripe's own pages: the checkout of a plan, and the customer portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import transaction

from accounts.billing import catalogue, effects, services
from accounts.billing.client import asking, metadata_of
from accounts.billing.models import BillingCustomer
from accounts.models import User
from accounts.plans import PLANS

if TYPE_CHECKING:
    from stripe import StripeClient

INTERVALS: Final = tuple(catalogue.INTERVALS)


class BuyingError(ValueError):
    """Something that cannot be bought; the message says why and what to do."""


class SubscribedError(BuyingError):
    """There is a subscription already, which the portal changes."""


def checkout(user: User, *, plan: str, interval: str, done: str, left: str) -> str:
    """Return the address of Stripe's page where `user` pays for a plan.

    `done` and `left` are the whole addresses of the pages to come back to. One checkout is open
    at a time, so two windows cannot buy twice.
    """
    if plan not in PLANS or not PLANS[plan].monthly or interval not in INTERVALS:
        raise BuyingError("Choose Pro or Pro+, monthly or yearly.")
    with asking() as stripe:
        customer_id = _customer(stripe, user)
        services.sync(customer_id)
        if BillingCustomer.objects.get(pk=customer_id).gone:
            customer_id = _customer(stripe, user)
        price = catalogue.price_id(stripe, plan, interval)
        return _session(stripe, customer_id, plan, price, {"success_url": done, "cancel_url": left})


@transaction.atomic
def _session(
    stripe: StripeClient, customer_id: int, plan: str, price: str, pages: dict[str, str]
) -> str:
    row = BillingCustomer.objects.select_for_update().get(pk=customer_id)
    held = list(row.subscriptions.all())
    if any(effects.effect_of(one).going_on for one in held):
        raise SubscribedError("You have a subscription already. Change it in the portal.")
    page = _reuse(stripe, row, price)
    if page:
        return page
    wish: Any = {**_wish(row, plan, price, first=not held), **pages}
    session = stripe.v1.checkout.sessions.create(
        params=wish,
        options={"idempotency_key": f"pulse-checkout-{row.stripe_id}-{row.checkouts}-{price}"},
    )
    row.checkouts += 1
    row.checkout_id = session.id
    row.save(update_fields=["checkouts", "checkout_id"])
    return session.url or ""


def portal(user: User, *, back: str) -> str:
    """Return the address of Stripe's page where a subscription is changed."""
    row = BillingCustomer.objects.filter(user=user, gone=False).first()
    if row is None:
        raise BuyingError("There is no subscription to manage yet.")
    with asking() as stripe:
        params: Any = {"customer": row.stripe_id, "return_url": back}
        configuration = catalogue.portal_id(stripe)
        if configuration:
            params["configuration"] = configuration
        return stripe.v1.billing_portal.sessions.create(params=params).url


def _customer(stripe: StripeClient, user: User) -> int:
    """Return our row of a person at Stripe, made there and here when there is none."""
    row = BillingCustomer.objects.filter(user=user).first()
    if row is not None and not row.gone:
        return row.pk
    turn = row.stripe_id if row else f"{user.date_joined:%Y%m%dT%H%M%S}"
    made = stripe.v1.customers.create(
        params={"email": user.email, "metadata": {"pulse_user": str(user.pk)}},
        options={"idempotency_key": f"pulse-customer-{user.pk}-{turn}"},
    )
    values = {"stripe_id": made.id, "gone": False, "digest": "", "checkout_id": ""}
    kept, _ = BillingCustomer.objects.update_or_create(user=user, defaults=values)
    return kept.pk


def _reuse(stripe: StripeClient, row: BillingCustomer, price: str) -> str:
    """Return the page of the checkout that is open for this price; close one for another price."""
    if not row.checkout_id:
        return ""
    session = stripe.v1.checkout.sessions.retrieve(row.checkout_id)
    if session.status != "open":
        return ""
    if metadata_of(session).get("pulse_price") == price:
        return session.url or ""
    stripe.v1.checkout.sessions.expire(session.id)
    return ""


def _wish(row: BillingCustomer, plan: str, price: str, *, first: bool) -> dict[str, Any]:
    """Return what a checkout is for; a trial is for the first subscription only."""
    subscription: dict[str, Any] = {"metadata": {"pulse_user": str(row.user_id)}}
    if first and PLANS[plan].trial_days:
        subscription["trial_period_days"] = PLANS[plan].trial_days
    wish: dict[str, Any] = {
        "mode": "subscription",
        "customer": row.stripe_id,
        "client_reference_id": str(row.user_id),
        "line_items": [{"price": price, "quantity": 1}],
        "metadata": {"pulse_price": price},
        "subscription_data": subscription,
    }
    if settings.STRIPE_TAX:
        wish["automatic_tax"] = {"enabled": True}
        wish["customer_update"] = {"address": "auto"}
        wish["billing_address_collection"] = "required"
    return wish
