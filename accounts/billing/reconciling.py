"""Comparing all customers with Stripe: it finds what webhooks lost, heals it and reports it.

A run goes on step by step: one customer, or one page of Stripe's lists. Each step keeps what it
found and how far it came in one transaction, so a run that breaks off goes on where it stood, and
each customer is compared once.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any, Final

import structlog
from django.db import transaction
from django.utils import timezone

from accounts import services as accounts
from accounts.billing import config, effects, events, services
from accounts.billing.client import client, metadata_of
from accounts.billing.models import BillingCustomer, BillingReconciliation, StripeEvent
from record import audit, outbox

SLICE: Final = "accounts.stripe_reconcile_slice"
SLICE_S: Final = 15.0
"""After so long a slice begins no further step: a slow one still ends within a task's limit."""
PAGE: Final = 100
EVENTS_OF: Final = dt.timedelta(days=2)
ON_THEIR_WAY: Final = dt.timedelta(minutes=10)
"""Events younger than this may still be delivered."""

log = structlog.get_logger("pulse.billing")
Phase = BillingReconciliation.Phase


def begin() -> BillingReconciliation | None:
    """Promise a comparison; None where Stripe is not configured."""
    if not config.is_on():
        return None
    with transaction.atomic():
        run = BillingReconciliation.objects.create()
        _promise(run.pk, 0)
    return run


def run_now() -> BillingReconciliation:
    """Compare everything in this process and return the report."""
    run = BillingReconciliation.objects.create()
    while step(run.pk):
        pass
    run.refresh_from_db()
    return run


def work(run_id: int, number: int) -> None:
    """Do steps for the time of one slice, and promise the next slice while there is more."""
    until = time.monotonic() + SLICE_S
    while step(run_id):
        if time.monotonic() >= until:
            with transaction.atomic():
                _promise(run_id, number + 1)
            return


def _promise(run_id: int, number: int) -> None:
    outbox.enqueue(SLICE, run_id, number, key=f"stripe:run:{run_id}:{number}")


def step(run_id: int) -> bool:
    """Do what is next in a run; return whether there is more."""
    run = BillingReconciliation.objects.get(pk=run_id)
    if run.phase == Phase.CUSTOMERS:
        _next_customer(run_id)
    elif run.phase == Phase.EVENTS:
        _next_events(run)
    elif run.phase == Phase.STRANGERS:
        _next_subscriptions(run)
    run.refresh_from_db(fields=["phase"])
    return run.phase != Phase.DONE


@transaction.atomic
def _next_customer(run_id: int) -> None:
    """Compare one customer. Only this one is locked while Stripe is asked."""
    run = _locked(run_id)
    if run.phase != Phase.CUSTOMERS:
        return  # another worker did it meanwhile
    row = BillingCustomer.objects.filter(pk__gt=int(run.cursor or 0), gone=False).order_by("pk")
    found = row.first()
    if found is None:
        run.phase, run.cursor = Phase.EVENTS, ""
    else:
        run.cursor = str(found.pk)
        _compare(run, found)
    run.save()


def _locked(run_id: int) -> BillingReconciliation:
    return BillingReconciliation.objects.select_for_update().get(pk=run_id)


def _compare(run: BillingReconciliation, row: BillingCustomer) -> None:
    import stripe

    run.customers += 1
    try:
        with transaction.atomic():
            found = services.sync(row.pk)
            before, after = found.before, found.after
            if not found.changed:
                before, after = services.settle(
                    row.user_id, actor=services.STRIPE, reason="reconciled"
                )
    except stripe.StripeError as error:
        run.failed += 1
        log.warning("stripe_not_compared", customer=row.stripe_id, error=type(error).__name__)
        return
    run.healed += found.changed
    if before != after:
        run.drifted.append({"customer": row.stripe_id, "from": before, "to": after})


def _next_events(run: BillingReconciliation) -> None:
    """Count those of a page of Stripe's events that never came; their customers are healed."""
    since, until = run.begun - EVENTS_OF, run.begun - ON_THEIR_WAY
    window = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
    wish: Any = {"created": window, **_after(run)}
    page = client().v1.events.list(params=wish)
    names = [event.id for event in page.data if event.type.startswith(events.OURS)]
    lost = len(names) - StripeEvent.objects.filter(event_id__in=names).count()
    with transaction.atomic():
        if row := _still_there(run):
            row.lost_events += lost
            _turn(row, page, Phase.STRANGERS)


def _next_subscriptions(run: BillingReconciliation) -> None:
    """Name those of a page whose customer nobody here is: somebody pays and has nothing.

    Ended ones are listed as well, so that the place of the walk is there when one ends meanwhile.
    """
    wish: Any = {"status": "all", **_after(run)}
    page = client().v1.subscriptions.list(params=wish)
    ours = {
        one.id: one.customer if isinstance(one.customer, str) else one.customer.id
        for one in page.data
        if effects.of_status(one.status).going_on and metadata_of(one).get("pulse_user")
    }
    rows = BillingCustomer.objects.filter(stripe_id__in=set(ours.values()))
    known = set(rows.values_list("stripe_id", flat=True))
    with transaction.atomic():
        if row := _still_there(run):
            row.unknown += [
                {"subscription": name, "customer": customer}
                for name, customer in ours.items()
                if customer not in known
            ]
            _turn(row, page, Phase.DONE)


def _after(run: BillingReconciliation) -> dict[str, Any]:
    return {"limit": PAGE, **({"starting_after": run.cursor} if run.cursor else {})}


def _still_there(run: BillingReconciliation) -> BillingReconciliation | None:
    """Lock a run; None when another worker has taken the page meanwhile."""
    row = _locked(run.pk)
    return row if (row.phase, row.cursor) == (run.phase, run.cursor) else None


def _turn(run: BillingReconciliation, page: Any, then: str) -> None:
    """Keep where the walk stands: after this page, or in the phase that follows the last one."""
    if page.has_more:
        run.cursor = page.data[-1].id
    else:
        run.phase, run.cursor = then, ""
    if run.phase == Phase.DONE:
        run.finished = timezone.now()
    run.save()
    if run.phase == Phase.DONE:
        _tell(run)


def _tell(run: BillingReconciliation) -> None:
    found = {
        "customers": run.customers,
        "healed": run.healed,
        "drifted": len(run.drifted),
        "lost_events": run.lost_events,
        "unknown": len(run.unknown),
        "failed": run.failed,
    }
    level = log.warning if run.drifted or run.unknown or run.failed else log.info
    level("stripe_reconciled", **found)
    audit.write(
        accounts.CHAIN,
        actor=services.STRIPE,
        action="stripe_reconcile",
        subject=f"reconciliation:{run.pk}",
        detail=found,
    )
