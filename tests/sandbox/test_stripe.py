"""The stand-in for Stripe refuses what Stripe refuses, in Stripe's words."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import stripe as library

from sandbox.stripe import deliveries, subscriptions
from sandbox.stripe.errors import StripeFault
from sandbox.stripe.forms import parse
from sandbox.stripe.server import Stripe

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400


@pytest.fixture
def server() -> Iterator[Stripe]:
    made = Stripe()
    yield made
    made.close()


@pytest.fixture
def client(server) -> library.StripeClient:
    return library.StripeClient(
        server.key, base_addresses={"api": server.address}, max_network_retries=0
    )


@pytest.fixture
def price(client) -> library.Price:
    product = client.v1.products.create({"id": "pulse_pro", "name": "Pro"})
    return client.v1.prices.create(
        {
            "product": product.id,
            "currency": "usd",
            "unit_amount": 9_900,
            "recurring": {"interval": "month"},
            "lookup_key": "pro",
        }
    )


def test_nested_forms_are_read():
    text = "a[b][0][c]=1&a[b][1][c]=2&keys[]=x&keys[]=y&plain=z&empty="
    assert parse(text) == {
        "a": {"b": [{"c": "1"}, {"c": "2"}]},
        "keys": ["x", "y"],
        "plain": "z",
        "empty": "",
    }
    for wrong in ("a[b=1", "a]=1", "a=1&a[b]=2", "a" + "[b]" * 30 + "=1"):
        with pytest.raises(StripeFault):
            parse(wrong)


def test_a_key_names_one_request_only(client, server):
    options = {"idempotency_key": "k"}
    first = client.v1.customers.create({"email": "a@example.com"}, options)
    assert client.v1.customers.create({"email": "a@example.com"}, options).id == first.id
    assert len(server.books.all("customer")) == 1
    with pytest.raises(library.IdempotencyError):
        client.v1.customers.create({"email": "b@example.com"}, options)


def test_errors_are_those_of_stripe(client, server, price):
    with pytest.raises(library.InvalidRequestError) as gone:
        client.v1.customers.retrieve("cus_none")
    assert (gone.value.code, gone.value.http_status) == ("resource_missing", 404)
    with pytest.raises(library.InvalidRequestError, match="already uses that lookup key"):
        client.v1.prices.create(
            {
                "product": "pulse_pro",
                "currency": "usd",
                "unit_amount": 1,
                "recurring": {"interval": "month"},
                "lookup_key": "pro",
            }
        )
    with pytest.raises(library.InvalidRequestError, match="unknown parameter: unit_amount"):
        client.v1.prices.update(price.id, {"unit_amount": 5})  # type: ignore[typeddict-unknown-key]
    with pytest.raises(library.InvalidRequestError, match="at most 4 levels"):
        client.v1.prices.list({"expand": ["a.b.c.d.e"]})
    stranger = library.StripeClient("sk_test_x", base_addresses={"api": server.address})
    with pytest.raises(library.AuthenticationError):
        stranger.v1.prices.list()
    assert httpx.get(f"{server.address}/v1/nothing", trust_env=False).status_code == 401


def test_lists_come_in_pages(client):
    made = [client.v1.customers.create({"email": f"{n}@example.com"}).id for n in range(7)]
    found = client.v1.customers.list({"limit": 3})
    assert found.has_more
    assert [one.id for one in found.auto_paging_iter()] == made[::-1]
    back = client.v1.customers.list({"limit": 2, "ending_before": made[0]})
    assert [one.id for one in back.data] == made[2:0:-1]
    with pytest.raises(library.InvalidRequestError, match="between 1 and 100"):
        client.v1.customers.list({"limit": 1000})


def test_a_lookup_key_moves_to_a_newer_price(client, price):
    newer = client.v1.prices.create(
        {
            "product": "pulse_pro",
            "currency": "usd",
            "unit_amount": 11_900,
            "recurring": {"interval": "month"},
            "lookup_key": "pro",
            "transfer_lookup_key": True,
        }
    )
    assert [p.id for p in client.v1.prices.list({"lookup_keys": ["pro"]}).data] == [newer.id]


def subscribe(client, price, **values):
    customer = client.v1.customers.create({"email": "a@example.com"})
    return client.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": price.id}], **values}
    )


def test_the_clock_renews_to_the_day(client, server, price):
    made = subscribe(client, price)
    assert made.status == "active"
    for _ in range(3):
        server.advance(31 * DAY)
    bills = client.v1.invoices.list({"subscription": made.id}).data
    assert [bill.status for bill in bills] == ["paid"] * len(bills)
    assert {bill.billing_reason for bill in bills} == {
        "subscription_create", "subscription_cycle",
    }  # fmt: skip
    assert subscriptions.add_interval(1_769_817_600, "month") == 1_772_236_800  # 31 Jan, 28 Feb
    assert subscriptions.add_interval(1_835_395_200, "year") == 1_866_931_200  # 29 Feb, 28 Feb


def test_refused_renewals_are_tried_four_times(client, server, price):
    made = subscribe(client, price)
    server.books.declining.add(made.customer)
    server.advance(32 * DAY)
    assert client.v1.subscriptions.retrieve(made.id).status == "past_due"
    server.advance(8 * DAY)
    assert client.v1.subscriptions.retrieve(made.id).status == "canceled"
    failed = [e for e in server.books.events if e["type"] == "invoice.payment_failed"]
    assert len(failed) == 4
    with pytest.raises(library.InvalidRequestError):
        client.v1.subscriptions.cancel(made.id)


def test_a_first_payment_that_fails_expires(client, server, price):
    customer = client.v1.customers.create({"email": "a@example.com"})
    server.books.declining.add(customer.id)
    made = client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
    assert made.status == "incomplete"
    server.advance(DAY)
    assert client.v1.subscriptions.retrieve(made.id).status == "incomplete_expired"


def test_half_of_a_month_is_credited(client, server, price):
    made = subscribe(client, price)
    item = made.to_dict()["items"]["data"][0]
    half = (item["current_period_end"] - item["current_period_start"]) // 2
    dearer = client.v1.prices.create(
        {
            "product": "pulse_pro",
            "currency": "usd",
            "unit_amount": 29_900,
            "recurring": {"interval": "month"},
        }
    )
    server.advance(half)
    client.v1.subscriptions.update(
        made.id, {"items": [{"price": dearer.id}], "proration_behavior": "always_invoice"}
    )
    newest = client.v1.invoices.list({"subscription": made.id}).data[0]
    assert newest.total == pytest.approx((29_900 - 9_900) / 2, abs=2)
    assert newest.billing_reason == "subscription_update"


def test_webhooks_are_signed_as_the_library_checks(client, server):
    client.v1.customers.create({"email": "a@example.com"})
    body = deliveries.body_of(server.books.events[0])
    header = deliveries.signature(body, server.webhook_secret, 1_790_000_000)
    assert library.WebhookSignature.verify_header(body.decode(), header, server.webhook_secret)
    event = library.Webhook.construct_event(body, header, server.webhook_secret, tolerance=10**9)
    assert event.type == "customer.created"


def test_the_bench_lets_time_go_by_and_money_come_back(client, server, price):
    made = subscribe(client, price)
    with httpx.Client(base_url=server.address, trust_env=False) as web:
        assert "31 days have gone by" in web.post("/", data={"act": "advance", "days": "31"}).text
        for act in ("dispute", "won", "refund"):
            assert web.post("/", data={"act": act}).status_code == 200
        assert web.post("/", data={"act": "nothing"}).status_code == 400
        assert web.get("/c/pay/cs_none").status_code == 404
        assert "<script" not in web.get("/").text
    charge = client.v1.charges.list({"customer": str(made.customer)}).data[0]
    assert charge.refunded
    assert client.v1.disputes.list({"charge": charge.id}).data[0].status == "won"


def test_the_command_serves_and_says_what_to_set():
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "manage.py", "sandbox", "stripe", "--port", "0"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(5)]
    told = dict(line.split("=", 1) for line in lines[1:4])
    assert set(told) == {"STRIPE_API_BASE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"}
    made = library.StripeClient(
        told["STRIPE_SECRET_KEY"], base_addresses={"api": told["STRIPE_API_BASE"]}
    )
    assert made.v1.prices.list().data == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
