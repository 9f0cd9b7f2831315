"""kill -9 of real processes between the steps: nothing is lost, nothing is done twice."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from record import audit, broker, idempotency, jobs, outbox, streams
from record.access import SYSTEM
from record.jobs import JobContext
from record.models import AuditEntry, IdempotencyKey, Job, OutboxRow, StreamEvent
from record.outbox import Outcome
from record.tasks import PulseTask

pytestmark = pytest.mark.django_db(transaction=True)

EFFECT = """
from celery import shared_task
from record import outbox, streams
from record.access import SYSTEM
from record.tasks import PulseTask

@shared_task(name="tests.crash", base=PulseTask, entitlement=SYSTEM)
def effect(name):
    streams.append("test:crash", key=name, data=None)
    say("in the effect")
    wait()
"""


@shared_task(name="tests.crash", base=PulseTask, entitlement=SYSTEM)
def effect(name: str) -> None:
    """The same task in this process, where it ends well."""
    streams.append("test:crash", key=name, data=None)


def _effects() -> list[str]:
    return list(StreamEvent.objects.order_by("seq").values_list("key", flat=True))


def _due() -> None:
    OutboxRow.objects.update(send_at=timezone.now(), leased_until=None)


def test_killed_before_the_commit_nothing_was_promised(child):
    one = child(
        EFFECT
        + """
with transaction.atomic():
    outbox.enqueue("tests.crash", "a")
    streams.append("test:crash", key="cause", data=None)
    say("before the commit")
    wait()
"""
    )
    one.until("before the commit")
    one.kill()
    with transaction.atomic():
        assert streams.append("test:crash", key="next", data=None) == 1
    assert not OutboxRow.objects.exists()


def test_killed_between_commit_and_message_the_sweep_brings_it(child, sent):
    one = child(
        EFFECT
        + """
from record import broker
def stuck(*args, **options):
    say("committed")
    wait()
broker.send = stuck
with transaction.atomic():
    streams.append("test:crash", key="cause", data=None)
    outbox.enqueue("tests.crash", "a", queue="live")
"""
    )
    one.until("committed")
    one.kill()
    row = OutboxRow.objects.get()
    assert (row.state, _effects()) == ("pending", ["cause"])
    _due()
    assert outbox.sweep() == 1
    assert sent == [("record.run_outbox", (row.pk,), "live")]
    assert outbox.run(row.pk) == Outcome.DONE
    assert _effects() == ["cause", "a"]


def test_killed_in_the_middle_of_the_effect_it_is_done_once(child, sent):
    with transaction.atomic():
        row_id = outbox.enqueue("tests.crash", "a")
    one = child(EFFECT + f"outbox.run({row_id})")
    one.until("in the effect")
    assert outbox.run(row_id) == Outcome.LEFT_ALONE  # while it is at work
    one.kill()
    _due()
    _until(lambda: outbox.sweep() == 1)  # the lock of the dead goes with its connection
    assert outbox.run(row_id) == Outcome.DONE
    assert outbox.run(row_id) == Outcome.LEFT_ALONE
    assert _effects() == ["a"]
    assert OutboxRow.objects.get().attempts == 2


def test_killed_under_a_lease_it_waits_for_the_lease_and_goes_on(child, sent):
    with transaction.atomic():
        row_id = outbox.enqueue("tests.crash", "a")
    leased = EFFECT.replace("@shared_task(name", "@shared_task(atomic=False, name").replace(
        'streams.append("test:crash", key=name, data=None)', "pass"
    )
    one = child(leased + f"outbox.run({row_id})")
    one.until("in the effect")
    one.kill()
    assert outbox.run(row_id) == Outcome.LEFT_ALONE
    assert outbox.sweep() == 0
    row = OutboxRow.objects.get()
    assert (
        dt.timedelta(0) < row.leased_until - timezone.now() <= dt.timedelta(seconds=outbox.LEASE_S)
    )
    _due()
    assert outbox.sweep() == 1
    assert outbox.run(row_id) == Outcome.DONE


JOB = """
from record import jobs, streams

