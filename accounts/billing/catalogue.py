"""The plan table as Stripe's products, prices and portal: what `manage.py stripe_sync` makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from accounts.billing.client import metadata_of
from accounts.plans import FREE, PLANS, Plan

if TYPE_CHECKING:
    from stripe import StripeClient
    from stripe.params.billing_portal import ConfigurationCreateParamsFeatures

CURRENCY: Final = "usd"
TAX_CODE: Final = "txcd_10103001"
"""Stripe's tax code of software as a service for business use."""
INTERVALS: Final[Mapping[str, Literal["month", "year"]]] = MappingProxyType(
    {"monthly": "month", "yearly": "year"}
)
"""Stripe's interval for each of our words."""
WORD_OF: Final[Mapping[str, str]] = MappingProxyType(
    {theirs: ours for ours, theirs in INTERVALS.items()}
)
"""Our word for one of Stripe's intervals."""
MARK: Final = "pulse_portal"


def product_of(plan: str) -> str:
    """Return the id that we give to a plan's product."""
    return f"pulse_{plan}"


PLAN_OF_PRODUCT: Final = MappingProxyType(
    {product_of(plan): plan for plan in PLANS if plan != FREE}
)
"""The products that open a plan; nothing else does."""


def lookup_key(plan: str, interval: str) -> str:
    """Return the name under which a price is found, whatever its id."""
    return f"pulse_{plan}_{interval}"


@dataclass(frozen=True, slots=True)
class Offer:
    """What is sold: a plan for a month or a year."""

    plan: Plan
    interval: str

    @property
    def key(self) -> str:
        """The lookup key of its price."""
        return lookup_key(self.plan.name, self.interval)

    @property
    def cents(self) -> int:
        """Its price."""
        amount = self.plan.yearly if self.interval == "yearly" else self.plan.monthly
        return int(amount * 100)


OFFERS: Final = tuple(
    Offer(plan, interval) for plan in PLANS.values() if plan.monthly for interval in INTERVALS
)


class NotOfferedError(LookupError):
    """Stripe has no active price for this; `manage.py stripe_sync` makes it."""


def price_id(client: StripeClient, plan: str, interval: str) -> str:
    """Return the id of the active price of an offer."""
    key = lookup_key(plan, interval)
    found = client.v1.prices.list(params={"lookup_keys": [key], "active": True, "limit": 1}).data
    if not found:
        raise NotOfferedError(f"Stripe has no price {key}; run manage.py stripe_sync")
    return found[0].id


def sync(client: StripeClient) -> list[str]:
    """Make Stripe's products, prices and portal equal to the plan table; return what was done.

    A repeat does nothing. A price cannot change its amount: a new one takes its lookup key over,
    and who subscribed to the old one keeps paying the old amount.
    """
    done: list[str] = []
    for name in PLAN_OF_PRODUCT.values():
        done += _sync_product(client, PLANS[name])
    prices = {offer.key: _sync_price(client, offer, done) for offer in OFFERS}
    done += _sync_portal(client, prices)
    return done


def _sync_product(client: StripeClient, plan: Plan) -> list[str]:
    import stripe

    name = product_of(plan.name)
    wanted: Any = {
        "name": f"Pulse {plan.title}",
        "description": plan.says,
        "tax_code": TAX_CODE,
        "metadata": {"pulse_plan": plan.name},
    }
    try:
        found = client.v1.products.retrieve(name).to_dict()
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        new: Any = {"id": name, **wanted}
        client.v1.products.create(params=new)
        return [f"product {name} made"]
    if found["active"] and all(found.get(field) == wanted[field] for field in wanted):
        return []
    changed: Any = {"active": True, **wanted}
    client.v1.products.update(name, params=changed)
    return [f"product {name} changed"]


def _sync_price(client: StripeClient, offer: Offer, done: list[str]) -> str:
    product = product_of(offer.plan.name)
    found = client.v1.prices.list(params={"lookup_keys": [offer.key], "limit": 1}).data
    old = found[0].to_dict() if found else None
    if old is not None and old["active"] and _same(old, offer, product):
        return str(old["id"])
    made = client.v1.prices.create(
        params={
            "product": product,
            "currency": CURRENCY,
            "unit_amount": offer.cents,
            "recurring": {"interval": INTERVALS[offer.interval]},
            "lookup_key": offer.key,
            "transfer_lookup_key": True,
            "nickname": f"Pulse {offer.plan.title}, {offer.interval}",
            "tax_behavior": "exclusive",
        }
    )
    if old is not None:
        client.v1.prices.update(old["id"], params={"active": False})
    done.append(f"price {offer.key} {'replaced' if old else 'made'}")
    return made.id


def _same(price: dict[str, Any], offer: Offer, product: str) -> bool:
    return bool(
        price["unit_amount"] == offer.cents
        and price["currency"] == CURRENCY
        and price["product"] == product
        and price["recurring"]["interval"] == INTERVALS[offer.interval]
        and price["tax_behavior"] == "exclusive"
    )


def portal_id(client: StripeClient) -> str | None:
    """Return the id of our configuration of the portal, or None before it was made."""
    for one in client.v1.billing_portal.configurations.list(
        params={"active": True, "limit": 100}
    ).auto_paging_iter():
        if metadata_of(one).get(MARK):
            return one.id
    return None


def _sync_portal(client: StripeClient, prices: dict[str, str]) -> list[str]:
    """Let the portal change plans: upward at once with proration, downward at the period's end."""
    products = [
        {
            "product": product_of(name),
            "prices": [prices[lookup_key(name, interval)] for interval in INTERVALS],
        }
        for name in PLAN_OF_PRODUCT.values()
    ]
    features: ConfigurationCreateParamsFeatures = {
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "customer_update": {"enabled": True, "allowed_updates": ["address", "tax_id"]},
        "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "proration_behavior": "always_invoice",
            "products": products,  # type: ignore[typeddict-item]
            "schedule_at_period_end": {
                "conditions": [{"type": "decreasing_item_amount"}, {"type": "shortening_interval"}]
            },
        },
    }
    mark = "-".join(sorted(prices.values()))[:500]
    found = portal_id(client)
    if found is None:
        client.v1.billing_portal.configurations.create(
            params={"features": features, "metadata": {MARK: mark}}
        )
        return ["portal made"]
    now = client.v1.billing_portal.configurations.retrieve(found).to_dict()
    if now["metadata"][MARK] == mark:
        return []
    changed: Any = {"features": features, "metadata": {MARK: mark}}
    client.v1.billing_portal.configurations.update(found, params=changed)
    return ["portal changed"]
