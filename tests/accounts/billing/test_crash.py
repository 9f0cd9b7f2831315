"""kill -9 of a worker in the middle: nothing is half done, and the work is done once after it."""

from __future__ import annotations

import orjson
import pytest
from django.utils import timezone

from accounts.billing.models import BillingCustomer, BillingSubscription, StripeEvent
from accounts.models import User
from accounts.services import CHAIN
from record import hints, outbox
from record.live.listener import PLAN
from record.models import AuditEntry, OutboxRow
from tests.accounts.billing.conftest import deliver
from tests.record.conftest import child

__all__ = ["child"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

CODE = """
from celery import current_app
from record import audit, outbox

settings.STRIPE_SECRET_KEY = {key!r}
settings.STRIPE_WEBHOOK_SECRET = {secret!r}
settings.STRIPE_API_BASE = {base!r}
current_app.loader.import_default_modules()
write = audit.write

def stop(*args, **kwargs):
    write(*args, **kwargs)
    say("all written, nothing committed")
    wait()

audit.write = stop
outbox.run({row})
"""


def test_a_worker_killed_before_its_commit_changes_nothing(stripe, buyer, child):
    user = buyer("nina")
    event = next(e for e in stripe.books.events if e["type"] == "customer.subscription.created")
    assert deliver(event, stripe) == 200
    promised = OutboxRow.objects.get()
    one = child(
        CODE.format(
            key=stripe.key, secret=stripe.webhook_secret, base=stripe.address, row=promised.pk
        )
    )
    one.until("all written, nothing committed")
    one.kill()
    assert User.objects.get(pk=user.pk).plan == "free"
    assert not BillingSubscription.objects.exists()
    assert BillingCustomer.objects.get().subscriptions.count() == 0
    assert not AuditEntry.objects.filter(chain=CHAIN).exists()
    assert StripeEvent.objects.count() == 1
    OutboxRow.objects.update(send_at=timezone.now(), leased_until=None)
    assert outbox.run(promised.pk) == "done"
    assert outbox.run(promised.pk) == "left alone"
    assert User.objects.get(pk=user.pk).plan == "pro"
    assert AuditEntry.objects.filter(chain=CHAIN, action="plan_change").count() == 1


def test_open_sockets_are_told_over_redis_when_the_plan_is_committed(stripe, buyer):
    user = buyer("nina")
    with hints.client().pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(PLAN)
        heard.get_message(timeout=2)
        deliver(stripe.books.events[-1], stripe)
        assert outbox.run(OutboxRow.objects.get().pk) == "done"
        message = heard.get_message(timeout=2)
    assert orjson.loads(message["data"]) == {"user": user.pk}
