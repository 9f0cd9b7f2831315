"""Hints: sent when Redis is there, and in nobody's way when it is not."""

from __future__ import annotations

import time

import orjson
import pytest
from django.db import transaction

from record import hints, streams
from record.hints import Breaker, Head


def test_hints_are_published_for_each_channel(own_redis):
    with hints.client().pubsub() as listener:
        listener.subscribe(hints.CHANNEL)
        assert listener.get_message(timeout=5)["type"] == "subscribe"
        assert hints.publish({"a": Head("e", 4, 1), "b": Head("e", 9)})
        heard = [orjson.loads(listener.get_message(timeout=5)["data"]) for _ in range(2)]
    assert heard == [{"ch": "a", "seq": 4, "epoch": "e"}, {"ch": "b", "seq": 9, "epoch": "e"}]


@pytest.mark.django_db(transaction=True)
def test_redis_away_never_fails_the_transaction(own_redis):
    own_redis.stop()
    began = time.monotonic()
    for number in range(20):
        with transaction.atomic():
            assert streams.append("test:away", key="k", data=number) == number + 1
    assert time.monotonic() - began < 5
    assert streams.head("test:away").seq == 20
    own_redis.start()
    hints.breaker.reset()
    assert hints.publish({"test:away": streams.head("test:away")})


def test_connections_that_died_with_redis_heal_at_once(own_redis):
    assert hints.publish({"a": Head("e", 1)})
    own_redis.stop()
    own_redis.start()
    assert hints.publish({"a": Head("e", 2)})


def test_breaker_waits_longer_each_time_up_to_a_limit(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(hints.time, "monotonic", lambda: now[0])
    breaker = Breaker(first_s=1, longest_s=3)
    assert not breaker.open
    waits = []
    for _ in range(4):
        breaker.trip()
        began = now[0]
        while breaker.open:
            now[0] += 0.5
        waits.append(now[0] - began)
    assert waits == [1, 2, 3, 3]
    breaker.reset()
    breaker.trip()
    now[0] += 1
    assert not breaker.open
