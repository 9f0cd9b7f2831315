"""Products, prices and customers."""

from __future__ import annotations

from sandbox.stripe.books import Books, Thing, page
from sandbox.stripe.errors import StripeFault
from sandbox.stripe.forms import Params, flag, listed, needed, whole


def product_create(books: Books, params: Params) -> Thing:
    """Make a product; an id may be given."""
    made = books.make(
        "prod",
        "product",
        {
            "name": needed(params, "name"),
            "active": flag(params.get("active"), default=True),
            "description": params.get("description"),
            "metadata": dict(params.get("metadata", {})),
            "tax_code": params.get("tax_code"),
            "updated": books.now,
        },
        name=params.get("id", ""),
    )
    books.tell("product.created", made)
    return made


def product_update(books: Books, name: str, params: Params) -> Thing:
    """Change a product."""
    found = books.get("product", name)
    _change(found, params, ("name", "description", "tax_code"))
    found["updated"] = books.now
    books.tell("product.updated", found)
    return found


def price_create(books: Books, params: Params) -> Thing:
    """Make a price, taking over its lookup key when that is asked."""
    product = books.named("product", params, "product")
    recurring = params.get("recurring", {})
    if recurring.get("interval") not in {"month", "year"}:
        raise StripeFault("Invalid recurring[interval]", param="recurring[interval]")
    key = params.get("lookup_key")
    for other in books.all("price", lookup_key=key) if key else ():
        if not flag(params.get("transfer_lookup_key")):
            text = f"A price (`{other['id']}`) already uses that lookup key."
            raise StripeFault(text, param="lookup_key")
        other["lookup_key"] = None
        books.tell("price.updated", other, {"lookup_key": key})
    made = books.make(
        "price",
        "price",
        {
            "product": product["id"],
            "active": True,
            "type": "recurring",
            "billing_scheme": "per_unit",
            "currency": needed(params, "currency"),
            "unit_amount": whole(params, "unit_amount", 0),
            "recurring": {
                "interval": recurring["interval"],
                "interval_count": int(recurring.get("interval_count", 1)),
                "usage_type": "licensed",
            },
            "lookup_key": key,
            "nickname": params.get("nickname"),
            "tax_behavior": params.get("tax_behavior", "unspecified"),
            "metadata": dict(params.get("metadata", {})),
        },
    )
    books.tell("price.created", made)
    return made


def price_update(books: Books, name: str, params: Params) -> Thing:
    """Change what can be changed of a price: never its amount."""
    found = books.get("price", name)
    for fixed in ("unit_amount", "currency", "recurring", "product"):
        if fixed in params:
            raise StripeFault(f"Received unknown parameter: {fixed}", param=fixed)
    _change(found, params, ("nickname", "lookup_key", "tax_behavior"))
    books.tell("price.updated", found)
    return found


def price_list(books: Books, params: Params) -> Thing:
    """List prices by lookup key, product and whether they are active."""
    keys = listed(params, "lookup_keys")
    if len(keys) > 10:
        raise StripeFault("You may only specify up to 10 of these values.", param="lookup_keys")
    found = [
        price
        for price in books.all("price")
        if (not keys or price["lookup_key"] in keys)
        and params.get("product", price["product"]) == price["product"]
        and flag(params.get("active"), default=price["active"]) == price["active"]
    ]
    return page(found, params, "/v1/prices")


def customer_create(books: Books, params: Params) -> Thing:
    """Make a customer."""
    made = books.make(
        "cus",
        "customer",
        {
            "email": params.get("email"),
            "name": params.get("name"),
            "metadata": dict(params.get("metadata", {})),
            "balance": 0,
            "delinquent": False,
            "invoice_settings": {"default_payment_method": None},
        },
    )
    books.tell("customer.created", made)
    return made


def customer_update(books: Books, name: str, params: Params) -> Thing:
    """Change a customer."""
    found = books.get("customer", name)
    _change(found, params, ("email", "name"))
    books.tell("customer.updated", found)
    return found


def customer_delete(books: Books, name: str) -> Thing:
    """Remove a customer, whose subscriptions end at once."""
    from sandbox.stripe import subscriptions

    found = books.get("customer", name)
    for one in books.all("subscription", customer=name):
        if one["status"] not in subscriptions.ENDED:
            subscriptions.end(books, one)
    del books.things[name]
    books.tell("customer.deleted", found)
    return {"id": name, "object": "customer", "deleted": True}


def _change(found: Thing, params: Params, names: tuple[str, ...]) -> None:
    for name in names:
        if name in params:
            found[name] = params[name] or None
    if "active" in params:
        found["active"] = flag(params["active"])
    for key, value in params.get("metadata", {}).items():
        found["metadata"][key] = value
