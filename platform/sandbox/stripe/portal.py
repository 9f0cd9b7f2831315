"""The customer portal: its configurations and sessions, and what a person does there."""

from __future__ import annotations

from sandbox.stripe import invoices, subscriptions
from sandbox.stripe.books import Books, Thing, page
from sandbox.stripe.errors import StripeFault
from sandbox.stripe.forms import Params, flag, needed


def configure(books: Books, params: Params) -> Thing:
    """Keep what the portal offers."""
    made = books.make(
        "bpc",
        "billing_portal.configuration",
        {
            "active": True,
            "is_default": not books.all("billing_portal.configuration"),
            "features": needed(params, "features"),
            "business_profile": params.get("business_profile", {}),
            "default_return_url": params.get("default_return_url"),
            "metadata": dict(params.get("metadata", {})),
        },
    )
    books.tell("billing_portal.configuration.created", made)
    return made


def reconfigure(books: Books, name: str, params: Params) -> Thing:
    """Change what the portal offers."""
    found = books.get("billing_portal.configuration", name)
    for field in ("features", "business_profile", "metadata", "default_return_url"):
        if field in params:
            found[field] = params[field]
    books.tell("billing_portal.configuration.updated", found)
    return found


def configurations(books: Books, params: Params) -> Thing:
    """List configurations."""
    rows = books.all("billing_portal.configuration")
    if "active" in params:
        rows = [row for row in rows if row["active"] == flag(params["active"])]
    return page(rows, params, "/v1/billing_portal/configurations")


def open_session(books: Books, params: Params, address: str) -> Thing:
    """Open a session and return it with the address of its page."""
    customer = books.named("customer", params, "customer")
    if not books.all("billing_portal.configuration"):
        raise StripeFault("No configuration provided and your default has not been created.")
    if "configuration" in params:
        books.named("billing_portal.configuration", params, "configuration")
    made = books.make(
        "bps",
        "billing_portal.session",
        {
            "customer": customer["id"],
            "configuration": params.get("configuration"),
            "return_url": params.get("return_url"),
        },
    )
    made["url"] = f"{address}/p/session/{made['id']}"
    return made


def live_of(books: Books, session: Thing) -> Thing | None:
    """Return the subscription of a session's customer that has not ended."""
    rows = books.all("subscription", customer=session["customer"])
    return next((row for row in rows if row["status"] not in subscriptions.ENDED), None)


def prices_of(books: Books) -> list[Thing]:
    """Return the prices that can be changed to, cheapest first."""
    rows = [p for p in books.all("price") if p["active"] and p["lookup_key"]]
    return sorted(rows, key=lambda price: price["unit_amount"])


def act(books: Books, session: Thing, act_name: str, value: str) -> str:
    """Do what a person presses and return what it came to, in words."""
    found = live_of(books, session)
    if found is None:
        raise StripeFault("There is no subscription that goes on.")
    customer = books.things[session["customer"]]
    if act_name == "cancel":
        subscriptions.cancel_at_end(books, found, True)
        return "It ends with the period."
    if act_name == "resume":
        subscriptions.cancel_at_end(books, found, False)
        return "It goes on."
    if act_name == "card":
        return _card(books, customer, found, value)
    if act_name == "change":
        return _change(books, found, books.get("price", value))
    raise StripeFault("There is no such act.", param="act")


def _card(books: Books, customer: Thing, found: Thing, value: str) -> str:
    books.declining.discard(customer["id"])
    if value != "4242":
        books.declining.add(customer["id"])
    customer["invoice_settings"]["default_payment_method"] = f"pm_card_{value}"
    books.tell("customer.updated", customer)
    invoice = books.things[found["latest_invoice"]]
    if invoice["status"] == "open" and invoices.pay(books, invoice):
        subscriptions.paid(books, invoice)
        return "The card is kept and the open invoice is paid."
    return "The card is kept."


def _change(books: Books, found: Thing, price: Thing) -> str:
    old = found["items"]["data"][0]["price"]
    if found["schedule"]:
        subscriptions.release(books, found)
    if price["id"] == old["id"]:
        return "Nothing changes."
    shorter = _interval(old) == "year" and _interval(price) == "month"
    if shorter or _a_year(price) < _a_year(old):
        subscriptions.schedule_price(books, found, price)
        return "It changes when the period ends."
    subscriptions.change_price(books, found, price, "always_invoice")
    return "It is changed; the unused time is credited."


def _interval(price: Thing) -> str:
    return str(price["recurring"]["interval"])


def _a_year(price: Thing) -> int:
    return int(price["unit_amount"]) * (1 if _interval(price) == "year" else 12)
