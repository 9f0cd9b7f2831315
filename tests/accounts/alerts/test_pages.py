"""The pages of alerts: what they show, what their forms take, and whose they are."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule
from accounts.models import User
from sandbox.vendors.slack import Slack
from tests.accounts.alerts.signals import GIVEN, SECRETS, signal

pytestmark = pytest.mark.django_db(transaction=True)
HOME = "/account/alerts/"
RULE = {
    "name": "Wall", "channels": [], "sources": ["simulated", "live"], "least_score": "0.6",
    "symbols": "spy, QQQ spy", "sides": ["1"], "tools": ["1", "2"], "session_from": "09:30",
    "session_to": "16:00", "quiet_from": "21:00", "quiet_to": "07:00",
    "time_zone": "Europe/Berlin", "digest_minutes": "15", "follow_up": "on",
}  # fmt: skip


def add(client, kind: str, name: str = "one", **given: str):
    values = {"name": name, **(given or GIVEN[kind])}
    return client.post(f"{HOME}channels/add/{kind}/", values)


def text(answer) -> str:
    return answer.content.decode()


def test_the_first_visit_says_what_to_do(signed_in):
    page = text(signed_in("ann").get(HOME))
    assert "No channel yet" in page
    assert "Nothing was sent yet" in page
    assert "0 of 20 messages in 24 hours" in page
    assert "0 of 1 on Free" in page


def test_visitors_are_sent_to_the_login(client):
    answer = client.get(HOME)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/")


def test_a_channel_is_added_tested_and_active(signed_in, network, worker):
    client = signed_in("ann", "pro")
    answer = add(client, "slack")
    made = AlertChannel.objects.get()
    assert answer.url == f"{HOME}channels/{made.pk}/"
    page = text(client.get(answer.url))
    assert "Send a test to turn it on." in page
    assert "hooks.slack.com, workspace T0ABCDEF1" in page
    assert not any(secret in page for secret in SECRETS)
    client.post(f"{answer.url}test/", {"back": "channel"})
    worker.settle()
    page = text(client.get(answer.url))
    assert "Delivered: Slack answered 200." in page
    assert "Active" in page
    parts = text(client.get(answer.url, headers={"HX-Request": "true"}))
    assert "<html" not in parts
    assert 'id="channel-state" hx-swap-oob="true"' in parts
    assert network.stand_ins[Slack].accepted


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("slack", {"url": "https://127.0.0.1/services/T/B/x"}, "Give the address that Slack shows"),
        ("discord", {"url": "x"}, "Give the address that Discord shows"),
        ("telegram", {"token": "x", "chat": "1"}, "Give the token as BotFather shows it"),
        ("webhook", {"url": "http://a.example.com/"}, "The address must start with https://"),
        ("webhook", {"url": "https://169.254.169.254/"}, "no IP address"),
        ("push", {"endpoint": "https://10.0.0.1/", "p256dh": "", "auth": ""}, "no IP address"),
        (
            "push",
            {"endpoint": "https://push.example.com/x", "p256dh": "AAAA", "auth": "AAAA"},
            "no usable keys",
        ),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(kind, given, says, signed_in):
    answer = add(signed_in("ann", "pro_plus"), kind, **given)
    assert answer.status_code == 400
    assert says in text(answer)
    assert AlertChannel.objects.count() == 0


def test_a_locked_kind_names_its_plan(signed_in):
    client = signed_in("ann")
    assert "come with Pro+" in text(client.get(f"{HOME}channels/add/webhook/"))
    answer = add(client, "webhook")
    assert answer.status_code == 400
    assert AlertChannel.objects.count() == 0
    assert client.get(f"{HOME}channels/add/pigeon/").status_code == 404


def test_a_webhooks_key_is_shown_to_its_owner_alone(signed_in):
    client = signed_in("ann", "pro_plus")
    url = add(client, "webhook").url
    answer = client.get(url)
    assert "whsec_" in text(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    other = signed_in("eve", "pro_plus")
    assert other.get(url).status_code == 404
    for act in ("test", "pause", "remove"):
        assert "there is no such channel" in text(other.post(f"{url}{act}/", follow=True))
    assert AlertChannel.objects.count() == 1
    assert AlertDelivery.objects.count() == 0


def test_a_rule_is_added_shown_changed_and_removed(signed_in):
    client = signed_in("ann")
    assert client.get(f"{HOME}rules/add/").url == HOME
    add(client, "email")
    channel = AlertChannel.objects.get()
    assert client.get(f"{HOME}rules/add/").status_code == 200
    answer = client.post(f"{HOME}rules/add/", {**RULE, "channels": [channel.pk]})
    assert answer.url == HOME
    rule = AlertRule.objects.get()
    assert (rule.symbols, rule.sides, rule.tools) == (["SPY", "QQQ"], [1], [1, 2])
    assert (rule.quiet_from, rule.digest_minutes) == (dt.time(21), 15)
    page = text(client.get(HOME))
    assert "SPY, QQQ; long; score from 0.6; simulated market, live market" in page
    assert "Digest every 15 min; quiet 21:00 to 07:00, Europe/Berlin" in page
    form = text(client.get(f"{HOME}rules/{rule.pk}/"))
    assert 'value="21:00"' in form
    assert 'value="SPY, QQQ"' in form
    client.post(f"{HOME}rules/{rule.pk}/", {**RULE, "channels": [channel.pk], "name": "Other"})
    client.post(f"{HOME}rules/{rule.pk}/off/")
    rule.refresh_from_db()
    assert (rule.name, rule.active) == ("Other", False)
    client.post(f"{HOME}rules/{rule.pk}/remove/")
    assert AlertRule.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"symbols": "SPY; <script>"}, "is no symbol"),
        ({"time_zone": "Mars/Base"}, "Choose a time zone of the list"),
        ({"quiet_to": ""}, "Give both ends, or leave both empty."),
        ({"session_from": ""}, "Give both ends, or leave both empty."),
        ({"session_from": "25:99"}, "Enter a valid time."),
        ({"least_score": "2"}, "less than or equal to 1"),
        ({"least_score": "nan"}, "Enter a number."),
        ({"sources": []}, "Choose at least one source."),
        ({"channels": ["999"]}, "999 is not one of the available choices."),
        ({"channels": []}, "Choose at least one channel."),
        ({"tools": ["52"]}, "52 is not one of the available choices."),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_rules_faults_are_named_and_nothing_is_kept(changes, says, signed_in):
    client = signed_in("ann")
    add(client, "email")
    values = {**RULE, "channels": [AlertChannel.objects.get().pk], **changes}
    answer = client.post(f"{HOME}rules/add/", values)
    assert answer.status_code == 400
    assert says in text(answer)
    assert AlertRule.objects.count() == 0


def test_all_tools_chosen_stands_for_all(signed_in):
    client = signed_in("ann")
    add(client, "email")
    channel = AlertChannel.objects.get()
    values = {**RULE, "channels": [channel.pk], "tools": [str(n) for n in range(1, 6)],
              "sides": ["1", "-1", "0"]}  # fmt: skip
    client.post(f"{HOME}rules/add/", values)
    rule = AlertRule.objects.get()
    assert (rule.tools, rule.sides) == ([], [])


def test_receipts_of_every_state_are_shown(signed_in):
    client = signed_in("ann")
    add(client, "email")
    channel, user = AlertChannel.objects.get(), User.objects.get()
    for number, state in enumerate(AlertDelivery.State.values):
        AlertDelivery.objects.create(
            user=user, channel=channel, kind="signal", key=f"k{number}", signal_id=number,
            payload=signal(number), state=state, tries=1, receipt=f"Receipt {state}.",
            next_try=dt.datetime(2026, 11, 20, 15, 30, tzinfo=dt.UTC),
        )  # fmt: skip
    page = text(client.get(HOME))
    for state in AlertDelivery.State.values:
        assert f"Receipt {state}." in page
    assert "07 Vanna &lt;flow&gt; &amp; co, SPY" in page
    assert "2 waiting" in page
    assert "Goes out at" in page
    other = signed_in("eve")
    assert "Receipt sent." not in text(other.get(HOME))


def test_the_live_channel_is_ones_own(signed_in, person, worker, network, channel, rule):
    from accounts.alerts import matching, selectors
    from record import streams

    user = person("bob", "pro")
    rule(user, channel(user, "slack"))
    matching.match([signal()])
    worker.settle()
    (event,) = streams.read_after(selectors.channel_of(user.pk), 0)
    assert event.data["state"] == "sent"
    assert "payload" not in event.data
    assert selectors.newest(f"alerts:{user.pk}")[event.key]["receipt"] == event.data["receipt"]
    assert selectors.newest("alerts:x") == {}
