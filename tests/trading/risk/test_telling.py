"""What is told of risk on its channel: to whom, once, and never in the way of a switch."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import DatabaseError
from django.utils import timezone

from record.live import topics
from record.models import OutboxRow, StreamEvent
from record.outbox import run
from tests.trading.risk.test_gate import C610, option, place
from trading.risk import breakers, telling
from trading.risk import services as limits
from trading.scopes import EVERYTHING, Scope
from trading.switches import services as switches
from trading.switches.selectors import stops

pytestmark = pytest.mark.usefixtures("real_gate")
D = Decimal


def told(channel: str) -> list[tuple[str, str, str]]:
    """What a channel says, with what was promised for it told, twice."""
    for _ in range(2):
        for row in OutboxRow.objects.filter(task=telling.TASK):
            run(row.pk)
    rows = StreamEvent.objects.filter(stream__channel=channel).order_by("seq")
    return [(one.data["event"], one.data["what"], one.data["state"]) for one in rows]


def test_a_breaker_that_opens_and_goes_on_is_told_to_the_owner_once(ready):
    mine = telling.channel_of(ready.owner_id)
    now = timezone.now()
    breakers.trip(ready, "stale", "Its market was 40 s old.", now, symbol="SPY")
    breakers.trip(ready, "stale", "Its market was 45 s old.", now, symbol="SPY")
    assert told(mine) == [("breaker", "stale market of SPY", "open")]
    assert [one["state"] for one in telling.open_now(mine).values()] == ["open"]
    breakers.move_on(ready, now + dt.timedelta(minutes=1))
    assert told(mine)[1:] == [("breaker", "stale market of SPY", "half-open")]
    breakers.stop(ready, breakers.Standing.HALTED, "The day's loss is 9.")
    assert told(mine)[2:] == [("breaker", f"account {ready.pk}", "halted")]


def test_a_refused_strategy_is_told_and_a_person_reads_it_on_the_ticket(ready):
    mine = telling.channel_of(ready.owner_id)
    assert not place(ready, "one", option(C610, -1), price="4.11").decision.allowed
    assert told(mine) == []
    assert not place(
        ready, "two", option(C610, -1), price="4.11", origin="strategy:7"
    ).decision.allowed
    assert told(mine) == [("refused", "strategy:7", "uncovered")]


def test_a_limit_is_told_to_whom_it_binds(ready):
    mine = telling.channel_of(ready.owner_id)
    limits.set_limit(ready.pk, "contracts", D(2), actor="user 1")
    limits.set_scope_limit(Scope("user", str(ready.owner_id)), "held", D(5), actor="operator eve")
    limits.set_scope_limit(EVERYTHING, "held", D(9), actor="operator eve")
    limits.set_scope_limit(Scope("bot", "7"), "held", D(9), actor="operator eve")
    assert told(mine) == [("limit", "contracts", ""), ("limit", "held", "")]
    assert told(telling.EVERYONE) == [("limit", "held", "")]


def test_a_switch_is_told_to_those_whom_it_stops(ready):
    mine = telling.channel_of(ready.owner_id)
    for scope in (Scope("account", str(ready.pk)), Scope("user", str(ready.owner_id)),
                  Scope("account", "0"), Scope("bot", "7")):  # fmt: skip
        switches.turn(scope, "halted", actor="user 1", reason="I sleep.")
    switches.turn(EVERYTHING, "halted", actor="operator eve", reason="A test.")
    assert told(mine) == [
        ("switch", f"account:{ready.pk}", "halted"),
        ("switch", f"user:{ready.owner_id}", "halted"),
    ]
    assert told(telling.EVERYONE) == [("switch", "global", "halted")]
    assert len(telling.open_now(mine)) == 2
    assert len(telling.open_now(telling.EVERYONE)) == 1


def test_a_switch_is_turned_though_it_cannot_be_told(ready, monkeypatch):
    def broken(*_args, **_more):
        raise DatabaseError("lock timeout")

    monkeypatch.setattr(telling.streams, "append", broken)
    assert switches.turn(EVERYTHING, "halted", actor="operator eve", reason="A test.")
    assert [one.state for one in stops(())] == ["halted"]


def test_the_channel_is_the_owners_alone(ready, django_user_model):
    eve = django_user_model.objects.create_user("eve@trading.example", plan="pro")
    mine = telling.channel_of(ready.owner_id)
    assert topics.refusal(ready.owner, mine) is None
    assert topics.refusal(eve, mine) == topics.UNKNOWN
    assert topics.refusal(eve, telling.EVERYONE) is None


def test_the_page_of_risk_follows_it(ready, client):
    client.force_login(ready.owner)
    page = client.get("/trading/risk/").content.decode()
    assert f'data-channel="orders:{ready.owner_id} risk:{ready.owner_id} risk:everyone"' in page