def run(context):
    for number in range(context.state or 0, 6):
        with context.commit(number + 1):
            streams.append("test:crash", key=str(number), data=None)
            say(f"in step {{number}}")
            if number == {stop}:
                wait()
jobs.register("tests.steps", run)
jobs.run({job})
"""


@pytest.fixture
def steps():
    def run(context: JobContext) -> str:
        began = context.state
        for number in range(began or 0, 6):
            with context.commit(number + 1):
                streams.append("test:crash", key=str(number), data=None)
        return f"from {began}"

    jobs.register("tests.steps", run)
    yield
    jobs.unregister("tests.steps")


def test_a_killed_job_goes_on_from_its_checkpoint_and_does_no_step_twice(child, sent, steps):
    job = jobs.submit("tests.steps", owner=7)
    for stop in (2, 4):
        one = child(JOB.format(stop=stop, job=job.pk))
        one.until(f"in step {stop}")
        one.kill()
        Job.objects.update(leased_until=timezone.now())
        _until(lambda: jobs.sweep() == 1)
        Job.objects.update(send_at=timezone.now())
    assert _effects_of_steps() == ["0", "1", "2", "3"]
    assert jobs.run(job.pk) == Job.State.DONE
    assert _effects_of_steps() == ["0", "1", "2", "3", "4", "5"]
    job.refresh_from_db()
    assert (job.result, job.token, job.crashes) == ("from 4", 3, 0)


def _effects_of_steps() -> list[str]:
    events = StreamEvent.objects.filter(stream__channel="test:crash")
    return list(events.order_by("seq").values_list("key", flat=True))


def test_killed_inside_a_request_its_key_is_free(child):
    one = child(
        """
from record import idempotency, streams
def fn():
    streams.append("test:crash", key="half", data=None)
    say("half done")
    wait()
idempotency.run_once(owner="user:1", key="k", request_hash="h", fn=fn)
"""
    )
    one.until("half done")
    with pytest.raises(idempotency.InProgressError):
        idempotency.run_once(owner="user:1", key="k", request_hash="h", fn=_whole, wait_s=0.1)
    one.kill()
    answer = idempotency.run_once(owner="user:1", key="k", request_hash="h", fn=_whole)
    assert not answer.replayed
    assert _effects() == ["whole"]
    assert IdempotencyKey.objects.count() == 1


def _whole() -> idempotency.Answer:
    streams.append("test:crash", key="whole", data=None)
    return idempotency.Answer(201)


def test_killed_while_writing_the_audit_trail_it_stays_whole(child):
    audit.write("c", actor="a", action="b", subject="1")
    one = child(
        """
from record import audit
with transaction.atomic():
    audit.write("c", actor="dead", action="b", subject="2")
    say("written")
    wait()
"""
    )
    one.until("written")
    one.kill()
    assert audit.write("c", actor="a", action="b", subject="3").seq == 2
    assert audit.verify().sound
    assert not AuditEntry.objects.filter(actor="dead").exists()


WORKER = """
from pulse.celery import app
say("worker")
app.worker_main(["worker", "-P", "solo", "-Q", "bulk", "-l", "ERROR", "--without-gossip",
                 "--without-mingle", "--without-heartbeat"])
"""


@pytest.mark.slow
def test_a_killed_worker_and_a_redis_that_forgot_everything_lose_nothing(child, own_redis):
    """Three effects promised; the worker dies in one, Redis with all messages after it."""
    with transaction.atomic():
        rows = [outbox.enqueue("tests.crash", name) for name in "abc"]
    first = child(EFFECT + WORKER)
    first.until("in the effect")
    first.kill()
    own_redis.stop()
    kept = list(own_redis.server.data.glob("**/*.aof"))
    assert kept
    for path in kept:
        path.unlink()
    own_redis.start()
    broker.breaker.reset()
    assert _effects() == []
    _due()
    _until(lambda: outbox.sweep() == 3)
    child(EFFECT.replace("    wait()\n", "") + WORKER)
    _until(lambda: not OutboxRow.objects.filter(state="pending").exists())
    assert sorted(_effects()) == ["a", "b", "c"]
    assert set(OutboxRow.objects.values_list("pk", "state")) == {(row, "done") for row in rows}


def _until(holds, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
