"""The stand-in's server: Stripe's addresses, keys, idempotency and errors."""

from __future__ import annotations

import hmac
import operator
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from sandbox.server import Received, Reply, StandIn, json_reply
from sandbox.stripe import catalogue, checkout, invoices, pages, portal, subscriptions
from sandbox.stripe.books import Books, Thing, expanded, page
from sandbox.stripe.deliveries import Sender, shown
from sandbox.stripe.errors import StripeFault, missing
from sandbox.stripe.forms import Params, parse

_BOUNDS = {"gte": operator.ge, "gt": operator.gt, "lte": operator.le, "lt": operator.lt}
Answer = Callable[[Params], Thing]
Changed = Callable[[str, Params], Thing]
_PLURALS = {
    "customers": "customer",
    "products": "product",
    "prices": "price",
    "subscriptions": "subscription",
    "subscription_schedules": "subscription_schedule",
    "invoices": "invoice",
    "charges": "charge",
    "refunds": "refund",
    "disputes": "dispute",
    "events": "event",
    "checkout/sessions": "checkout.session",
    "billing_portal/configurations": "billing_portal.configuration",
}


class Stripe(StandIn):
    """Takes the key in `key` and signs webhooks with `webhook_secret`."""

    key = "sk_test_standin000000000000000000"
    webhook_secret = "whsec_standin00000000000000000000"  # noqa: S105 - opens nothing but itself

    def __init__(self, port: int = 0) -> None:
        self.books = Books()
        self.sender = Sender(self.webhook_secret)
        self.books.on_event = self.sender.take
        self._answered: dict[str, tuple[tuple[str, str, str], Reply]] = {}
        super().__init__(port=port)
        self.address = f"http://127.0.0.1:{self.port}"
        self._lists, self._makes, self._changes = self._routes()

    def advance(self, seconds: int) -> None:
        """Let time go by."""
        subscriptions.advance(self.books, seconds)

    def answer(self, request: Received) -> Reply:
        """Answer as Stripe does, or with the page that a person is sent to."""
        path, query = urlsplit(request.path)[2:4]
        try:
            if not path.startswith("/v1/"):
                return pages.answer(self.books, request.method, path, _text(request), self.sender)
            self._check_key(request)
            params = parse(_text(request) if request.method == "POST" else query)
            return self._once(request, path.removeprefix("/v1/").strip("/"), params)
        except StripeFault as fault:
            return json_reply(fault.status, fault.body())

    def _check_key(self, request: Received) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.key.encode()):
            raise StripeFault("Invalid API Key provided", status=401, kind="authentication_error")

    def _once(self, request: Received, path: str, params: Params) -> Reply:
        """Give the first answer again to a key that was used before, for the same question."""
        key = request.headers.get("idempotency-key", "")
        asked = (request.method, path, _text(request))
        if request.method == "POST" and key in self._answered:
            before, reply = self._answered[key]
            if before != asked:
                text = "Keys for idempotent requests can only be used with the same parameters."
                raise StripeFault(text, kind="idempotency_error")
            return reply
        try:
            body = expanded(self.books, self._do(request.method, path, params), params)
            reply = json_reply(200, shown(body))
        except StripeFault as fault:
            reply = json_reply(fault.status, fault.body())
        if request.method == "POST" and key:
            self._answered[key] = (asked, reply)
        return reply

    def _do(self, method: str, path: str, params: Params) -> Thing:
        if method == "GET":
            return self._read(path, params)
        if method == "POST" and path in self._makes:
            return self._makes[path](params)
        place, _, name = path.rpartition("/")
        if method == "DELETE":
            return self._delete(place, name)
        if name in ("pay", "expire"):
            place, _, thing = place.rpartition("/")
            place, name = f"{place}/{name}", thing
        if method == "POST" and place in self._changes:
            return self._changes[place](name, params)
        raise missing("route", path)

    def _read(self, path: str, params: Params) -> Thing:
        if path in self._lists:
            return self._lists[path](params)
        if path in _PLURALS:
            return page(self.books.all(_PLURALS[path]), params, f"/v1/{path}")
        place, _, name = path.rpartition("/")
        if place not in _PLURALS:
            raise missing("route", path)
        if place == "checkout/sessions":
            return checkout.current(self.books, name)
        return self.books.get(_PLURALS[place], name)

    def _delete(self, place: str, name: str) -> Thing:
        if place == "subscriptions":
            return subscriptions.cancel(self.books, name)
        if place == "customers":
            return catalogue.customer_delete(self.books, name)
        raise missing("route", f"{place}/{name}")

    def _routes(self) -> tuple[dict[str, Answer], dict[str, Answer], dict[str, Changed]]:
        books, address = self.books, self.address
        lists: dict[str, Answer] = {
            "prices": lambda p: catalogue.price_list(books, p),
            "subscriptions": lambda p: subscriptions.listing(books, p),
            "invoices": lambda p: invoices.invoice_list(books, p),
            "invoice_payments": lambda p: invoices.payment_list(books, p),
            "charges": lambda p: invoices.charge_list(books, p),
            "disputes": lambda p: invoices.dispute_list(books, p),
            "checkout/sessions": lambda p: checkout.listing(books, p),
            "billing_portal/configurations": lambda p: portal.configurations(books, p),
            "events": lambda p: _events(books, p),
        }
        makes: dict[str, Answer] = {
            "customers": lambda p: catalogue.customer_create(books, p),
            "products": lambda p: catalogue.product_create(books, p),
            "prices": lambda p: catalogue.price_create(books, p),
            "subscriptions": lambda p: subscriptions.create(books, p),
            "refunds": lambda p: invoices.refund(books, p),
            "checkout/sessions": lambda p: checkout.create(books, p, address),
            "billing_portal/sessions": lambda p: portal.open_session(books, p, address),
            "billing_portal/configurations": lambda p: portal.configure(books, p),
        }
        changes: dict[str, Changed] = {
            "customers": lambda name, p: catalogue.customer_update(books, name, p),
            "products": lambda name, p: catalogue.product_update(books, name, p),
            "prices": lambda name, p: catalogue.price_update(books, name, p),
            "subscriptions": lambda name, p: subscriptions.update(books, name, p),
            "invoices/pay": lambda name, p: invoices.invoice_pay(books, name),
            "checkout/sessions/expire": lambda name, p: checkout.expire(books, name),
            "billing_portal/configurations": lambda name, p: portal.reconfigure(books, name, p),
        }
        return lists, makes, changes


def _text(request: Received) -> str:
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise StripeFault("The body is not UTF-8.") from None


def _events(books: Books, params: Params) -> Thing:
    rows: list[dict[str, Any]] = books.events[::-1]
    if "type" in params:
        rows = [row for row in rows if row["type"] == params["type"]]
    wanted = params.get("created", {})
    for name, keeps in _BOUNDS.items():
        if name in wanted:
            rows = [row for row in rows if keeps(row["created"], int(wanted[name]))]
    return page(rows, params, "/v1/events")
