"""Whether what was paid for the running period was given back, and which plan that leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from accounts.billing import effects
from accounts.billing.catalogue import PLAN_OF_PRODUCT

if TYPE_CHECKING:
    from stripe import StripeClient

OPEN_DISPUTES: Final = frozenset(
    {
        "needs_response",
        "under_review",
        "warning_needs_response",
        "warning_under_review",
        "lost",
    }
)
"""States of a dispute in which the money is, or may be, gone."""
_PERIODS: Final = ("subscription_create", "subscription_cycle")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a plan back, one of the effects' names, and the plan that stays open meanwhile."""

    name: str = ""
    keeps: str = ""


def hold_of(
    client: StripeClient, subscription: str, plan: str, invoices: Iterable[dict[str, Any]]
) -> Hold:
    """Return what holds a subscription's plan back, given its customer's invoices, newest first.

    The newest paid invoice of a whole period decides: given back, it closes the plan, and one
    that took no money (a trial, a credit) cannot be given back. An upgrade since then paid for
    the difference alone: given back, it leaves the plan from before the upgrade.
    """
    found = Hold()
    for one in invoices:
        if one["status"] != "paid" or subscription_of(one) != subscription:
            continue
        whole, before = _pays_a_period(one), _plan_before(one)
        if not whole and (before is None or effects.covers(before, plan)):
            continue
        back = _given_back(client, one) if one["amount_paid"] else ""
        if whole:
            return Hold(back) if back else found
        if back and before is not None:
            # Of several upgrades the first that was given back decides: the rest stand on it.
            found = Hold(effects.OF_UPGRADE[back], before)
    return found


def subscription_of(invoice: Json) -> str:
    """Return the id of an invoice's subscription, or nothing."""
    parent = invoice.get("parent") or {}
    named = (parent.get("subscription_details") or {}).get("subscription") or ""
    return str(named if isinstance(named, str) else named["id"])


def _pays_a_period(invoice: Json) -> bool:
    """Return whether an invoice is for a whole period: a change from months to years begins one."""
    return invoice["billing_reason"] in _PERIODS or any(
        (line.get("parent") or {}).get("type") == "subscription_item_details"
        and not line["parent"]["subscription_item_details"]["proration"]
        for line in invoice["lines"]["data"]
    )


def _plan_before(invoice: Json) -> str | None:
    """Return the plan whose unused time an invoice credits, None for one that changes no plan."""
    plans = [
        PLAN_OF_PRODUCT[product]
        for line in invoice["lines"]["data"]
        if line["amount"] < 0 and (product := _product_of(line)) in PLAN_OF_PRODUCT
    ]
    return effects.largest(plans) if plans else None


def _product_of(line: Json) -> str:
    details = (line.get("pricing") or {}).get("price_details") or {}
    return str(details.get("product", ""))


def _given_back(client: StripeClient, invoice: Json) -> str:
    """Return whether the money of an invoice is disputed or wholly refunded."""
    payments = client.v1.invoice_payments.list(params={"invoice": invoice["id"], "status": "paid"})
    for payment in payments.data:
        charges = _charges(client, payment.to_dict()["payment"])
        if any(charge["disputed"] and _is_disputed(client, charge["id"]) for charge in charges):
            return effects.DISPUTED
        if any(charge["refunded"] for charge in charges):
            return effects.REFUNDED
    return ""


def _charges(client: StripeClient, payment: Json) -> list[dict[str, Any]]:
    if payment.get("charge"):
        return [client.v1.charges.retrieve(payment["charge"]).to_dict()]
    intent = payment.get("payment_intent")
    if not intent:
        return []
    return [
        one.to_dict()
        for one in client.v1.charges.list(params={"payment_intent": intent, "limit": 10}).data
        if one.paid
    ]


def _is_disputed(client: StripeClient, charge: str) -> bool:
    disputes = client.v1.disputes.list(params={"charge": charge, "limit": 10}).data
    return any(one.status in OPEN_DISPUTES for one in disputes)
