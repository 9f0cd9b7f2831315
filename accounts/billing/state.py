"""What Stripe says of a customer now, fetched whole and turned into plain values."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from accounts.billing import effects
from accounts.billing.catalogue import PLAN_OF_PRODUCT, WORD_OF
from accounts.billing.payments import Hold, Json, hold_of
from accounts.plans import FREE
from record.canonical import canonical

if TYPE_CHECKING:
    from stripe import StripeClient

INVOICES: Final = 24


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """One subscription. Amounts are in the currency's units, not in cents."""

    stripe_id: str
    status: str
    hold: str
    keeps: str
    plan: str
    interval: str
    amount: Decimal
    currency: str
    period_end: dt.datetime | None
    trial_end: dt.datetime | None
    ends: dt.datetime | None
    next_plan: str
    next_interval: str
    started: dt.datetime


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """One invoice."""

    stripe_id: str
    number: str
    status: str
    total: Decimal
    currency: str
    issued: dt.datetime
    page: str


@dataclass(frozen=True)
class CustomerState:
    """All that is kept of a customer."""

    subscriptions: tuple[SubscriptionState, ...] = ()
    invoices: tuple[InvoiceState, ...] = ()
    gone: bool = False

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the state: equal states have equal digests."""
        text = canonical(_plain(asdict(self)))
        return hashlib.sha256(text).hexdigest()


def fetch(client: StripeClient, customer: str) -> CustomerState:
    """Ask Stripe for a customer's subscriptions and invoices.

    Raises whatever the client raises, but for a customer that is gone.
    """
    import stripe

    try:
        rows = client.v1.subscriptions.list(
            params={
                "customer": customer,
                "status": "all",
                "limit": 20,
                "expand": ["data.schedule"],
            }
        ).data
        found = client.v1.invoices.list(params={"customer": customer, "limit": INVOICES}).data
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        return CustomerState(gone=True)
    invoices = [one.to_dict() for one in found]
    subscriptions = []
    for row in rows:
        body = row.to_dict()
        subscriptions.append(_subscription(client, body, invoices))
    kept = tuple(_invoice(one) for one in invoices if one["status"] != "draft")
    return CustomerState(tuple(subscriptions), kept)


def _subscription(
    client: StripeClient, body: Json, invoices: list[dict[str, Any]]
) -> SubscriptionState:
    # One item of ours decides; items of other products may stand beside it.
    items = body["items"]["data"]
    item = next((i for i in items if _plan_of(i["price"]) != FREE), items[0])
    price = item["price"]
    plan = _plan_of(price)
    opens = effects.of_status(body["status"]).opens
    hold = hold_of(client, body["id"], plan, invoices) if opens else Hold()
    next_plan, next_interval = _next(client, body, price)
    ends = body["cancel_at"] or (item["current_period_end"] if body["cancel_at_period_end"] else 0)
    return SubscriptionState(
        stripe_id=body["id"],
        status=body["status"],
        hold=hold.name,
        keeps=hold.keeps,
        plan=plan,
        interval=_interval_of(price),
        amount=_units(price["unit_amount"]),
        currency=price["currency"],
        period_end=_time(item["current_period_end"]),
        trial_end=_time(body["trial_end"]),
        ends=_time(ends),
        next_plan=next_plan,
        next_interval=next_interval,
        started=_known_time(body["created"]),
    )


def _plan_of(price: Json) -> str:
    """Return the plan of a price by its product, which stays while prices change."""
    product = price["product"]
    return PLAN_OF_PRODUCT.get(product if isinstance(product, str) else product["id"], FREE)


def _interval_of(price: Json) -> str:
    interval = str((price.get("recurring") or {}).get("interval", ""))
    return WORD_OF.get(interval, interval[:8])


def _next(client: StripeClient, body: Json, price: Json) -> tuple[str, str]:
    """Return plan and interval to which a schedule changes, or nothing."""
    schedule = body.get("schedule")
    if not isinstance(schedule, dict) or schedule["status"] not in ("active", "not_started"):
        return "", ""
    wanted = schedule["phases"][-1]["items"][0]["price"]
    wanted = wanted if isinstance(wanted, str) else wanted["id"]
    if wanted == price["id"]:
        return "", ""
    later = client.v1.prices.retrieve(wanted).to_dict()
    return _plan_of(later), _interval_of(later)


def _invoice(body: Json) -> InvoiceState:
    return InvoiceState(
        stripe_id=body["id"],
        number=(body["number"] or "")[:64],
        status=body["status"] or "",
        total=_units(body["total"]),
        currency=body["currency"],
        issued=_known_time(body["created"]),
        page=body.get("hosted_invoice_url") or "",
    )


def _units(cents: int | None) -> Decimal:
    return Decimal(cents or 0) / 100


def _time(second: int | None) -> dt.datetime | None:
    return _known_time(second) if second else None


def _known_time(second: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(second, dt.UTC)


def _plain(value: Any) -> Any:
    """Return a value with times and amounts as texts, for its digest."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, dt.datetime | Decimal) else value
