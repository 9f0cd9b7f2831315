"""The rate of callers on the routes: told with every answer, and held."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from django.db import OperationalError
from django.test import Client

from accounts.keys import rates, verifying
from accounts.plans import PLANS
from accounts.services import plan_change
from pulse.embedded import Redis

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("still")]
TOOLS = "/api/v1/tools"
FREE = PLANS["free"].limits
POLICY = re.compile(r'"(free|pro|pro_plus|visitor)";q=\d+;w=\d+')
LEFT = re.compile(r'"(free|pro|pro_plus|visitor)";r=(\d+);t=\d+')


def left(answer) -> int:
    found = LEFT.fullmatch(answer["RateLimit"])
    assert found, answer["RateLimit"]
    assert POLICY.fullmatch(answer["RateLimit-Policy"])[1] == found[1]
    return int(found[2])


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("get", TOOLS, 200), ("get", "/api/v1/jobs", 401), ("get", "/api/v1/nothing", 404),
        ("get", f"{TOOLS}?x=%00", 400), ("post", TOOLS, 401), ("get", "/api/schema/", 200),
        ("options", TOOLS, 200), ("get", f"{TOOLS}/99999", 404), ("head", TOOLS, 200),
        ("get", f"{TOOLS}?api_key=1", 400),
    ],
)  # fmt: skip
def test_every_answer_tells_the_rate(client, verb, path, status):
    answer = getattr(client, verb)(path)
    assert answer.status_code in (status, 405)
    assert left(answer) == FREE.api_burst - 1
    assert "Retry-After" not in answer


def test_pages_have_no_rate(client):
    for path in ("/", "/api/docs/", "/health"):
        assert "RateLimit" not in client.get(path)


def test_who_calls_too_often_is_told_when_to_come_back(make, program):
    client = program(make(plan="free").text)
    told = [client.get(TOOLS) for _ in range(FREE.api_burst + 1)]
    assert {answer.status_code for answer in told[:-1]} == {200}
    answer = told[-1]
    body = json.loads(answer.content)
    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Retry-After"] == "1"
    assert left(answer) == 0
    assert (body["code"], body["retry_after"]) == ("rate_limited", 1)
    assert body["violated-policies"] == ["free"]
    assert "The Free plan has 60 calls a minute, 20 of them at once" in body["detail"]


def test_unknown_addresses_are_counted_too(client):
    told = [client.get("/api/v1/nothing").status_code for _ in range(FREE.api_burst + 1)]
    assert told == [404] * FREE.api_burst + [429]


def test_wrong_keys_are_counted_by_address(program):
    for number in range(FREE.api_burst):
        assert program(f"wrong{number}").get(TOOLS).status_code == 401
    assert program("wrong").get(TOOLS).status_code == 429
    assert Client().get(TOOLS).status_code == 429
    assert Client().get(TOOLS, REMOTE_ADDR="198.51.100.7").status_code == 200


def test_who_has_one_ipv6_address_has_its_network():
    for number in range(FREE.api_burst):
        assert Client().get(TOOLS, REMOTE_ADDR=f"2001:db8::{number:x}").status_code == 200
    assert Client().get(TOOLS, REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert Client().get(TOOLS, REMOTE_ADDR="2001:db8:0:1::1").status_code == 200


def test_an_accounts_keys_share_a_bucket_and_sessions_and_addresses_have_their_own(
    make, person, program
):
    ann = person("ann")
    first, second = (program(make(ann, name=name).text) for name in ("a", "b"))
    session = Client()
    session.force_login(ann)
    other = program(make(person("bea", "free")).text)
    callers = (first, first, second, session, Client(), other)
    assert [left(caller.get(TOOLS)) for caller in callers] == [19, 18, 17, 19, 19, 19]


def test_costly_calls_take_more(make, program):
    client = program(make(plan="free").text)
    assert left(client.post("/api/v1/consensus", {}, content_type="application/json")) == 15
    assert left(client.get(TOOLS)) == 14
    for _ in range(2):
        client.post("/api/v1/consensus", {}, content_type="application/json")
    answer = client.post("/api/v1/consensus", {}, content_type="application/json")
    assert answer.status_code == 429
    assert client.get(TOOLS).status_code == 200


def test_a_new_plan_counts_at_once(person):
    ann = person("ann")
    session = Client()
    session.force_login(ann)
    for _ in range(FREE.api_burst):
        session.get(TOOLS)
    assert session.get(TOOLS).status_code == 429
    plan_change(ann, plan="pro", actor=ann, reason="test")
    assert left(session.get(TOOLS)) == PLANS["pro"].limits.api_burst - 1


def test_without_redis_calls_are_answered_and_counted(make, person, program, settings, tmp_path):
    client, other = (program(make(person(name, "free")).text) for name in ("ann", "bea"))
    settings.REDIS_URL = f"unix://{Redis(tmp_path).socket}"
    try:
        told = [client.get(TOOLS).status_code for _ in range(FREE.api_burst + 1)]
        ticket = other.post("/api/v1/tickets")
    finally:
        rates.breaker.reset()
    assert told == [200] * FREE.api_burst + [429]
    assert (ticket.status_code, ticket["Retry-After"]) == (503, "5")


def test_without_the_database_a_key_gets_503_and_the_call_is_counted(make, monkeypatch):
    def away(*_: object) -> None:
        raise OperationalError("connection refused")

    client = Client(headers={"X-API-Key": make().text}, raise_request_exception=False)
    monkeypatch.setattr(verifying, "_read", away)
    answer = client.get(TOOLS)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert left(answer) == FREE.api_burst - 1


@pytest.mark.parametrize("value", ["\x00", "é", "A" * 100_000, "pk_test_", "a,b", "\t", "\ud800"])
@pytest.mark.parametrize(
    "header", ["X-API-Key", "Authorization", "X-Forwarded-For", "Idempotency-Key"]
)
def test_hostile_headers_are_answered(make, header, value, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    sent = f"Bearer {value}" if header == "Authorization" else value
    caller = Client(headers={header: sent}, raise_request_exception=False)
    for verb, path in (("get", TOOLS), ("post", "/api/v1/tickets"), ("get", "/api/v1/x")):
        answer = getattr(caller, verb)(path)
        assert answer.status_code in (200, 400, 401, 404), (header, path)
        assert left(answer) >= 0


def test_a_ticket_is_given_for_a_key_and_for_a_session(make, program, signed_in):
    made = make()
    answer = program(made.text).post("/api/v1/tickets")
    body = answer.json()
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    assert body["path"] == f"/ws?ticket={body['ticket']}"
    assert body["protocol"] == "pulse.v1"
    gap = dt.datetime.fromisoformat(body["expires"]) - dt.datetime.now(dt.UTC)
    assert 25 < gap.total_seconds() <= 30
    session = signed_in("bob")
    assert session.post("/api/v1/tickets").status_code == 201
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = session.cookies
    assert strict.post("/api/v1/tickets", content_type="application/json").status_code == 403
