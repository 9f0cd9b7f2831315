"""Subscriptions: how they begin, renew, fail, change and end as the clock goes on."""

from __future__ import annotations

import calendar
import datetime as dt

from sandbox.stripe import invoices
from sandbox.stripe.books import DAY, Books, Thing, page
from sandbox.stripe.errors import StripeFault, missing
from sandbox.stripe.forms import Params, flag, listed, whole
from sandbox.stripe.invoices import Line

ENDED = ("canceled", "incomplete_expired")
RETRY_DAYS = (3, 5, 7)
"""Days after a refused renewal until the next try; after the last one the subscription ends."""
_HOURS_TO_PAY = 23 * 3600


def add_interval(start: int, interval: str) -> int:
    """Return the second one month or year after `start`, on the month's last day at most."""
    at = dt.datetime.fromtimestamp(start, dt.UTC)
    months = at.month - 1 + (12 if interval == "year" else 1)
    year, month = at.year + months // 12, months % 12 + 1
    day = min(at.day, calendar.monthrange(year, month)[1])
    return int(at.replace(year=year, month=month, day=day).timestamp())


def start(
    books: Books,
    customer: Thing,
    price: Thing,
    *,
    trial_days: int = 0,
    metadata: dict[str, str] | None = None,
) -> Thing:
    """Begin a subscription with a trial or with its first payment."""
    now = books.now
    trial_end = now + trial_days * DAY if trial_days else None
    until = trial_end or add_interval(now, price["recurring"]["interval"])
    made = books.make(
        "sub",
        "subscription",
        {
            "customer": customer["id"],
            "status": "trialing" if trial_end else "incomplete",
            "cancel_at_period_end": False,
            "cancel_at": None,
            "canceled_at": None,
            "ended_at": None,
            "collection_method": "charge_automatically",
            "currency": "usd",
            "start_date": now,
            "trial_start": now if trial_end else None,
            "trial_end": trial_end,
            "latest_invoice": None,
            "schedule": None,
            "metadata": dict(metadata or {}),
            "items": {"object": "list", "has_more": False, "data": []},
        },
    )
    item = books.make(
        "si",
        "subscription_item",
        {
            "subscription": made["id"],
            "price": dict(price),
            "quantity": 1,
            "current_period_start": now,
            "current_period_end": until,
        },
    )
    made["items"]["data"].append(item)
    books.tell("customer.subscription.created", made)
    lines = [Line("Trial", 0, price) if trial_end else _whole(price)]
    invoice = invoices.make(books, made, "subscription_create", lines)
    if invoices.pay(books, invoice) and not trial_end:
        _set(books, made, status="active")
    return made


def paid(books: Books, invoice: Thing) -> None:
    """Let a subscription go on whose open invoice is paid."""
    found = books.things[invoice["parent"]["subscription_details"]["subscription"]]
    if found["status"] in ("incomplete", "past_due", "unpaid"):
        _set(books, found, status="active")


def change_price(books: Books, found: Thing, price: Thing, behavior: str) -> None:
    """Change to another price now, with the unused time credited as `behavior` says."""
    item = found["items"]["data"][0]
    old, now = item["price"], books.now
    begun, until = item["current_period_start"], item["current_period_end"]
    same_rhythm = old["recurring"]["interval"] == price["recurring"]["interval"]
    left = max(0, until - now) / max(1, until - begun)
    trial = found["status"] == "trialing"
    previous = {"items": {"data": [dict(item)]}}
    item["price"] = dict(price)
    if not same_rhythm and not trial:
        item["current_period_start"] = now
        item["current_period_end"] = add_interval(now, price["recurring"]["interval"])
    books.tell("customer.subscription.updated", found, previous)
    if trial or behavior == "none":
        return
    lines = [
        Line(f"Unused time on {_words(old)}", -round(old["unit_amount"] * left), old, True),
        Line(_words(price), round(price["unit_amount"] * left), price, True)
        if same_rhythm
        else _whole(price),
    ]
    if behavior == "always_invoice" or not same_rhythm:
        invoice = invoices.make(books, found, "subscription_update", lines)
        if not invoices.pay(books, invoice):
            _retry_later(books, found, invoice)
    else:
        found.setdefault("_pending", []).extend(lines)


