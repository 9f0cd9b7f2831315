"""Stripe's events: kept first, then each is a hint to ask Stripe anew."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import structlog
from django.db import transaction

from accounts.billing import services
from accounts.billing.client import client
from accounts.billing.models import BillingCustomer, StripeEvent
from accounts.billing.webhook import Told
from record import outbox

PROCESS: Final = "accounts.stripe_event"
OURS: Final = (
    "customer.",
    "invoice.",
    "charge.",
    "refund.",
    "checkout.session.",
    "subscription_schedule.",
)
"""Beginnings of the types that can tell of a change; others are kept and left alone.

The endpoint at Stripe sends these, as docs/billing.md says: another one here would count as lost
each night.
"""

log = structlog.get_logger("pulse.billing")


@transaction.atomic
def keep(told: Told) -> bool:
    """Keep an event and promise its work; return whether it is a new one.

    Each delivery promises it: where the first one died before its promise, a repeat heals that.
    """
    values = asdict(told)
    name = values.pop("event_id")
    row, new = StripeEvent.objects.get_or_create(
        event_id=name, defaults={**values, "received": services.clock()}
    )
    if _names_somebody(row):
        outbox.enqueue(PROCESS, row.pk, key=key_of(name))
    return new


def key_of(event_id: str) -> str:
    """Return the key under which the outbox keeps an event's work."""
    return f"stripe:{event_id}"


def _names_somebody(event: StripeEvent) -> bool:
    return event.type.startswith(OURS) and bool(event.customer or event.charge)


def process(event_pk: int, *, anew: bool = False) -> None:
    """Do what an event asks for: make our copy of its customer equal to Stripe's state.

    `anew` asks Stripe even where it was asked after the event came.
    """
    event = StripeEvent.objects.get(pk=event_pk)
    name = event.customer or _customer_of(event.charge)
    row = BillingCustomer.objects.filter(stripe_id=name).first() if name else None
    if row is None:
        log.info("stripe_event_of_nobody", stripe_event=event.event_id, type=event.type)
        return
    services.sync(row.pk, heard=None if anew else event.received)


def _customer_of(charge: str) -> str:
    import stripe

    if not charge:
        return ""
    try:
        found = client().v1.charges.retrieve(charge)
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        return ""
    customer = found.customer
    return customer if isinstance(customer, str) else getattr(customer, "id", "")


@transaction.atomic
def replay(event: StripeEvent) -> bool:
    """Promise to ask Stripe anew for an event's customer; False where it names nobody."""
    if not _names_somebody(event):
        return False
    outbox.enqueue(PROCESS, event.pk, True)
    return True


def state_of(event: StripeEvent, promised: str | None) -> str:
    """Return in words what became of an event, given the state of its work in the outbox."""
    if not event.type.startswith(OURS):
        return "kept; its type tells of nothing here"
    if not _names_somebody(event):
        return "kept; it names no customer and no charge"
    return promised or "done"  # done work is kept for days only
