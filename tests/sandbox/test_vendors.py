"""The stand-ins refuse what their vendors refuse: no client passes here by luck."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import orjson
import pytest

from sandbox import faults
from sandbox.names import Resolver
from sandbox.server import StandIn
from sandbox.vendors.discord import Discord
from sandbox.vendors.push import Push
from sandbox.vendors.slack import Slack
from sandbox.vendors.telegram import Telegram
from sandbox.vendors.webhook import Webhook

LONG = {"type": "header", "text": {"text": "x" * 151}}
DISCORD = f"/api/webhooks/{'1' * 18}/{'a' * 60}"
SLACK = "/services/T0ABCDEF1/B0ABCDEF2/abcdefghij"
BOT = f"/bot123456:{'a' * 35}"
EMBED = {"title": "t", "fields": [{"name": "n", "value": "v"}]}


@pytest.fixture
def serve() -> Iterator:
    started: list[StandIn] = []

    def start(kind: type[StandIn]) -> StandIn:
        started.append(kind())
        return started[-1]

    yield start
    for one in started:
        one.close()


def post(stand_in: StandIn, path: str, **body) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.post(f"http://127.0.0.1:{stand_in.port}{path}", **body)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"embeds": [EMBED]}, 204),
        ({"content": "x"}, 204),
        ({}, 400),
        ({"embeds": [{**EMBED, "title": "x" * 257}]}, 400),
        ({"embeds": [{**EMBED, "description": "x" * 4097}]}, 400),
        ({"embeds": [{**EMBED, "fields": EMBED["fields"] * 26}]}, 400),
        ({"embeds": [{**EMBED, "fields": [{"name": "", "value": "v"}]}]}, 400),
        ({"embeds": [{**EMBED, "image": {"url": "attachment://a.png"}}]}, 400),
        ({"embeds": [{**EMBED, "description": "x" * 4000}] * 2}, 400),
        ({"embeds": "x"}, 400),
    ],
)
def test_discord_keeps_its_limits(body, status, serve):
    assert post(serve(Discord), DISCORD, json=body).status_code == status


def test_discord_answers_with_the_message_when_asked(serve):
    stand_in = serve(Discord)
    assert post(stand_in, f"{DISCORD}?wait=true", json={"content": "x"}).json()["id"]
    files = {"files[0]": ("a.png", b"\x89PNG", "image/png")}
    embed = {**EMBED, "image": {"url": "attachment://a.png"}}
    data = {"payload_json": orjson.dumps({"embeds": [embed]}).decode()}
    assert post(stand_in, DISCORD, data=data, files=files).status_code == 204
    assert post(stand_in, "/api/webhooks/1/x", json={}).json()["code"] == 10015


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"text": "t", "blocks": [{"type": "header", "text": {"text": "x"}}]}, "ok"),
        ({"text": "t", "blocks": [LONG]}, "invalid_blocks"),
        ({"text": "t", "blocks": [{"type": "section", "text": {"text": ""}}]}, "invalid_blocks"),
        ({"text": "t"}, "invalid_payload"),
    ],
)
def test_slack_answers_in_its_words(body, answer, serve):
    assert post(serve(Slack), SLACK, json=body).text == answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"chat_id": "1", "text": "<b>x</b> &lt;"}, 200),
        ({"chat_id": "1", "text": "<b>x", "parse_mode": "HTML"}, 400),
        ({"chat_id": "1", "text": "a < b", "parse_mode": "HTML"}, 400),
        ({"chat_id": "1", "text": "<script>", "parse_mode": "HTML"}, 400),
        ({"chat_id": "1", "text": ""}, 400),
        ({"chat_id": "1", "text": "x" * 4097}, 400),
        ({"chat_id": "9", "text": "x"}, 400),
    ],
)
def test_telegram_reads_its_markup(body, status, serve):
    stand_in = serve(Telegram)
    stand_in.unknown = frozenset({"9"})
    answer = post(stand_in, f"{BOT}/sendMessage", json=body)
    assert answer.status_code == status
    assert answer.json()["ok"] is (status == 200)


def test_a_webhook_takes_no_unsigned_and_no_old_request(serve):
    stand_in = serve(Webhook)
    stand_in.key = "whsec_" + "A" * 44
    old = {"webhook-id": "1", "webhook-timestamp": str(int(time.time()) - 301)}
    for headers in ({}, old, {**old, "webhook-signature": "v1,AAAA"}):
        assert post(stand_in, "/x", headers=headers, content=b"{}").status_code == 401


def test_a_push_service_takes_no_unsigned_message(serve):
    stand_in = serve(Push)
    encrypted = {"ttl": "1", "content-encoding": "aes128gcm"}
    assert post(stand_in, "/x", content=b"x").status_code == 400
    assert post(stand_in, "/x", headers=encrypted, content=b"x").status_code == 403


def test_faults_come_in_their_order_and_once(serve):
    stand_in = serve(Webhook)
    stand_in.faults.extend([faults.broken(502), faults.busy(7), faults.moved("https://a.example/")])
    answers = [post(stand_in, "/x", content=b"{}") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [502, 429, 302, 204]
    assert answers[1].headers["retry-after"] == "7"
    assert len(stand_in.accepted) == 1
    stand_in.down = True
    with pytest.raises(httpx.TransportError):
        post(stand_in, "/x", content=b"{}")


def test_the_resolver_tells_each_asker_anew():
    resolver = Resolver(lambda host, before: [f"192.0.2.{before + 1}", "2001:db8::1"])
    try:
        assert resolver.look_up("a.example.com") == ["192.0.2.1", "2001:db8::1"]
        assert resolver.look_up("a.example.com") == ["192.0.2.2", "2001:db8::1"]
        assert resolver.look_up("b.example.com")[0] == "192.0.2.1"
    finally:
        resolver.close()
