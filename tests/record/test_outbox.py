"""The outbox: promised in the transaction of its cause, done at least once, never lost."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone

from record import audit, broker, outbox, streams
from record.access import SYSTEM
from record.models import AuditEntry, OutboxRow, StreamEvent
from record.outbox import MAX_ATTEMPTS, Outcome, Unretryable
from record.tasks import PulseTask

calls: list[tuple] = []
moods: dict[str, Exception] = {}


@shared_task(name="tests.effect", base=PulseTask, entitlement=SYSTEM, queue="alerts")
def effect(name: str, number: int) -> None:
    """An effect in the database, and a note that it was tried."""
    streams.append("test:effects", key=name, data=number)
    calls.append((name, number))
    if name in moods:
        raise moods[name]


class LeasedTask(PulseTask):
    """Runs outside the row's transaction."""

    abstract = True
    atomic = False


@shared_task(name="tests.leased", base=LeasedTask, entitlement=SYSTEM)
def leased(name: str) -> None:
    """An effect elsewhere."""
    calls.append((name, connection.in_atomic_block))
    if name in moods:
        raise moods[name]


@pytest.fixture(autouse=True)
def _fresh():
    calls.clear()
    moods.clear()


def _enqueue(*args, task: str = "tests.effect", **options) -> OutboxRow:
    with transaction.atomic():
        return OutboxRow.objects.get(pk=outbox.enqueue(task, *args, **options))


def _age(row: OutboxRow, seconds: float = 3600) -> None:
    OutboxRow.objects.filter(pk=row.pk).update(
        send_at=timezone.now() - dt.timedelta(seconds=seconds), leased_until=None
    )


def _effects() -> list[str]:
    return list(StreamEvent.objects.order_by("seq").values_list("key", flat=True))


@pytest.mark.django_db(transaction=True)
def test_message_goes_out_after_the_commit_only(sent):
    with transaction.atomic():
        row_id = outbox.enqueue("tests.effect", "a", 1)
        assert sent == []
    assert sent == [("record.run_outbox", (row_id,), "alerts")]
    assert outbox.run(row_id) == Outcome.DONE
    assert (_effects(), calls) == (["a"], [("a", 1)])
    row = OutboxRow.objects.get(pk=row_id)
    assert (row.state, row.attempts) == ("done", 1)
    assert row.finished is not None


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_cause_promises_nothing(sent):
    with transaction.atomic():
        outbox.enqueue("tests.effect", "a", 1)
        transaction.set_rollback(True)
    assert sent == []
    assert not OutboxRow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_promises_need_a_transaction_and_a_task_that_exists(sent):
    with pytest.raises(transaction.TransactionManagementError):
        outbox.enqueue("tests.effect", "a", 1)
    with pytest.raises(broker.UnknownTaskError), transaction.atomic():
        outbox.enqueue("tests.no_such_task")
    with pytest.raises(ValueError), transaction.atomic():
        outbox.enqueue("tests.effect", float("nan"))
    assert not OutboxRow.objects.exists()
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_the_same_key_promises_once(sent):
    first = _enqueue("a", 1, key="order:7", queue="live")
    again = _enqueue("a", 2, key="order:7")
    assert again == first
    assert len(sent) == 1
    assert outbox.run(first.pk) == Outcome.DONE
    assert _enqueue("a", 3, key="order:7") == first
    assert len(sent) == 1


@pytest.mark.django_db(transaction=True)
def test_a_repeated_message_does_nothing_again(sent):
    row = _enqueue("a", 1)
    assert [outbox.run(row.pk) for _ in range(3)] == [
        Outcome.DONE,
        Outcome.LEFT_ALONE,
        Outcome.LEFT_ALONE,
    ]
    assert outbox.run(10**9) == Outcome.LEFT_ALONE
    assert _effects() == ["a"]


