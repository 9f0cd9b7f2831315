"""Checkout sessions, and what a person does on their page."""

from __future__ import annotations

from sandbox.stripe import subscriptions
from sandbox.stripe.books import DAY, Books, Thing, page
from sandbox.stripe.errors import StripeFault
from sandbox.stripe.forms import Params, listed, needed, whole

PAYS, REFUSED_LATER, DECLINED = "4242", "0341", "0002"
"""Last digits of the cards: one pays, one is refused at renewals, one is declined at once."""


def create(books: Books, params: Params, address: str) -> Thing:
    """Open a session for a subscription and return it with the address of its page."""
    if params.get("mode") != "subscription":
        raise StripeFault("This stand-in takes mode=subscription only.", param="mode")
    customer = books.named("customer", params, "customer")
    lines = listed(params, "line_items")
    if len(lines) != 1:
        raise StripeFault("This stand-in takes one line item.", param="line_items")
    price = books.named("price", lines[0], "price")
    if not price["active"]:
        raise StripeFault("The price specified is inactive.", param="line_items[0][price]")
    ends = whole(params, "expires_at", books.now + DAY)
    wish = params.get("subscription_data", {})
    made = books.make(
        "cs_test",
        "checkout.session",
        {
            "mode": "subscription",
            "customer": customer["id"],
            "client_reference_id": params.get("client_reference_id"),
            "status": "open",
            "payment_status": "unpaid",
            "subscription": None,
            "success_url": needed(params, "success_url"),
            "cancel_url": params.get("cancel_url"),
            "expires_at": ends,
            "amount_total": price["unit_amount"],
            "currency": "usd",
            "metadata": dict(params.get("metadata", {})),
            "_price": price["id"],
            "_trial_days": whole(wish, "trial_period_days", 0),
            "_metadata": dict(wish.get("metadata", {})),
        },
    )
    made["url"] = f"{address}/c/pay/{made['id']}"
    return made


def pay(books: Books, session: Thing, card: str) -> str:
    """Pay with a card; return where the browser goes, or nothing when the card is declined."""
    check_open(books, session)
    if card not in (PAYS, REFUSED_LATER, DECLINED):
        raise StripeFault("Choose one of the cards.", param="card")
    if card == DECLINED:
        return ""
    customer = books.get("customer", session["customer"])
    books.declining.discard(customer["id"])
    customer["invoice_settings"]["default_payment_method"] = f"pm_card_{card}"
    made = subscriptions.start(
        books,
        customer,
        books.get("price", session["_price"]),
        trial_days=session["_trial_days"],
        metadata=session["_metadata"],
    )
    if card == REFUSED_LATER:
        books.declining.add(customer["id"])
    session["status"], session["payment_status"] = "complete", "paid"
    session["subscription"], session["url"] = made["id"], None
    books.tell("checkout.session.completed", session)
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def expire(books: Books, name: str) -> Thing:
    """Close a session that nobody has paid."""
    session = books.get("checkout.session", name)
    check_open(books, session)
    session["status"], session["url"] = "expired", None
    books.tell("checkout.session.expired", session)
    return session


def current(books: Books, name: str) -> Thing:
    """Return a session, closed when its time is over."""
    session = books.get("checkout.session", name)
    if session["status"] == "open" and session["expires_at"] <= books.now:
        return expire(books, name)
    return session


def listing(books: Books, params: Params) -> Thing:
    """List sessions of a customer."""
    wanted = {name: params[name] for name in ("customer", "status") if name in params}
    return page(books.all("checkout.session", **wanted), params, "/v1/checkout/sessions")


def check_open(books: Books, session: Thing) -> None:
    """Raise Stripe's error unless the session can still be paid."""
    if session["status"] != "open":
        text = f"This Session is {session['status']} and can no longer be used."
        raise StripeFault(text, code="checkout_session_not_open")
