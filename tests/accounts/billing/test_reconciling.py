"""What webhooks lost is found, healed and reported; a worker that dies changes nothing."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import services as accounts
from accounts.billing import catalogue, events, reconciling, services
from accounts.billing.client import client
from accounts.billing.models import (
    BillingCustomer,
    BillingReconciliation,
    BillingSubscription,
)
from accounts.models import User
from record import outbox
from record.models import AuditEntry, OutboxRow
from sandbox.stripe import subscriptions
from sandbox.stripe.deliveries import Faults, Sender
from tests.accounts.billing.conftest import deliver


def plan_of(user: User) -> str:
    return User.objects.get(pk=user.pk).plan


@pytest.mark.django_db
def test_lost_events_are_healed_and_reported(stripe, buyer, work, monkeypatch):
    monkeypatch.setattr(reconciling, "SLICE_S", 0.0)  # a slice is one step
    monkeypatch.setattr(reconciling, "PAGE", 7)
    users = [buyer(name) for name in ("anna", "bert", "carl")]
    stripe.books.forward_to(stripe.books.now)
    for event in stripe.books.events:
        event["created"] -= 3600  # long enough ago that nothing is still on its way
    reconciling.begin()
    assert work() >= 4 + len(stripe.books.events) // 7
    assert [plan_of(user) for user in users] == ["pro"] * 3
    run = BillingReconciliation.objects.get()
    assert (run.customers, run.healed, len(run.drifted), run.failed) == (3, 3, 3, 0)
    assert (run.phase, run.finished is not None) == ("done", True)
    assert run.drifted[0] == {
        "customer": users[0].billing.stripe_id, "from": "free", "to": "pro",
    }  # fmt: skip
    assert run.lost_events >= 20
    assert run.lost_events == sum(e["type"].startswith(events.OURS) for e in stripe.books.events)
    assert AuditEntry.objects.filter(chain=accounts.CHAIN, action="stripe_reconcile").count() == 1
    for event in stripe.books.events:
        deliver(event, stripe)
    out = io.StringIO()
    call_command("stripe_reconcile", stdout=out)
    assert "customers compared: 3, not answered: 0" in out.getvalue()
    assert "events that never came: 0" in out.getvalue()
    assert "copies that were behind: 0" in out.getvalue()
    assert "plans put right: 0" in out.getvalue()


@pytest.mark.django_db
def test_a_plan_that_drifted_from_its_copy_is_put_right(stripe, buyer, work):
    user = buyer("nina")
    services.sync(user.billing.pk)
    User.objects.filter(pk=user.pk).update(plan="pro_plus")
    run = reconciling.run_now()
    assert plan_of(user) == "pro"
    assert (run.healed, [one["to"] for one in run.drifted]) == (0, ["pro"])


@pytest.mark.django_db
def test_a_copy_behind_whose_plan_is_right_is_healed_and_no_drift(stripe, buyer):
    user = buyer("nina")
    services.sync(user.billing.pk)
    subscriptions.cancel_at_end(stripe.books, stripe.books.all("subscription")[0], True)
    run = reconciling.run_now()
    assert (run.healed, run.drifted) == (1, [])
    assert BillingSubscription.objects.get().ends is not None


@pytest.mark.django_db
def test_no_answer_is_awaited_while_two_customers_are_locked(stripe, buyer, monkeypatch):
    """Each customer is compared in a transaction of its own; lists are read in none."""
    users = [buyer(name) for name in ("anna", "bert", "carl")]
    depth = len(connection.savepoint_ids)
    asked: list[tuple[str, int]] = []
    ask = services.fetch

    def told(client, customer):
        locked = [sql for sql in queries if "FOR UPDATE" in sql and "billingcustomer" in sql]
        asked.append((customer, len(locked)))
        queries.clear()
        return ask(client, customer)

    queries: list[str] = []

    def note(execute, sql, *rest):
        queries.append(sql)
        return execute(sql, *rest)

    def outside():
        assert len(connection.savepoint_ids) == depth
        return client()

    monkeypatch.setattr(services, "fetch", told)
    monkeypatch.setattr(reconciling, "client", outside)
    with connection.execute_wrapper(note):
        reconciling.run_now()
    assert asked == [(user.billing.stripe_id, 1) for user in users]


@pytest.mark.django_db
def test_a_run_that_breaks_off_goes_on_where_it_stood(stripe, buyer, work, monkeypatch):
    users = [buyer(name) for name in ("anna", "bert", "carl")]
    compared: list[int] = []
    sync = services.sync

    def once_broken(pk, **options):
        compared.append(pk)
        if len(compared) == 2:
            raise SystemExit("the worker is stopped")
        return sync(pk, **options)

    monkeypatch.setattr(services, "sync", once_broken)
    reconciling.begin()
    promised = OutboxRow.objects.get()
    with pytest.raises(SystemExit):
        outbox.run(promised.pk)
    run = BillingReconciliation.objects.get()
    anna, bert, carl = (user.billing.pk for user in users)
    assert (run.customers, run.cursor, plan_of(users[0])) == (1, str(anna), "pro")
    OutboxRow.objects.update(leased_until=None)
    assert outbox.run(promised.pk) == "done"
    run.refresh_from_db()
    assert compared == [anna, bert, bert, carl]
    assert (run.customers, run.healed, run.phase) == (3, 3, "done")
    assert reconciling.step(run.pk) is False


@pytest.mark.django_db
def test_a_page_that_another_worker_took_is_not_counted_twice(stripe, buyer, monkeypatch):
    buyer("nina")
    for event in stripe.books.events:
        event["created"] -= 3600
    run = reconciling.begin()
    while run.phase == "customers":
        reconciling.step(run.pk)
        run.refresh_from_db()
    stale = BillingReconciliation.objects.get()
    reconciling.step(run.pk)
    reconciling._next_events(stale)
    run.refresh_from_db()
    assert run.lost_events == sum(e["type"].startswith(events.OURS) for e in stripe.books.events)


@pytest.mark.django_db
def test_who_pays_and_is_unknown_here_is_named(stripe, buyer, monkeypatch):
    user = buyer("nina")
    BillingCustomer.objects.all().delete()
    monkeypatch.setattr(reconciling, "PAGE", 1)
    subscriptions.end(stripe.books, subscriptions.start(  # who ended pays no more
        stripe.books, stripe.books.all("customer")[0], stripe.books.all("price")[0],
        metadata={"pulse_user": "1"},
    ))  # fmt: skip
    run = reconciling.run_now()
    assert [one["customer"] for one in run.unknown] == [stripe.books.all("customer")[0]["id"]]
    assert plan_of(user) == "free"


@pytest.mark.django_db
def test_one_customer_that_fails_does_not_stop_the_rest(stripe, buyer):
    from sandbox import faults

    users = [buyer(name) for name in ("anna", "bert")]
    stripe.faults.append(faults.broken(503))
    run = reconciling.run_now()
    assert (run.failed, run.customers) == (1, 2)
    assert [plan_of(user) for user in users] == ["free", "pro"]


@pytest.mark.django_db
def test_without_keys_there_is_nothing_to_compare(db):
    assert reconciling.begin() is None
    for name in ("stripe_reconcile", "stripe_sync"):
        with pytest.raises(CommandError, match="STRIPE_SECRET_KEY"):
            call_command(name)


@pytest.mark.django_db
def test_the_catalogue_is_made_once_and_follows_the_plan_table(stripe, monkeypatch):
    import dataclasses

    out = io.StringIO()
    call_command("stripe_sync", stdout=out)
    assert out.getvalue() == "nothing to do\n"
    prices = {p["lookup_key"]: p["unit_amount"] for p in stripe.books.all("price")}
    assert prices == {
        "pulse_pro_monthly": 9_900,
        "pulse_pro_yearly": 99_000,
        "pulse_pro_plus_monthly": 29_900,
        "pulse_pro_plus_yearly": 299_000,
    }
    assert all(p["tax_behavior"] == "exclusive" for p in stripe.books.all("price"))
    assert all(p["tax_code"] for p in stripe.books.all("product"))
    old = catalogue.OFFERS[0]
    dearer = dataclasses.replace(
        old, plan=dataclasses.replace(old.plan, monthly=old.plan.monthly + 20)
    )
    monkeypatch.setattr(catalogue, "OFFERS", (dearer, *catalogue.OFFERS[1:]))
    assert catalogue.sync(client()) == ["price pulse_pro_monthly replaced", "portal changed"]
    assert catalogue.sync(client()) == []
    rows = stripe.books.all("price", product="pulse_pro")
    assert [(p["unit_amount"], p["active"], p["lookup_key"]) for p in rows[:1]] == [
        (11_900, True, "pulse_pro_monthly")
    ]
    assert sum(not p["active"] for p in rows) == 1


@pytest.mark.django_db
def test_an_old_price_still_opens_its_plan(stripe, buyer, monkeypatch):
    user = buyer("nina")
    price = stripe.books.all("subscription")[0]["items"]["data"][0]["price"]
    price["lookup_key"] = None  # a newer price took it over
    services.sync(user.billing.pk)
    assert plan_of(user) == "pro"


@pytest.mark.django_db
def test_a_product_that_is_not_ours_opens_nothing(stripe, buyer):
    user = buyer("nina")
    stripe.books.all("subscription")[0]["items"]["data"][0]["price"]["product"] = "prod_other"
    services.sync(user.billing.pk)
    assert plan_of(user) == "free"
    assert BillingSubscription.objects.get().plan == "free"


def test_the_sender_loses_and_repeats_as_it_is_told():
    import time

    sent: list[bytes] = []
    sender = Sender("whsec_x", "http://127.0.0.1:1/", Faults(lost=1.0))
    sender.send = sent.append  # type: ignore[assignment,method-assign]
    sender.take({"id": "evt_1"})
    sender.faults = Faults(twice=1.0)
    sender.take({"id": "evt_2"})
    until = time.monotonic() + 5
    while len(sent) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(sent) == 2
    assert sent[0] == sent[1]
