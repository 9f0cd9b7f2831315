"""Channels and rules: within the plan, owned, audited, and encrypted at rest."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection

from accounts.alerts import services
from accounts.alerts.channels import unconfig
from accounts.alerts.kinds.base import FieldError
from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule
from accounts.alerts.services import AlertError
from record.models import AuditEntry
from sandbox import faults
from sandbox.vendors.slack import Slack
from sandbox.vendors.webhook import Webhook
from tests.accounts.alerts.signals import GIVEN, SECRETS

pytestmark = pytest.mark.django_db(transaction=True)


def add(user, kind: str, name: str = "one", **given: str) -> AlertChannel:
    return services.channel_add(user, kind=kind, name=name, given=given or GIVEN[kind])


def test_a_plan_has_its_kinds_and_its_number(person):
    free, pro = person("ann"), person("bob", "pro")
    with pytest.raises(FieldError, match="A channel by Discord needs the Pro plan"):
        add(free, "discord")
    with pytest.raises(FieldError, match="A channel by webhook needs the Pro"):
        add(pro, "webhook")
    add(free, "email")
    with pytest.raises(FieldError, match="Free has 1 alert channel; remove one first"):
        add(free, "email", "two")
    for number in range(5):
        add(pro, "slack", f"slack {number}")
    with pytest.raises(FieldError, match="Pro has 5 alert channels"):
        add(pro, "slack", "one more")


def test_rules_are_counted_and_need_own_channels(person):
    ann, eve = person("ann"), person("eve")
    mine, hers = add(ann, "email"), add(eve, "email")
    for name in ("a", "b"):
        services.rule_save(ann, {"name": name}, [mine.pk])
    with pytest.raises(FieldError, match="Free has 2 rules"):
        services.rule_save(ann, {"name": "c"}, [mine.pk])
    rule = AlertRule.objects.earliest("pk")
    for channels in ([], [hers.pk], [mine.pk, hers.pk]):
        with pytest.raises(FieldError, match="one of your channels"):
            services.rule_save(ann, {"name": "d"}, channels, rule_id=rule.pk)
    rule.refresh_from_db()
    assert rule.name == "a"


def test_what_is_anothers_is_not_there(person):
    ann, eve = person("ann"), person("eve")
    made = add(ann, "email")
    rule = services.rule_save(ann, {"name": "a"}, [made.pk])
    for call in (
        lambda: services.channel_remove(eve, made.pk),
        lambda: services.channel_change(eve, made.pk, name="x", given={}),
        lambda: services.channel_pause(eve, made.pk, paused=True),
        lambda: services.channel_test(eve, made.pk),
        lambda: services.rule_switch(eve, rule.pk, active=False),
        lambda: services.rule_remove(eve, rule.pk),
        lambda: services.rule_save(eve, {"name": "x"}, [made.pk], rule_id=rule.pk),
    ):
        with pytest.raises(AlertError, match="there is no such"):
            call()
    assert AlertChannel.objects.get().state == "unverified"
    assert AlertRule.objects.get().active


def test_addresses_lie_encrypted_and_are_shown_without_their_secret(person):
    user = person("ann", "pro_plus")
    for kind in ("discord", "slack", "telegram", "webhook"):
        add(user, kind, kind)
    with connection.cursor() as cursor:
        cursor.execute("SELECT config, shown, name FROM accounts_alertchannel")
        stored = str(cursor.fetchall())
    audit = str(list(AuditEntry.objects.values_list("detail", flat=True)))
    for secret in (*SECRETS, "hooks.example.com/pulse", "whsec_"):
        assert secret not in stored
        assert secret not in audit
    assert "hooks.slack.com, workspace T0ABCDEF1" in stored
    assert "bot 123456789, chat -1001234567890" in stored


def test_email_goes_to_the_confirmed_address_alone(person):
    user = person("ann")
    EmailAddress.objects.filter(user=user).update(verified=False)
    with pytest.raises(FieldError, match="Confirm the e-mail address"):
        add(user, "email", address="victim@example.org")
    EmailAddress.objects.filter(user=user).update(verified=True)
    made = add(user, "email", address="victim@example.org")
    assert unconfig(made) == {"address": "ann@example.com"}


def test_a_channel_opens_with_the_first_test_that_arrives(person, network, worker):
    user = person("ann", "pro")
    made = add(user, "slack")
    network.stand_ins[Slack].faults.append(faults.broken())
    services.channel_test(user, made.pk)
    worker.settle()
    row = AlertDelivery.objects.get()
    assert (row.state, row.receipt) == ("failed", "Failed: Slack answered 503.")
    assert AlertChannel.objects.get().state == "unverified"
    services.channel_test(user, made.pk)
    worker.settle()
    assert AlertDelivery.objects.latest("pk").state == "sent"
    assert AlertChannel.objects.get().state == "active"
    assert "The channel one works" in str(network.stand_ins[Slack].accepted[0].json())


def test_tests_are_few(person, worker):
    user = person("ann")
    made = add(user, "email")
    for _ in range(services.TESTS):
        services.channel_test(user, made.pk)
    with pytest.raises(AlertError, match="wait a little"):
        services.channel_test(user, made.pk)
    worker.settle()
    assert len(mail.outbox) == services.TESTS


def test_a_new_address_is_tested_anew_and_a_webhook_keeps_its_key(person):
    user = person("ann", "pro_plus")
    made = add(user, "webhook", key="whsec_mine", url=GIVEN["webhook"]["url"])
    key = unconfig(made)["key"]
    assert key != "whsec_mine"
    AlertChannel.objects.update(state="active")
    services.channel_change(user, made.pk, name="two", given={})
    assert AlertChannel.objects.get().state == "active"
    services.channel_change(user, made.pk, name="two", given={"url": "https://a.example.com/"})
    found = AlertChannel.objects.get()
    assert (found.state, found.shown, found.name) == ("unverified", "a.example.com", "two")
    assert unconfig(found)["key"] == key
    with pytest.raises(FieldError):
        services.channel_change(user, made.pk, name="two", given={"url": "https://10.0.0.1/"})


def test_pausing_and_going_on(person):
    user = person("ann")
    made = add(user, "email")
    with pytest.raises(AlertError, match="send a test first"):
        services.channel_pause(user, made.pk, paused=False)
    AlertChannel.objects.update(state="active", failures=9)
    assert services.channel_pause(user, made.pk, paused=True).state == "paused"
    again = services.channel_pause(user, made.pk, paused=False)
    assert (again.state, again.failures, again.why) == ("active", 0, "")


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "taken"])
def test_names_are_given_and_one_of_a_kind(name, person):
    user = person("bob", "pro")
    add(user, "slack", "taken")
    with pytest.raises(FieldError) as error:
        add(user, "slack", name)
    assert error.value.name == "name"
    assert AlertChannel.objects.count() == 1


def test_removing_a_channel_takes_its_deliveries(person, worker):
    user = person("ann")
    made = add(user, "email")
    services.channel_test(user, made.pk)
    worker.settle()
    assert services.channel_remove(user, made.pk) == "one"
    assert AlertDelivery.objects.count() == 0
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions)[-2:] == ["alert_channel_add", "alert_channel_remove"]
    assert Webhook.key == ""
