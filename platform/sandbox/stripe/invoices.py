"""Invoices and what is paid, given back and disputed on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sandbox.stripe.books import DAY, Books, Thing, page
from sandbox.stripe.errors import StripeFault, declined
from sandbox.stripe.forms import Params, whole


class Line(NamedTuple):
    """What is charged, how many cents (a credit is negative), and for which price."""

    text: str
    amount: int
    price: Thing
    proration: bool = False


DISPUTED = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


def make(books: Books, subscription: Thing, reason: str, lines: Sequence[Line]) -> Thing:
    """Make and finalize the invoice of a subscription; credits beyond its total are kept."""
    customer = books.things[subscription["customer"]]
    subtotal = sum(line.amount for line in lines)
    due = max(0, subtotal + customer["balance"])
    customer["balance"] = min(0, subtotal + customer["balance"])
    number = f"{customer['id'][-4:].upper()}-{len(books.all('invoice')) + 1:04d}"
    period = subscription["items"]["data"][0]
    made = books.make(
        "in",
        "invoice",
        {
            "customer": customer["id"],
            "customer_email": customer["email"],
            "status": "draft",
            "billing_reason": reason,
            "currency": "usd",
            "subtotal": subtotal,
            "total": subtotal,
            "total_taxes": [],
            "amount_due": due,
            "amount_paid": 0,
            "amount_remaining": due,
            "attempt_count": 0,
            "attempted": False,
            "auto_advance": True,
            "collection_method": "charge_automatically",
            "next_payment_attempt": None,
            "number": number,
            "hosted_invoice_url": None,
            "invoice_pdf": None,
            "period_start": period["current_period_start"],
            "period_end": period["current_period_end"],
            "parent": {
                "type": "subscription_details",
                "subscription_details": {"subscription": subscription["id"], "metadata": {}},
                "quote_details": None,
            },
            "lines": {
                "object": "list",
                "has_more": False,
                "data": [_line(subscription, line) for line in lines],
            },
            "status_transitions": {"paid_at": None, "finalized_at": books.now},
        },
    )
    subscription["latest_invoice"] = made["id"]
    books.tell("invoice.created", made)
    made["status"] = "open"
    books.tell("invoice.finalized", made)
    return made


def _line(subscription: Thing, line: Line) -> Thing:
    return {
        "object": "line_item",
        "description": line.text,
        "amount": line.amount,
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {
                "subscription": subscription["id"],
                "proration": line.proration,
            },
        },
        "pricing": {
            "type": "price_details",
            "price_details": {"price": line.price["id"], "product": line.price["product"]},
        },
    }


def pay(books: Books, invoice: Thing) -> bool:
    """Try the customer's card once and return whether it paid."""
    invoice["attempted"] = True
    invoice["attempt_count"] += 1
    if invoice["amount_due"] and invoice["customer"] in books.declining:
        _charge(books, invoice, paid=False)
        books.tell("invoice.payment_failed", invoice)
        return False
    if invoice["amount_due"]:
        _charge(books, invoice, paid=True)
    invoice["status"] = "paid"
    invoice["amount_paid"], invoice["amount_remaining"] = invoice["amount_due"], 0
    invoice["next_payment_attempt"] = None
    invoice["status_transitions"]["paid_at"] = books.now
    books.tell("invoice.paid", invoice)
    books.tell("invoice.payment_succeeded", invoice)
    return True


def _charge(books: Books, invoice: Thing, *, paid: bool) -> None:
    status = "succeeded" if paid else "failed"
    amount = invoice["amount_due"]
    shared = {"amount": amount, "currency": "usd", "customer": invoice["customer"]}
    intent = books.make(
        "pi",
        "payment_intent",
        {**shared, "status": "succeeded" if paid else "requires_payment_method"},
    )
    charge = books.make(
        "ch",
        "charge",
        {
            **shared,
            "payment_intent": intent["id"],
            "status": status,
            "paid": paid,
            "captured": paid,
            "amount_refunded": 0,
            "refunded": False,
            "disputed": False,
            "failure_code": None if paid else "card_declined",
        },
    )
    intent["latest_charge"] = charge["id"]
    books.make(
        "inpay",
        "invoice_payment",
        {
            "invoice": invoice["id"],
            "amount_requested": amount,
            "amount_paid": amount if paid else None,
            "currency": "usd",
            "is_default": True,
            "status": "paid" if paid else "open",
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
        },
    )
    books.tell(f"payment_intent.{'succeeded' if paid else 'payment_failed'}", intent)
    books.tell(f"charge.{status}", charge)