def schedule_price(books: Books, found: Thing, price: Thing) -> None:
    """Change to another price when the period ends, by a schedule of two phases."""
    item = found["items"]["data"][0]
    phases = [
        _phase(item["price"], item["current_period_start"], item["current_period_end"]),
        _phase(price, item["current_period_end"], None),
    ]
    made = books.make(
        "sub_sched",
        "subscription_schedule",
        {
            "customer": found["customer"],
            "subscription": found["id"],
            "status": "active",
            "end_behavior": "release",
            "phases": phases,
        },
    )
    found["schedule"] = made["id"]
    books.tell("subscription_schedule.created", made)
    books.tell("customer.subscription.updated", found, {"schedule": None})


def release(books: Books, found: Thing) -> None:
    """Give a planned change up."""
    made = books.things[found["schedule"]]
    made["status"] = "released"
    found["schedule"] = None
    books.tell("subscription_schedule.released", made)
    books.tell("customer.subscription.updated", found, {"schedule": made["id"]})


def _phase(price: Thing, begin: int, end: int | None) -> Thing:
    return {
        "start_date": begin,
        "end_date": end,
        "items": [{"price": price["id"], "quantity": 1}],
    }


def cancel_at_end(books: Books, found: Thing, wish: bool) -> None:
    """Let a subscription end with its period, or take that back."""
    until = found["items"]["data"][0]["current_period_end"]
    _set(
        books,
        found,
        cancel_at_period_end=wish,
        cancel_at=until if wish else None,
        canceled_at=books.now if wish else None,
    )


def end(books: Books, found: Thing, status: str = "canceled") -> None:
    """End a subscription now."""
    found["status"] = status
    found["canceled_at"] = found["canceled_at"] or books.now
    found["ended_at"] = books.now
    kind = "deleted" if status == "canceled" else "updated"
    books.tell(f"customer.subscription.{kind}", found)


def update(books: Books, name: str, params: Params) -> Thing:
    """Change a subscription as its interface allows."""
    found = books.get("subscription", name)
    if found["status"] in ENDED:
        raise missing("subscription", name)
    items = listed(params, "items")
    if items:
        price = books.named("price", items[0], "price")
        behavior = params.get("proration_behavior", "create_prorations")
        change_price(books, found, price, behavior)
    if "cancel_at_period_end" in params:
        cancel_at_end(books, found, flag(params["cancel_at_period_end"]))
    if "metadata" in params:
        _set(books, found, metadata={**found["metadata"], **params["metadata"]})
    return found


def cancel(books: Books, name: str) -> Thing:
    """Cancel a subscription now."""
    found = books.get("subscription", name)
    if found["status"] in ENDED:
        raise missing("subscription", name)
    end(books, found)
    return found


def create(books: Books, params: Params) -> Thing:
    """Make a subscription without a checkout."""
    customer = books.named("customer", params, "customer")
    items = listed(params, "items")
    if not items:
        raise StripeFault("Missing required param: items.", param="items")
    price = books.named("price", items[0], "price")
    days = whole(params, "trial_period_days", 0)
    return start(books, customer, price, trial_days=days, metadata=params.get("metadata"))


def listing(books: Books, params: Params) -> Thing:
    """List subscriptions by customer and status; without a status, those that have not ended."""
    if "customer" in params:
        books.named("customer", params, "customer")
    status = params.get("status")
    rows = [
        one
        for one in books.all("subscription")
        if params.get("customer", one["customer"]) == one["customer"]
        and (status == "all" or (one["status"] == status if status else one["status"] not in ENDED))
    ]
    return page(rows, params, "/v1/subscriptions")