@pytest.mark.django_db(transaction=True)
def test_messages_at_the_same_time_have_one_effect(sent):
    row = _enqueue("a", 1)
    outcomes: list[Outcome] = []

    def work() -> None:
        outcomes.append(outbox.run(row.pk))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _effects() == ["a"]
    assert outcomes.count(Outcome.DONE) == 1
    assert outcomes.count(Outcome.LEFT_ALONE) == 7


@pytest.mark.django_db(transaction=True)
def test_of_two_claims_only_the_later_one_runs(sent):
    row = _enqueue("a", 1)
    first, later = outbox._claim(row.pk), outbox._claim(row.pk)
    assert (first.attempt, later.attempt) == (1, 2)
    assert not outbox._run_atomically(first)
    assert calls == []
    assert outbox._run_atomically(later)
    assert outbox._claim(row.pk) is None
    assert _effects() == ["a"]


@pytest.mark.django_db(transaction=True)
def test_a_failure_undoes_its_effect_and_is_tried_again_later_and_later(sent):
    row = _enqueue("a", 1)
    moods["a"] = RuntimeError("no luck")
    waits = []
    for _ in range(4):
        began = timezone.now()
        assert outbox.run(row.pk) == Outcome.WILL_RETRY
        row.refresh_from_db()
        waits.append(round((row.send_at - began).total_seconds()))
    assert waits == [5, 10, 20, 40]
    assert (row.state, row.attempts, row.error) == ("pending", 4, "RuntimeError: no luck")
    assert _effects() == []
    moods.clear()
    assert outbox.run(row.pk) == Outcome.DONE
    row.refresh_from_db()
    assert (row.state, row.error, _effects()) == ("done", "", ["a"])


@pytest.mark.django_db(transaction=True)
def test_what_keeps_failing_is_parked_replayed_or_given_up_by_an_operator(sent):
    row = _enqueue("a", 1)
    moods["a"] = RuntimeError("broken")
    outcomes = [outbox.run(row.pk) for _ in range(MAX_ATTEMPTS)]
    assert outcomes == [Outcome.WILL_RETRY] * (MAX_ATTEMPTS - 1) + [Outcome.FAILED]
    _age(row)
    assert outbox.sweep() == 0  # nobody but a person brings it back
    assert outbox.run(row.pk) == Outcome.LEFT_ALONE
    assert outbox.replay(row.pk, actor="user:1")
    assert not outbox.replay(row.pk, actor="user:1")
    assert not outbox.discard(row.pk, actor="user:1")
    assert len(sent) == 2
    moods["a"] = Unretryable("never")
    assert outbox.run(row.pk) == Outcome.FAILED
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == ("failed", 1, "never")
    assert outbox.discard(row.pk, actor="user:2")
    row.refresh_from_db()
    assert row.state == "discarded"
    entries = AuditEntry.objects.filter(chain=audit.OPERATORS, subject=f"outbox:{row.pk}")
    assert list(entries.order_by("seq").values_list("actor", "action")) == [
        ("user:1", "outbox.replay"),
        ("user:2", "outbox.discard"),
    ]
    assert _effects() == []


@pytest.mark.django_db(transaction=True)
def test_a_row_that_kills_its_workers_is_parked(sent):
    row = _enqueue("a", 1)
    OutboxRow.objects.filter(pk=row.pk).update(attempts=MAX_ATTEMPTS)
    assert outbox.run(row.pk) == Outcome.FAILED
    assert calls == []
    row.refresh_from_db()
    assert "died" in row.error


@pytest.mark.django_db(transaction=True)
def test_a_task_that_is_gone_is_kept_for_the_operator(sent):
    row = _enqueue("a", 1)
    OutboxRow.objects.filter(pk=row.pk).update(task="tests.gone", attempts=MAX_ATTEMPTS - 1)
    assert outbox.run(row.pk) == Outcome.FAILED
    row.refresh_from_db()
    assert "no task is named tests.gone" in row.error