def void(books: Books, invoice: Thing) -> None:
    """Give up an invoice that nobody paid."""
    invoice["status"] = "void"
    invoice["next_payment_attempt"] = None
    books.tell("invoice.voided", invoice)


def refund(books: Books, params: Params) -> Thing:
    """Give a payment back, in whole or in part."""
    if "charge" in params:
        charge = books.named("charge", params, "charge")
    else:
        intent = books.named("payment_intent", params, "payment_intent")
        charge = books.get("charge", intent["latest_charge"])
    left = charge["amount"] - charge["amount_refunded"]
    amount = whole(params, "amount", left)
    if not 0 < amount <= left:
        text = "Charge has already been refunded." if not left else "Invalid refund amount."
        raise StripeFault(text, code="charge_already_refunded", param="amount")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    made = books.make(
        "re",
        "refund",
        {
            "amount": amount,
            "charge": charge["id"],
            "payment_intent": charge["payment_intent"],
            "currency": "usd",
            "reason": params.get("reason"),
            "status": "succeeded",
        },
    )
    books.tell("refund.created", made)
    books.tell("charge.refunded", charge)
    return made


def dispute(books: Books, charge: Thing, reason: str = "fraudulent") -> Thing:
    """Let a card's holder dispute a payment with the bank."""
    charge["disputed"] = True
    made = books.make(
        "du",
        "dispute",
        {
            "amount": charge["amount"],
            "charge": charge["id"],
            "payment_intent": charge["payment_intent"],
            "currency": "usd",
            "reason": reason,
            "status": "needs_response",
            "evidence_details": {"due_by": books.now + 9 * DAY},
        },
    )
    books.tell("charge.dispute.created", made)
    return made


def dispute_close(books: Books, made: Thing, status: str) -> None:
    """Let the bank decide: won or lost."""
    made["status"] = status
    books.tell("charge.dispute.closed", made)


def invoice_pay(books: Books, name: str) -> Thing:
    """Try an open invoice again, as the person or an operator asks."""
    from sandbox.stripe import subscriptions

    found = books.get("invoice", name)
    if found["status"] != "open":
        raise StripeFault("Invoice is already paid.", code="invoice_not_open")
    if not pay(books, found):
        raise declined()
    subscriptions.paid(books, found)
    return found


def invoice_list(books: Books, params: Params) -> Thing:
    """List invoices by customer, subscription and status."""
    wanted = params.get("subscription")
    rows = [
        one
        for one in _with(books, "invoice", params, ("customer", "status"))
        if wanted in (None, one["parent"]["subscription_details"]["subscription"])
    ]
    return page(rows, params, "/v1/invoices")


def payment_list(books: Books, params: Params) -> Thing:
    """List the payments of an invoice."""
    rows = _with(books, "invoice_payment", params, ("invoice", "status"))
    return page(rows, params, "/v1/invoice_payments")


def charge_list(books: Books, params: Params) -> Thing:
    """List charges by customer and payment intent."""
    rows = _with(books, "charge", params, ("customer", "payment_intent"))
    return page(rows, params, "/v1/charges")


def dispute_list(books: Books, params: Params) -> Thing:
    """List disputes of a charge."""
    rows = _with(books, "dispute", params, ("charge", "payment_intent"))
    return page(rows, params, "/v1/disputes")


def _with(books: Books, kind: str, params: Params, names: tuple[str, ...]) -> list[Thing]:
    return books.all(kind, **{name: params[name] for name in names if name in params})
