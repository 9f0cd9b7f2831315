"""Who gets what: rules, plans at both ends, digests, quiet hours and the day's limit."""

from __future__ import annotations

import datetime as dt

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import transaction

from accounts.alerts import delivering, matching
from accounts.alerts.kinds import KINDS
from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule
from accounts.models import User
from accounts.plans import ALERT_KINDS, PLANS
from sandbox import faults
from sandbox.vendors.discord import Discord
from sandbox.vendors.slack import Slack
from sandbox.vendors.webhook import Webhook
from tests.accounts.alerts.signals import ended, signal

pytestmark = pytest.mark.django_db(transaction=True)
PRO_TOOL = {"id": 9, "slug": "pro-one", "name": "Pro one", "tier": "pro"}


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        at = delivering.now()

        def passes(self, seconds: float) -> None:
            self.at += dt.timedelta(seconds=seconds)

    made = Clock()
    monkeypatch.setattr(delivering, "now", lambda: made.at)
    return made


def match(*signals: dict) -> int:
    return matching.match(list(signals))


def go(worker) -> None:
    delivering.send_due()
    worker.settle()


def test_kinds_are_those_of_the_plans():
    assert set(KINDS) == set(ALERT_KINDS) == set(PLANS["pro_plus"].limits.alert_kinds)


def test_nobody_wants_anything_without_rules(person, channel, rule):
    assert not matching.wanted()
    user = person("ann")
    made = rule(user, channel(user, "email"))
    assert matching.wanted()
    AlertRule.objects.filter(pk=made.pk).update(active=False)
    assert not matching.wanted()
    assert match(signal()) == 0


def test_one_delivery_for_each_rule_channel_and_signal(person, channel, rule, worker):
    user = person("ann", "pro_plus")
    email, slack = channel(user, "email"), channel(user, "slack")
    rule(user, email, slack)
    rule(user, email)
    assert match(signal(1), signal(2)) == 6
    assert match(signal(1), signal(2), signal(3)) == 3
    assert AlertDelivery.objects.count() == 9


def test_a_plan_opens_what_it_tells_about(person, channel, rule, worker):
    for name, plan in (("ann", "free"), ("bob", "pro"), ("eve", "pro_plus")):
        user = person(name, plan)
        rule(user, channel(user, "email"))
    match(signal(tool=PRO_TOOL))
    told = AlertDelivery.objects.values_list("user__email", flat=True)
    assert sorted(told) == ["bob@example.com", "eve@example.com"]


def test_a_plan_that_ends_meanwhile_is_seen_when_it_is_sent(person, channel, rule, worker, network):
    user = person("bob", "pro")
    rule(user, channel(user, "email"))
    rule(user, channel(user, "slack"))
    worker.lost = True
    match(signal(tool=PRO_TOOL))
    User.objects.filter(pk=user.pk).update(plan="free")
    worker.lost = False
    go(worker)
    receipts = AlertDelivery.objects.order_by("pk").values_list("state", "receipt")
    assert list(receipts) == [
        ("skipped", "Not sent: Free does not open this tool."),
        ("skipped", "Not sent: Free has no Slack channels."),
    ]
    assert mail.outbox == []
    assert network.stand_ins[Slack].connections == 0


def test_an_address_that_is_no_longer_the_persons_gets_nothing(person, channel, rule, worker):
    user = person("ann")
    rule(user, channel(user, "email"))
    EmailAddress.objects.filter(user=user).delete()
    match(signal())
    worker.settle()
    row = AlertDelivery.objects.get()
    assert row.receipt == "Not sent: the address is no longer a confirmed one of the account."
    assert mail.outbox == []


def test_a_smaller_plan_carries_the_oldest_channels_and_rules(person, channel, rule, worker):
    user = person("bob", "pro")
    email, push = channel(user, "email"), channel(user, "push")
    for _ in range(3):
        rule(user, email, push)
    User.objects.filter(pk=user.pk).update(plan="free")
    assert match(signal()) == 2
    assert set(AlertDelivery.objects.values_list("channel_id", flat=True)) == {email.pk}


@pytest.mark.parametrize("change", ["closed", "paused", "unverified"])
def test_who_is_away_gets_nothing(change, person, channel, rule, worker):
    user = person("ann")
    made = channel(user, "email")
    rule(user, made)
    if change == "closed":
        User.objects.filter(pk=user.pk).update(is_active=False)
    else:
        AlertChannel.objects.filter(pk=made.pk).update(state=change)
    assert match(signal()) == 0


def test_the_limit_of_a_day_is_kept_and_told(person, channel, rule, worker, clock):
    user = person("ann")
    rule(user, channel(user, "email"))
    most = PLANS["free"].limits.alerts_a_day
    match(*(signal(number) for number in range(most + 3)))
    worker.settle()
    assert len(mail.outbox) == most
    left = AlertDelivery.objects.filter(state="skipped")
    assert set(left.values_list("receipt", flat=True)) == {
        "Not sent: 20 messages in 24 hours are used up."
    }
    assert left.count() == 3
    clock.passes(86_401)
    match(signal(99))
    worker.settle()
    assert len(mail.outbox) == most + 1


