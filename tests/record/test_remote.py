"""Numerics for a request, in a worker: answered, dropped, or said to be away."""

from __future__ import annotations

import threading
import time

import pytest
from celery import shared_task

from record import broker, heartbeat, remote
from record.access import SYSTEM
from record.hints import client
from record.remote import RemoteError, Unavailable
from record.tasks import PulseTask, beat


@shared_task(name="tests.double", base=PulseTask, entitlement=SYSTEM)
def double(numbers: list[float]) -> dict[str, object]:
    """Numerics."""
    return {"twice": [2 * number for number in numbers], "missing": float("nan")}


@shared_task(name="tests.breaks", base=PulseTask, entitlement=SYSTEM)
def breaks() -> None:
    """A bug."""
    raise ZeroDivisionError("somewhere")


@shared_task(name="tests.turn", base=PulseTask, entitlement=SYSTEM)
def turn(body: bytes) -> bytes:
    """Bytes in, bytes out."""
    return body[::-1]


@pytest.fixture
def worker(monkeypatch) -> list[tuple]:
    """A worker in a thread that answers whatever is sent."""
    seen: list[tuple] = []

    def send(task: str, args: tuple, *, queue: str, expires: float) -> None:
        assert (task, queue) == ("record.answer", "live")
        seen.append(args)
        threading.Thread(target=remote.answer, args=args).start()

    monkeypatch.setattr(broker, "send", send)
    return seen


def test_the_result_comes_back_as_json(worker):
    assert remote.call("tests.double", [1, 2.5]) == {"twice": [2, 5.0], "missing": None}


@pytest.mark.parametrize("body", [b"", b"=\x00\xff{", bytes(range(256)) * 4096])
def test_a_body_goes_and_comes_as_it_is_and_leaves_nothing_behind(worker, body):
    assert remote.call("tests.turn", body=body) == body[::-1]
    assert not client().exists(*remote._keys(worker[0][0]))


def test_a_failing_task_is_an_error_of_ours_not_an_absence(worker):
    with pytest.raises(RemoteError, match="ZeroDivisionError: somewhere"):
        remote.call("tests.breaks")
    with pytest.raises(RemoteError, match="no task is named"):
        remote.call("tests.no_such_task")


def test_callers_at_the_same_time_get_their_own_answers(worker):
    found: dict[int, object] = {}

    def ask(number: int) -> None:
        found[number] = remote.call("tests.double", [number])["twice"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [2 * number] for number in range(10)}


def test_no_worker_is_said_in_time_and_the_late_worker_drops_the_call(sent):
    messages: list[tuple] = []
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker, "send", lambda task, args, **_: messages.append(args))
        with pytest.raises(Unavailable) as refusal:
            remote.call("tests.double", [1], timeout=0.3)
    assert 0.25 < time.monotonic() - began < 2
    assert (refusal.value.status_code, refusal.value.wait) == (503, 5)
    assert remote.answer(*messages[0]) is False
    assert not client().exists(*remote._keys(messages[0][0]))


def test_redis_away_is_unavailable_at_once(own_redis):
    own_redis.stop()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        remote.call("tests.double", [1])
    assert time.monotonic() - began < 3


def test_beat_marks_itself_and_probes_each_queue(sent):
    client().delete(*(f"alive:{name}" for name in heartbeat.read()))
    assert {life.alive for life in heartbeat.read().values()} == {False}
    beat()
    assert {args for _, args, _ in sent} == {(queue,) for queue in heartbeat.queues()}
    assert all(args == (queue,) for _, args, queue in sent)
    broker.task_named("record.probe").run("live")
    found = heartbeat.read()
    assert [name for name, life in found.items() if life.alive] == ["beat", "queue:live"]
    assert found["queue:live"].pid is not None
    assert found["queue:bulk"].age_s is None


def test_an_old_sign_of_life_is_none(monkeypatch):
    heartbeat.mark("tests.feed")
    assert heartbeat.read(["tests.feed"])["tests.feed"].alive
    later = time.time() + heartbeat.STALE_AFTER_S + 1
    monkeypatch.setattr(heartbeat.time, "time", lambda: later)
    assert not heartbeat.read(["tests.feed"])["tests.feed"].alive


def test_beat_survives_a_broker_that_is_away(own_redis, monkeypatch):
    def away(*_args: object, **_options: object) -> None:
        raise broker.BrokerAwayError("gone")

    monkeypatch.setattr(broker, "send", away)
    heartbeat.beat()
    assert heartbeat.read()["beat"].alive


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_answers_over_a_real_queue(child, own_redis):
    """The very command of the `live` worker: threads, its own queue, JSON."""
    worker = child(
        """
from celery import shared_task
from record.access import SYSTEM
from record.tasks import PulseTask

@shared_task(name="tests.double", base=PulseTask, entitlement=SYSTEM)
def double(numbers):
    return {"twice": [2 * number for number in numbers]}

from pulse.celery import app
say("worker")
app.worker_main(["worker", "-P", "threads", "-c", "2", "-Q", "live", "-l", "ERROR",
                 "--without-gossip"])
"""
    )
    worker.until("worker")
    assert remote.call("tests.double", [1, 2], timeout=20) == {"twice": [2, 4]}
    began = time.monotonic()
    assert remote.call("tests.double", [3], timeout=20) == {"twice": [6]}
    assert time.monotonic() - began < 2
    heartbeat.beat()
    deadline = time.monotonic() + 10
    while not heartbeat.read()["queue:live"].alive:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not heartbeat.read()["queue:bulk"].alive