# --- the clock ----------------------------------------------------------------------------------
def advance(books: Books, seconds: int) -> None:
    """Let time go by; what falls due happens in its order and at its second."""
    until = books.now + seconds
    while True:
        due = [(at, one["id"]) for one in books.all("subscription") if (at := _due(books, one))]
        at, name = min(due, default=(until + 1, ""))
        if at > until:
            break
        books.forward_to(at)
        _happen(books, books.things[name])
    books.forward_to(until)


def _due(books: Books, found: Thing) -> int | None:
    """Return the second of what happens next to a subscription."""
    if found["status"] in (*ENDED, "paused"):
        return None
    if found["status"] == "incomplete":
        return int(found["start_date"]) + _HOURS_TO_PAY
    due = [int(found["items"]["data"][0]["current_period_end"])]
    if found.get("_retry_at"):
        due.append(int(found["_retry_at"]))
    return min(due)


def _happen(books: Books, found: Thing) -> None:
    if found["status"] == "incomplete":
        invoices.void(books, books.things[found["latest_invoice"]])
        end(books, found, "incomplete_expired")
    elif found.get("_retry_at") and found["_retry_at"] <= books.now:
        _retry(books, found)
    elif found["cancel_at_period_end"]:
        end(books, found)
    else:
        _renew(books, found)


def _renew(books: Books, found: Thing) -> None:
    item = found["items"]["data"][0]
    if found["schedule"]:
        made = books.things[found["schedule"]]
        item["price"] = dict(books.things[made["phases"][1]["items"][0]["price"]])
        made["status"], found["schedule"] = "released", None
        books.tell("subscription_schedule.released", made)
    price = item["price"]
    begin = item["current_period_end"]
    item["current_period_start"] = begin
    item["current_period_end"] = add_interval(begin, price["recurring"]["interval"])
    lines = [*found.pop("_pending", []), _whole(price)]
    if found["status"] == "unpaid":
        invoices.void(books, invoices.make(books, found, "subscription_cycle", lines))
        books.tell("customer.subscription.updated", found)
        return
    invoice = invoices.make(books, found, "subscription_cycle", lines)
    books.tell("customer.subscription.updated", found, {"latest_invoice": invoice["id"]})
    if invoices.pay(books, invoice):
        _set(books, found, status="active")
    else:
        _retry_later(books, found, invoice)


def _retry_later(books: Books, found: Thing, invoice: Thing) -> None:
    at = books.now + RETRY_DAYS[0] * DAY
    found["_retry_at"] = invoice["next_payment_attempt"] = at
    _set(books, found, status="past_due")


def _retry(books: Books, found: Thing) -> None:
    invoice = books.things[found["latest_invoice"]]
    if invoice["status"] != "open":
        found.pop("_retry_at")
        return
    tries = invoice["attempt_count"]
    if invoices.pay(books, invoice):
        found.pop("_retry_at")
        _set(books, found, status="active")
    elif tries < len(RETRY_DAYS):
        at = books.now + (RETRY_DAYS[tries] - RETRY_DAYS[tries - 1]) * DAY
        found["_retry_at"] = invoice["next_payment_attempt"] = at
        books.tell("invoice.updated", invoice)
    elif books.after_retries == "canceled":
        found.pop("_retry_at")
        end(books, found)
    else:
        found.pop("_retry_at")
        _set(books, found, status="unpaid")


def _set(books: Books, found: Thing, **values: object) -> None:
    previous = {name: found[name] for name, value in values.items() if found[name] != value}
    found.update(values)
    if previous:
        books.tell("customer.subscription.updated", found, previous)


def _whole(price: Thing) -> Line:
    return Line(_words(price), price["unit_amount"], price)


def _words(price: Thing) -> str:
    return f"{price['nickname'] or price['product']} for a {price['recurring']['interval']}"
