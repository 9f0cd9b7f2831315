"""Fixtures of the billing tests: a stand-in for Stripe, people who buy there, a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from celery import current_app
from django.test import Client, RequestFactory

from accounts.billing import catalogue, views
from accounts.billing.client import client
from accounts.models import User
from record import broker, outbox
from record.models import OutboxRow
from sandbox.stripe.deliveries import body_of, signature
from sandbox.stripe.server import Stripe

HOOK = "/stripe/webhook/"


@pytest.fixture
def stripe(settings) -> Iterator[Stripe]:
    """A stand-in whose catalogue `stripe_sync` has made."""
    made = Stripe()
    settings.STRIPE_SECRET_KEY = made.key
    settings.STRIPE_WEBHOOK_SECRET = made.webhook_secret
    settings.STRIPE_API_BASE = made.address
    catalogue.sync(client())
    made.books.events.clear()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _quiet_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages go nowhere: a test says when the worker works, as the sweep would."""
    current_app.loader.import_default_modules()
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)


@pytest.fixture
def work() -> Callable[[], int]:
    """Return a function that does all promised work and returns how much there was."""

    def do() -> int:
        done = 0
        while rows := list(OutboxRow.objects.filter(state="pending").values_list("pk", flat=True)):
            for row in rows:
                assert outbox.run(row) == "done", OutboxRow.objects.get(pk=row).error
            done += len(rows)
        return done

    return do


@pytest.fixture
def buyer(stripe: Stripe, person) -> Callable[..., User]:
    """Return a function that makes somebody who has just paid; no webhook has come yet."""

    def make(
        name: str, plan: str = "pro", interval: str = "monthly", *, card: str = "4242"
    ) -> User:
        user = person(name)
        web = Client()
        web.force_login(user)
        pay(web, plan, interval, card=card)
        return user

    return make


def pay(web: Client, plan: str, interval: str = "monthly", *, card: str = "4242") -> httpx.Response:
    """Press the button of a plan, then pay on the page that it leads to; return its answer."""
    answer = web.post("/account/billing/checkout/", {"plan": plan, "billing": interval})
    assert answer.status_code == 302, answer.content
    assert urlsplit(answer.url).path.startswith("/c/pay/"), answer.url
    return httpx.post(answer.url, data={"act": "pay", "card": card}, trust_env=False)


def deliver(event: dict, stripe: Stripe) -> int:
    """Deliver one event as Stripe does; return the status of the answer."""
    return post_signed(body_of(event), stripe).status_code


def post_signed(body: bytes, stripe: Stripe):
    """Post a body to the webhook's view, signed by the stand-in."""
    header = signature(body, stripe.webhook_secret, int(time.time()))
    request = RequestFactory().post(
        HOOK, body, content_type="application/json", headers={"Stripe-Signature": header}
    )
    return views.stripe_webhook(request)
