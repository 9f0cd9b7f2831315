"""From a signal to each stand-in: in time, once, and with a receipt."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from django.db import transaction

from accounts.alerts import delivering, matching, outbound
from accounts.alerts.models import AlertChannel, AlertDelivery
from sandbox import faults
from sandbox.vendors import discord, telegram
from sandbox.vendors.discord import Discord
from sandbox.vendors.push import Push
from sandbox.vendors.slack import Slack
from sandbox.vendors.telegram import Telegram
from sandbox.vendors.webhook import Webhook
from tests.accounts.alerts.signals import SECRETS, ended, signal

pytestmark = pytest.mark.django_db(transaction=True)
VENDORS = {"discord": Discord, "slack": Slack, "telegram": Telegram, "webhook": Webhook,
           "push": Push}  # fmt: skip


class Clock:
    """The time that deliveries go by, moved by hand."""

    def __init__(self, monkeypatch) -> None:
        self.at = delivering.now()
        monkeypatch.setattr(delivering, "now", lambda: self.at)

    def passes(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def announced(*signals: dict) -> None:
    with transaction.atomic():
        matching.announce(signals)


def only() -> AlertDelivery:
    return AlertDelivery.objects.get()


@pytest.mark.parametrize("kind", VENDORS)
def test_an_alert_reaches_its_vendor_within_two_seconds(
    kind, person, channel, rule, network, worker
):
    user = person("ann", "pro_plus")
    rule(user, channel(user, kind))
    began = time.time()
    announced(signal())
    taken = network.stand_ins[VENDORS[kind]].wait_for(1)
    assert len(taken) == 1
    assert taken[0].at - began < 2.0
    worker.settle()
    row = only()
    assert (row.state, row.tries) == ("sent", 1)
    assert row.receipt.startswith("Delivered: ")
    assert "answered 20" in row.receipt


def test_an_alert_reaches_the_mail_server(person, channel, rule, mail_server, worker):
    user = person("ann")
    rule(user, channel(user, "email"))
    began = time.time()
    announced(signal())
    worker.settle()
    (letter,) = mail_server.letters
    assert letter.at - began < 2.0
    message = letter.message()
    assert letter.recipients == ("ann@example.com",)
    assert message["Subject"] == "Pulse: 07 Vanna <flow> & co: SPY long"
    text = message.get_body(("plain",)).get_content()
    assert "net gamma -1.93 bn (< 0)" in text
    assert "Simulated market. A signal of a rule, not advice." in text
    (picture,) = message.iter_attachments()
    assert picture.get_content().startswith(b"\x89PNG")


def test_discord_gets_score_spot_greeks_reasons_and_a_picture(
    person, channel, rule, network, worker
):
    user = person("ann", "pro")
    rule(user, channel(user, "discord"))
    announced(signal())
    (request,) = network.stand_ins[Discord].wait_for(1)
    (embed,) = discord.body_of(request)["embeds"]
    assert embed["title"] == "07 Vanna <flow> & co: SPY long"
    facts = {field["name"]: field["value"] for field in embed["fields"]}
    assert facts["Score"] == "0.72 (fires at 0.50)"
    assert facts["Spot"] == "513.40"
    assert facts["Dealer gamma"] == "-1.93 bn $ per 1 %"
    assert facts["Measured against"] == "stop 512.40, target 514.90"
    assert embed["description"].splitlines() == ["net gamma -1.93 bn (< 0)", "10:01 ET"]
    assert embed["image"] == {"url": "attachment://chart.png"}
    assert request.parts()["files[0]"].body.startswith(b"\x89PNG")


def test_a_webhook_is_signed_and_keeps_its_id_over_tries(
    person, channel, rule, network, worker, clock
):
    user = person("ann", "pro_plus")
    made = channel(user, "webhook")
    stand_in = network.stand_ins[Webhook]
    from accounts.alerts.channels import unconfig

    stand_in.key = unconfig(made)["key"]
    stand_in.faults.append(faults.broken())
    rule(user, made)
    announced(signal())
    worker.settle()
    clock.passes(60)
    delivering.send_due()
    worker.settle()
    assert [len(stand_in.received), len(stand_in.accepted), len(stand_in.ids)] == [2, 1, 1]
    ids = {request.headers["webhook-id"] for request in stand_in.received}
    assert ids == set(stand_in.ids)
    body = stand_in.accepted[0].json()
    assert body["type"] == "signal.created"
    assert body["data"]["tool"]["slug"] == "vanna-flow"
    assert "prices" not in body["data"]


def test_push_is_read_by_the_browser_alone(person, channel, rule, network, worker):
    user = person("ann")
    rule(user, channel(user, "push"))
    announced(signal())
    stand_in = network.stand_ins[Push]
    (request,) = stand_in.wait_for(1)
    (note,) = stand_in.opened
    assert note["title"] == "07 Vanna <flow> & co: SPY long"
    assert b"Vanna" not in request.body


@pytest.mark.parametrize("kind", ["discord", "webhook", "telegram"])
def test_a_vendor_that_is_down_for_five_minutes_gets_it_once_and_late(
    kind, person, channel, rule, network, worker, clock
):
    user = person("ann", "pro_plus")
    rule(user, channel(user, kind))
    stand_in = network.stand_ins[VENDORS[kind]]
    stand_in.down = True
    announced(signal())
    worker.settle()
    for _ in range(15):
        clock.passes(20)
        delivering.send_due()
        worker.settle()
    assert stand_in.received == []
    waiting = only()
    assert waiting.state == "waiting"
    assert 4 <= waiting.tries <= 8  # backing off, not hammering
    stand_in.down = False
    for _ in range(33):
        clock.passes(20)
        delivering.send_due()
        worker.settle()
    assert len(stand_in.received) == 1
    row = only()
    assert row.state == "sent"
    assert f"On try {row.tries}, " in row.receipt
    assert " min " in row.receipt
    assert "late" in row.receipt
    assert row.tries == waiting.tries + 1
    assert AlertChannel.objects.get().state == "active"
    assert AlertChannel.objects.get().failures == 0


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("webhook", faults.busy(90)),
        ("discord", discord.busy(90.0)),
        ("telegram", telegram.busy(90)),
        ("slack", faults.busy(90)),
    ],
)
def test_what_a_vendor_asks_to_wait_is_obeyed(
    kind, fault, person, channel, rule, network, worker, clock
):
    user = person("ann", "pro_plus")
    rule(user, channel(user, kind))
    stand_in = network.stand_ins[VENDORS[kind]]
    stand_in.faults.append(fault)
    announced(signal())
    worker.settle()
    assert only().receipt.endswith("answered 429.")
    assert (only().next_try - clock.at).total_seconds() >= 90
    announced(signal(2))  # another one to the same channel waits as well, and asks nobody
    worker.settle()
    clock.passes(80)
    delivering.send_due()
    worker.settle()
    assert len(stand_in.received) == 1
    clock.passes(30)
    delivering.send_due()
    worker.settle()
    assert len(stand_in.accepted) == 2


@pytest.mark.parametrize(
    ("fault", "state", "word"),
    [
        (faults.broken(500), "waiting", "answered 500"),
        (faults.broken(503), "waiting", "answered 503"),
        (faults.cut(), "waiting", "the answer is not HTTP"),
        (faults.slow(3.0), "waiting", "no answer in time"),
        (faults.dripping(200), "sent", "answered 200"),
        (faults.dripping(500), "waiting", "answered 500"),
        (faults.moved("https://169.254.169.254/latest/"), "failed", "redirects are not followed"),
        (faults.moved("http://127.0.0.1:6379/", 307), "failed", "redirects are not followed"),
        (faults.moved("https://hooks.example.com/x", 308), "failed", "redirects are not followed"),
        (faults.Fault(400), "failed", "answered 400"),
        (faults.Fault(403), "failed", "answered 403"),
        (faults.Fault(200, body=b"y" * 300_000), "sent", "answered 200"),
    ],
    ids=lambda value: str(value)[:60] if not isinstance(value, str) else value,
)
def test_each_fault_has_its_end(
    fault, state, word, person, channel, rule, network, worker, monkeypatch
):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "webhook"))
    stand_in = network.stand_ins[Webhook]
    stand_in.faults.append(fault)
    monkeypatch.setattr(
        outbound,
        "transport",
        lambda: outbound.Transport(
            resolve=network.resolve, dial=network.dial, trusted=network.trusted, within_s=0.5
        ),
    )
    began = time.monotonic()
    announced(signal())
    worker.settle()
    assert time.monotonic() - began < 5.0  # a body that drips would take 30
    row = only()
    assert row.state == state
    assert word in row.receipt
    assert len(stand_in.received) == 1
    assert network.dialled == [(network.resolve("hooks.example.com")[0], 443)]


def test_a_worker_that_dies_while_it_sends_is_followed_by_another(
    person, channel, rule, network, worker, clock
):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "webhook"))
    worker.lost = True
    with transaction.atomic():
        matching.match([signal()])
    row = only()
    assert delivering._claim(row.pk) is not None  # and then kill -9
    worker.lost = False
    delivering.send_due()
    worker.settle()
    assert network.stand_ins[Webhook].received == []
    clock.passes(delivering.LEASE_S + 1)
    delivering.send_due()
    worker.settle()
    assert len(network.stand_ins[Webhook].accepted) == 1
    assert only().tries == 2


def test_a_lost_message_to_the_worker_is_made_good_by_the_sweep(
    person, channel, rule, network, worker
):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "webhook"))
    worker.lost = True
    with transaction.atomic():
        matching.match([signal()])
    worker.lost = False
    assert delivering.send_due() == 1
    worker.settle()
    assert only().state == "sent"


def test_many_workers_send_one_delivery_once(person, channel, rule, network, worker):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "webhook"))
    with transaction.atomic():
        matching.match([signal()])
    for _ in range(8):
        worker.send(delivering.SEND, (only().pk,), queue="alerts")
    worker.settle()
    assert len(network.stand_ins[Webhook].received) == 1


def test_the_outcome_follows_its_signal(person, channel, rule, network, worker):
    user = person("ann", "pro_plus")
    rule(user, channel(user, "slack"))
    announced(signal())
    worker.settle()
    assert matching.awaited([1, 2]) == {1}
    with transaction.atomic():
        matching.announce_outcomes([ended()])
    worker.settle()
    first, second = AlertDelivery.objects.order_by("pk")
    assert second.follow_up_of == first
    assert second.state == "sent"
    text = network.stand_ins[Slack].accepted[1].json()
    assert text["text"] == "What came of it: 07 Vanna <flow> & co: SPY long"
    assert "the target was reached first" in str(text["blocks"])
    assert "+0.31 %" in str(text["blocks"])
    with transaction.atomic():
        matching.announce_outcomes([ended()])
    worker.settle()
    assert AlertDelivery.objects.count() == 2


def test_no_secret_is_logged_or_told(person, channel, rule, network, worker, caplog):
    caplog.set_level("DEBUG")
    user = person("ann", "pro_plus")
    rule(user, *(channel(user, kind) for kind in ("discord", "slack", "telegram")))
    for kind in ("discord", "slack", "telegram"):
        network.stand_ins[VENDORS[kind]].faults.extend([faults.broken(), faults.cut()])
    announced(signal(), signal(2))
    worker.settle()
    told = caplog.text + " ".join(AlertDelivery.objects.values_list("receipt", flat=True))
    told += " ".join(map(str, AlertChannel.objects.values_list("why", "shown")))
    for secret in SECRETS:
        assert secret not in told
