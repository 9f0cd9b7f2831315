"""Whatever the order of the webhooks, one and the same plan comes of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from django.db import transaction

from accounts.billing import events, services
from accounts.billing.client import client
from accounts.billing.models import (
    BillingCustomer,
    BillingInvoice,
    BillingSubscription,
    StripeEvent,
)
from accounts.billing.state import CustomerState, fetch
from accounts.entitlements import allows
from accounts.models import User
from accounts.plans import ENTITLEMENTS
from record.models import OutboxRow
from sandbox.stripe import invoices, portal, subscriptions
from sandbox.stripe.deliveries import shuffled
from tests.accounts.billing.conftest import deliver, pay

pytestmark = pytest.mark.django_db
SHUFFLES = 1_000
WHOLE_WAY = 30


def outcome(user: User) -> tuple[object, ...]:
    """Return plan, entitlements and the copies, as anything could read them."""
    fresh = User.objects.get(pk=user.pk)
    copies = BillingSubscription.objects.order_by("stripe_id").values_list(
        "stripe_id", "status", "hold", "keeps", "plan", "period_end", "ends", "next_plan"
    )
    paid = BillingInvoice.objects.order_by("stripe_id").values_list("stripe_id", "status")
    opened = tuple(name for name in ENTITLEMENTS if allows(fresh, name).allowed)
    return fresh.plan, opened, tuple(copies), tuple(paid)


def history(stripe, web) -> Iterator[None]:
    """Live through a year of a customer, a step at a time."""
    books = stripe.books
    pay(web, "pro", card="0341")
    yield
    stripe.advance(32 * 86_400)  # the renewal is refused
    yield
    session = {"customer": BillingCustomer.objects.get().stripe_id}
    portal.act(books, session, "card", "4242")
    yield
    price = next(p for p in books.all("price") if p["lookup_key"] == "pulse_pro_plus_monthly")
    portal.act(books, session, "change", price["id"])
    yield
    dispute = invoices.dispute(books, books.all("charge", status="succeeded")[-1])
    yield
    invoices.dispute_close(books, dispute, "won")
    yield
    portal.act(books, session, "cancel", "")
    yield
    portal.act(books, session, "resume", "")
    yield
    subscriptions.advance(books, 31 * 86_400)
    yield


def lived(stripe, person) -> tuple[User, list[CustomerState], list[int]]:
    """Return who lived it, Stripe's state after each step, and each event's first such state."""
    from django.test import Client

    user = person("nina")
    web = Client()
    web.force_login(user)
    states: list[CustomerState] = []
    since: list[int] = []
    seen = 0
    for _ in history(stripe, web):
        new = stripe.books.events[seen:]
        since += [len(states) for event in new if event["type"].startswith(events.OURS)]
        seen += len(new)
        states.append(fetch(client(), BillingCustomer.objects.get().stripe_id))
    return user, states, since


def test_a_thousand_orders_of_all_events_end_in_one_plan(stripe, person):
    """Each event is worked on twice, at any moment after it happened; some see old states first.

    The states were fetched by the official client after each step; what is done here a thousand
    times is what a worker does with them under the customer's lock, on the real tables.
    """
    user, states, since = lived(stripe, person)
    told = [event for event in stripe.books.events if event["type"].startswith(events.OURS)]
    ties = len(told) - len({event["created"] for event in told})
    assert len(since) == len(told) >= 15
    assert ties >= 10
    assert len({state.digest for state in states}) >= 6
    row = BillingCustomer.objects.get()
    wanted = None
    for seed in range(SHUFFLES):
        chance = random.Random(seed)
        order = list(range(len(since))) * 2
        chance.shuffle(order)
        begun = transaction.savepoint()
        # A worker asks at some moment after the event, maybe days late; moments only go on.
        moment = chance.randrange(len(states))
        for event in order:
            moment = max(moment, since[event])
            services.apply(row, states[moment])
        if seed % 20 == 0:
            found = outcome(user)
            wanted = wanted or found
            assert found == wanted
        else:
            assert User.objects.get(pk=user.pk).plan == wanted[0]
            assert row.digest == states[-1].digest
        transaction.savepoint_rollback(begun)
        row.refresh_from_db()
    assert wanted is not None
    assert wanted[0] == "pro_plus"


def test_shuffled_deliveries_come_through_the_whole_way(stripe, person, work):
    """The same with signed requests, stored rows, the outbox and the client over HTTP."""
    user, _, _ = lived(stripe, person)
    told = list(stripe.books.events)
    wanted = None
    for seed in range(WHOLE_WAY):
        chance = random.Random(seed)
        begun = transaction.savepoint()
        order = shuffled(told, chance)
        while order:
            batch = [order.pop() for _ in range(min(len(order), chance.randint(1, 30)))]
            assert all(deliver(event, stripe) == 200 for event in batch)
            rows = list(OutboxRow.objects.filter(state="pending").order_by("?"))
            for promised in rows:
                events.process(*promised.args)
                OutboxRow.objects.filter(pk=promised.pk).update(state="done")
        assert StripeEvent.objects.count() == len(told)
        found = outcome(user)
        wanted = wanted or found
        assert found == wanted
        transaction.savepoint_rollback(begun)
    assert wanted is not None
    assert wanted[0] == "pro_plus"


def test_a_storm_of_events_asks_stripe_once(stripe, buyer, work):
    buyer("nina")
    for event in stripe.books.events:
        deliver(event, stripe)
    stripe.received.clear()
    assert work() >= 8
    asked = [one for one in stripe.received if one.path.startswith("/v1/subscriptions")]
    assert len(asked) == 1


def test_what_was_heard_after_stripe_was_asked_is_asked_again(stripe, buyer):
    buyer("nina")
    row = BillingCustomer.objects.get()
    before = services.clock()
    services.sync(row.pk)
    stripe.received.clear()
    services.sync(row.pk, heard=before)
    assert stripe.received == []
    services.sync(row.pk, heard=services.clock())
    assert stripe.received != []
