"""Signals are announced to alerts in their own transaction, while they are fresh."""

from __future__ import annotations

import pytest

from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule
from accounts.models import User
from market.models import FeedRun
from record import outbox
from record.models import OutboxRow
from tests.tools_app.test_services import run, store_rows
from tools_app import services

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["run"]


@pytest.fixture
def sent(monkeypatch) -> list[tuple]:
    from record import broker

    messages: list[tuple] = []
    monkeypatch.setattr(broker, "send", lambda task, args, **_: messages.append((task, args)))
    return messages


@pytest.fixture
def rule(db) -> AlertRule:
    user = User.objects.create_user("ann@test.example")
    channel = AlertChannel(user=user, kind="email", name="mail", shown="x", state="active")
    channel.config = '{"address":"ann@test.example"}'
    channel.save()
    made = AlertRule.objects.create(user=user, name="all")
    made.channels.add(channel)
    return made


def promised() -> list[dict]:
    rows = OutboxRow.objects.filter(task="accounts.match_alerts").order_by("pk")
    return [signal for row in rows for signal in row.args[0]]


def test_without_rules_nothing_is_promised(run, sent):
    store_rows(run, [99.0, 101.0])
    services.evaluate_run(run.pk)
    assert OutboxRow.objects.count() == 0


def test_a_fresh_signal_is_announced_with_prices_and_becomes_a_delivery(run, rule, sent):
    store_rows(run, [99.0, 99.5, 101.0])
    services.evaluate_run(run.pk)
    found = {signal["tool"]["slug"]: signal for signal in promised()}
    assert set(found) == {"open-one", "dear-one"}
    assert found["open-one"]["prices"]["close"] == [99.0, 99.5, 101.0]
    assert found["open-one"]["prices"]["time"][-1] == found["open-one"]["time"]
    for row in OutboxRow.objects.all():
        assert outbox.run(row.pk) == "done"
    delivery = AlertDelivery.objects.get()  # of the free tool: the plan does not open the other
    assert delivery.payload["tool"]["slug"] == "open-one"
    assert ("accounts.send_alert", (delivery.pk,)) in sent
    services.evaluate_run(run.pk)
    assert len(promised()) == 2


def test_history_is_not_announced(run, rule, sent):
    store_rows(run, [99.0, 101.0, *[101.0] * 4])
    services.evaluate_run(run.pk)
    assert len(promised()) == 2  # four minutes old
    again = FeedRun.objects.create(
        symbol="TEST", underlying=run.underlying, source="replay", simulated=False
    )
    store_rows(again, [99.0, 101.0, *[101.0] * 6])
    services.evaluate_run(again.pk)
    assert len(promised()) == 2


def test_an_outcome_is_announced_to_who_heard_of_the_signal(run, rule, sent):
    store_rows(run, [99.0] * 5 + [101.0])
    services.evaluate_run(run.pk)
    for row in OutboxRow.objects.all():
        outbox.run(row.pk)
    first = AlertDelivery.objects.get()
    FeedRun.objects.filter(pk=run.pk).update(state="stopped")
    services.evaluate_run(run.pk)
    (row,) = OutboxRow.objects.filter(task="accounts.follow_up_alerts")
    (told,) = row.args[0]
    assert told["id"] == first.signal_id
    assert told["outcome"]["done"] is True
    outbox.run(row.pk)
    second = AlertDelivery.objects.latest("pk")
    assert (second.kind, second.follow_up_of) == ("outcome", first)
