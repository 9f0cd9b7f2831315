"""Celery tasks of the accounts: alerts and billing."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from accounts.alerts import delivering, matching, notices
from accounts.billing import events, reconciling
from accounts.billing import services as billing
from record.access import SYSTEM
from record.tasks import PulseTask


class OutsideTask(PulseTask):
    """Talks to somebody outside: the outbox runs it under a lease, in no transaction."""

    abstract = True
    atomic = False


@shared_task(name=matching.MATCH, base=PulseTask, entitlement=SYSTEM)
def match_alerts(signals: list[dict[str, Any]]) -> None:
    """Make the deliveries of new signals. Repeating it makes none twice."""
    matching.match(signals)


@shared_task(name=matching.FOLLOW_UP, base=PulseTask, entitlement=SYSTEM)
def follow_up_alerts(signals: list[dict[str, Any]]) -> None:
    """Make the deliveries that say what became of signals. Repeating it makes none twice."""
    matching.follow_up(signals)


@shared_task(name=delivering.SEND, base=PulseTask, entitlement=SYSTEM)
def send_alert(delivery_id: int) -> None:
    """Send one delivery if it is due."""
    delivering.deliver(delivery_id)


@shared_task(name="accounts.send_due_alerts", base=PulseTask, entitlement=SYSTEM, expires=10)
def send_due_alerts() -> None:
    """Ask for what is due: first tries that were lost, later tries, digests."""
    delivering.send_due()


@shared_task(name="accounts.prune_alerts", base=PulseTask, entitlement=SYSTEM, expires=600)
def prune_alerts() -> None:
    """Remove what has outlived its retention."""
    delivering.prune()


@shared_task(name="accounts.tell_alert_paused", base=OutsideTask, entitlement=SYSTEM)
def tell_alert_paused(channel_id: int) -> None:
    """Tell the owner of a channel that it is paused."""
    notices.tell_paused(channel_id)


@shared_task(name=events.PROCESS, base=PulseTask, entitlement=SYSTEM)
def stripe_event(event_pk: int, anew: bool = False) -> None:
    """Ask Stripe for what an event tells of. Repeating it changes nothing."""
    events.process(event_pk, anew=anew)


@shared_task(name=billing.SYNC, base=PulseTask, entitlement=SYSTEM)
def stripe_customer(customer_pk: int) -> None:
    """Make our copy of a customer equal to Stripe's state."""
    billing.sync(customer_pk)


@shared_task(name="accounts.end_grants", base=PulseTask, entitlement=SYSTEM, expires=60)
def end_grants() -> None:
    """Settle the plans of those whose grants have ended."""
    billing.end_due_grants()


@shared_task(name="accounts.stripe_reconcile", base=PulseTask, entitlement=SYSTEM, expires=3600)
def stripe_reconcile() -> None:
    """Begin the nightly comparison of all customers with Stripe."""
    reconciling.begin()


@shared_task(name=reconciling.SLICE, base=OutsideTask, entitlement=SYSTEM)
def stripe_reconcile_slice(run_id: int, number: int) -> None:
    """Go on with a comparison for a while, and promise the rest."""
    reconciling.work(run_id, number)