def test_a_digest_gathers_what_came_meanwhile(person, channel, rule, worker, clock):
    user = person("ann")
    rule(user, channel(user, "email"), digest_minutes=15)
    match(signal(1), signal(2))
    match(signal(3))
    go(worker)
    assert mail.outbox == []
    matching.follow_up([ended(2)])
    clock.passes(15 * 60)
    go(worker)
    go(worker)
    (message,) = mail.outbox
    assert message.subject == "Pulse: 4 messages since the last digest"
    assert "ended, 07 Vanna <flow> & co: SPY long, target, +0.31 %" in message.body
    assert message.body.count("score 0.72, spot 513.40") == 3
    states = AlertDelivery.objects.values_list("kind", "state").order_by("pk")
    assert list(states)[-1] == ("digest", "sent")
    assert AlertDelivery.objects.filter(state="bundled").count() == 4
    assert AlertDelivery.objects.exclude(counted=None).count() == 1


def test_one_message_is_no_digest(person, channel, rule, worker, clock):
    user = person("ann")
    rule(user, channel(user, "email"), digest_minutes=15)
    match(signal(1))
    clock.passes(15 * 60)
    go(worker)
    assert [message.subject for message in mail.outbox] == ["Pulse: 07 Vanna <flow> & co: SPY long"]


def test_a_digest_leaves_out_what_the_plan_no_longer_opens(person, channel, rule, worker, clock):
    user = person("bob", "pro")
    rule(user, channel(user, "email"), digest_minutes=15)
    match(signal(1), signal(2, tool=PRO_TOOL))
    User.objects.filter(pk=user.pk).update(plan="free")
    clock.passes(15 * 60)
    go(worker)
    (message,) = mail.outbox
    assert "Pro one" not in message.body


def test_quiet_hours_hold_messages_until_they_end(person, channel, rule, worker, clock):
    user = person("ann")
    clock.at = dt.datetime(2026, 11, 20, 3, 0, tzinfo=dt.UTC)
    quiet = {"quiet_from": dt.time(21), "quiet_to": dt.time(7), "time_zone": "America/New_York"}
    rule(user, channel(user, "email"), **quiet)
    match(signal(1))
    go(worker)
    assert mail.outbox == []
    assert AlertDelivery.objects.get().state == "held"
    clock.passes(9 * 3600)
    go(worker)
    assert len(mail.outbox) == 1


def test_a_channel_that_keeps_refusing_is_paused_and_its_owner_told(
    person, channel, rule, worker, network
):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "webhook"))
    network.stand_ins[Webhook].faults.extend([faults.Fault(403)] * 3)
    for number in range(3):
        match(signal(number))
        worker.settle()
    made = AlertChannel.objects.get()
    assert (made.state, made.why) == ("paused", "The address answered 403.")
    (message,) = mail.outbox
    assert message.to == ["ann@example.com"]
    assert "my webhook (hooks.example.com)" in message.body
    assert "The address answered 403." in message.body
    assert match(signal(9)) == 0


def test_an_address_that_is_gone_pauses_at_once_what_waits_is_told(
    person, channel, rule, worker, network, clock
):
    user = person("ann", "pro")
    rule(user, channel(user, "discord"))
    network.stand_ins[Discord].gone = frozenset({"1" * 18})
    worker.lost = True
    match(signal(1), signal(2))
    worker.lost = False
    first = AlertDelivery.objects.earliest("pk")
    worker.send(delivering.SEND, (first.pk,), queue="alerts")
    worker.settle()
    assert AlertChannel.objects.get().state == "paused"
    receipts = AlertDelivery.objects.order_by("pk").values_list("receipt", flat=True)
    assert list(receipts) == [
        "Failed: Discord answered 404.", "Not sent: the channel is paused.",
    ]  # fmt: skip
    assert len(network.stand_ins[Discord].received) == 1


def test_an_outage_pauses_after_an_hour_only(person, channel, rule, worker, network, clock):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "webhook"))
    network.stand_ins[Webhook].down = True
    match(signal(1))
    worker.settle()
    for _ in range(59):
        clock.passes(60)
        go(worker)
    assert AlertChannel.objects.get().state == "active"
    for _ in range(60):
        clock.passes(60)
        go(worker)
    assert AlertChannel.objects.get().state == "paused"
    assert "Your alert channel my webhook" in mail.outbox[0].body


def test_no_follow_up_without_its_signal(person, channel, rule, worker, network):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "webhook"))
    rule(user, channel(user, "email"), follow_up=False)
    network.stand_ins[Webhook].faults.append(faults.Fault(400))
    match(signal(1))
    worker.settle()
    assert matching.awaited([1]) == set()
    assert matching.follow_up([ended(1)]) == 0


def test_a_follow_up_waits_for_its_signal(person, channel, rule, worker, network, clock):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "webhook"))
    network.stand_ins[Webhook].faults.append(faults.broken())
    match(signal(1))
    worker.settle()
    matching.follow_up([ended(1)])
    worker.settle()
    assert len(network.stand_ins[Webhook].received) == 1
    for _ in range(4):
        clock.passes(10)
        go(worker)
    types = [request.json()["type"] for request in network.stand_ins[Webhook].accepted]
    assert types == ["signal.created", "signal.outcome"]


def test_what_ended_a_month_ago_is_removed(person, channel, rule, worker, clock):
    user = person("ann")
    rule(user, channel(user, "email"))
    match(signal(1))
    worker.settle()
    assert delivering.prune() == 0
    clock.passes(31 * 86_400)
    assert delivering.prune() == 1


def test_announcing_needs_the_transaction_of_the_signals():
    with pytest.raises(transaction.TransactionManagementError):
        matching.announce([signal()])