@pytest.mark.django_db(transaction=True)
def test_leased_work_runs_outside_a_transaction_and_not_twice_at_once(sent):
    row = _enqueue("b", task="tests.leased")
    assert row.queue == "bulk"
    moods["b"] = RuntimeError("away")
    assert outbox.run(row.pk) == Outcome.WILL_RETRY
    moods.clear()
    OutboxRow.objects.filter(pk=row.pk).update(
        leased_until=timezone.now() + dt.timedelta(seconds=60)
    )
    assert outbox.run(row.pk) == Outcome.LEFT_ALONE  # somebody is at it
    OutboxRow.objects.filter(pk=row.pk).update(
        leased_until=timezone.now() - dt.timedelta(seconds=1)
    )
    assert outbox.run(row.pk) == Outcome.DONE
    assert calls == [("b", False), ("b", False)]


@pytest.mark.django_db(transaction=True)
def test_sweep_sends_what_nobody_finished_and_then_waits_longer(sent):
    row, fresh, done = _enqueue("a", 1), _enqueue("b", 2), _enqueue("c", 3)
    outbox.run(done.pk)
    _age(row)
    _age(done)
    sent.clear()
    assert outbox.sweep() == 1
    assert sent == [("record.run_outbox", (row.pk,), "alerts")]
    assert outbox.sweep() == 0
    row.refresh_from_db()
    fresh.refresh_from_db()
    assert row.send_at - timezone.now() > dt.timedelta(seconds=8)
    assert (row.sends, fresh.sends) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_sweep_leaves_alone_what_is_being_done(sent):
    row = _enqueue("a", 1)
    _age(row)
    sent.clear()
    found: list[int] = []
    with transaction.atomic():
        OutboxRow.objects.select_for_update().get(pk=row.pk)

        def work() -> None:
            found.append(outbox.sweep())
            connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert (found, sent) == ([0], [])


@pytest.mark.django_db(transaction=True)
def test_old_done_rows_go_and_failed_rows_stay(sent):
    done, failed, open_ = _enqueue("a", 1), _enqueue("b", 2), _enqueue("c", 3)
    outbox.run(done.pk)
    moods["b"] = Unretryable("no")
    outbox.run(failed.pk)
    old = timezone.now() - dt.timedelta(days=4)
    assert outbox.prune() == 0
    OutboxRow.objects.update(created=old, finished=old)
    assert outbox.prune() == 1
    assert set(OutboxRow.objects.values_list("pk", flat=True)) == {failed.pk, open_.pk}


@pytest.mark.django_db(transaction=True)
def test_redis_away_at_the_commit_delays_and_loses_nothing(own_redis):
    own_redis.stop()
    began = timezone.now()
    row = _enqueue("a", 1)
    assert timezone.now() - began < dt.timedelta(seconds=5)
    assert row.state == "pending"
    _age(row)
    assert outbox.sweep() == 0
    row.refresh_from_db()
    assert row.send_at - timezone.now() < dt.timedelta(seconds=outbox.FIRST_WAIT_S + 1)
    own_redis.start()
    broker.breaker.reset()
    _age(row)
    assert outbox.sweep() == 1
    from record.hints import client

    assert client().llen("alerts") == 1
    own_redis.stop()
    own_redis.start()  # a producer that holds a dead connection heals by itself
    broker.send("record.run_outbox", (row.pk,), queue="alerts")


@pytest.mark.django_db(transaction=True)
def test_a_hung_redis_slows_one_commit_not_every_one(own_redis):
    import os
    import signal

    broker.send("record.run_outbox", (0,), queue="alerts")
    os.kill(own_redis._process.pid, signal.SIGSTOP)
    try:
        _enqueue("a", 1)
        began = timezone.now()
        _enqueue("b", 2)
        assert timezone.now() - began < dt.timedelta(seconds=0.9)
    finally:
        os.kill(own_redis._process.pid, signal.SIGCONT)
    assert OutboxRow.objects.filter(state="pending").count() == 2
