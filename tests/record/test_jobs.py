"""Long work: claimed once, shown, cancelled, resumed from its checkpoint."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from record import audit, jobs, selectors, streams
from record.jobs import Cancelled, JobContext, LostLease, SliceOver
from record.models import AuditEntry, Job, StreamEvent

State = Job.State


@pytest.fixture
def kind() -> Iterator[Callable[..., str]]:
    """Register functions as kinds of job for the time of the test."""
    names: list[str] = []

    def register(run: Callable[[JobContext], object], **options) -> str:
        names.append(f"tests.kind{len(names)}")
        jobs.register(names[-1], run, **options)
        return names[-1]

    yield register
    for name in names:
        jobs.unregister(name)


def _expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(leased_until=timezone.now() - dt.timedelta(seconds=1))


def _told(owner: int) -> list[tuple[str, str]]:
    events = streams.read_after(jobs.channel_of(owner), 0)
    return [(event.op, event.data["state"]) for event in events]


@pytest.mark.django_db(transaction=True)
def test_a_job_runs_tells_its_owner_and_keeps_its_result(kind, sent):
    def run(context: JobContext) -> dict:
        assert context.owner == 7
        context.progress("load", done=1, total=2, unit="rows", msg="x")
        return {"sum": sum(context.args["numbers"])}

    with transaction.atomic():
        job = jobs.submit(kind(run, queue="ml"), args={"numbers": [1, 2]}, owner=7)
        assert sent == []
    assert sent == [("record.run_job", (job.pk,), "ml")]
    assert jobs.run(job.pk) == State.DONE
    job.refresh_from_db()
    assert (job.state, job.result, job.token) == ("done", {"sum": 3}, 1)
    assert job.created <= job.started <= job.finished
    assert job.progress["phase"] == "load"
    assert _told(7) == [
        ("add", "queued"),
        ("upd", "running"),
        ("upd", "running"),
        ("upd", "done"),
    ]
    assert jobs.run(job.pk) is None  # a repeated message
    assert selectors.jobs_snapshot("jobs:7")[str(job.pk)]["state"] == "done"
    assert selectors.jobs_snapshot("jobs:8") == selectors.jobs_snapshot("jobs:x") == {}


@pytest.mark.django_db(transaction=True)
def test_an_unknown_kind_is_refused_or_fails_visibly(kind, sent):
    with pytest.raises(jobs.UnknownKindError):
        jobs.submit("tests.none")
    assert not Job.objects.exists()
    job = jobs.submit(kind(lambda context: None))
    Job.objects.update(kind="tests.gone")
    assert jobs.run(job.pk) == State.FAILED
    job.refresh_from_db()
    assert job.error == "no kind of job is named tests.gone"


def test_a_kind_has_one_function():
    jobs.register("tests.twice", len)
    jobs.register("tests.twice", len)
    with pytest.raises(ValueError, match="registered already"):
        jobs.register("tests.twice", print)
    jobs.unregister("tests.twice")


@pytest.mark.django_db(transaction=True)
def test_messages_at_the_same_time_run_a_job_once(kind, sent):
    ran: list[int] = []
    job = jobs.submit(kind(lambda context: ran.append(context.id)))

    def work() -> None:
        jobs.run(job.pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ran == [job.pk]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("result", [float("nan"), {1, 2}, "\x00"])
def test_failures_and_results_that_are_not_json_are_kept_for_the_operator(kind, sent, result):
    def run(context: JobContext) -> object:
        context.checkpoint({"at": 5})
        return result

    job = jobs.submit(kind(run), owner=7)
    assert jobs.run(job.pk) == State.FAILED
    job.refresh_from_db()
    assert job.error
    assert job.result is None
    assert jobs.requeue(job.pk, actor="user:1")
    assert not jobs.requeue(job.pk, actor="user:1")
    job.refresh_from_db()
    assert (job.state, job.error, job.checkpoint) == ("queued", "", {"at": 5})
    assert sent[-1] == ("record.run_job", (job.pk,), "bulk")
    entry = AuditEntry.objects.get(chain=audit.OPERATORS)
    assert (entry.actor, entry.action, entry.subject) == (
        "user:1",
        "job.requeue",
        f"job:{job.pk}",
    )


@pytest.mark.django_db(transaction=True)
def test_a_queued_job_is_cancelled_at_once_and_never_runs(kind, sent):
    job = jobs.submit(kind(lambda context: pytest.fail("it ran")), owner=7)
    assert jobs.cancel(job.pk).state == "cancelled"
    assert jobs.cancel(job.pk) is None
    assert jobs.run(job.pk) is None
    assert _told(7)[-1] == ("upd", "cancelled")


@pytest.mark.django_db(transaction=True)
def test_a_running_job_is_asked_to_end_and_its_own_handler_cannot_swallow_that(kind, sent):
    reached: list[str] = []

    def run(context: JobContext) -> None:
        assert jobs.cancel_by_operator(context.id, actor="user:1")
        assert not jobs.cancel_by_operator(context.id, actor="user:1")
        with contextlib.suppress(Exception):
            context.progress("work")
        reached.append("went on")

    job = jobs.submit(kind(run), owner=7)
    assert jobs.run(job.pk) == State.CANCELLED
    job.refresh_from_db()
    assert (job.state, job.cancel_requested, reached) == ("cancelled", True, [])
    assert AuditEntry.objects.get().action == "job.cancel"
    assert jobs.requeue(job.pk, actor="user:1")
    job.refresh_from_db()
    assert not job.cancel_requested


@pytest.mark.django_db(transaction=True)
def test_a_long_job_runs_in_slices_from_checkpoint_to_checkpoint(kind, sent):
    starts: list[object] = []

    def run(context: JobContext) -> int:
        starts.append(context.state)
        for number in range(context.state or 0, 5):
            context.checkpoint(number + 1)
        return context.state

    job = jobs.submit(kind(run, slice_s=0.0), owner=7)
    states = [jobs.run(job.pk) for _ in range(6)]
    assert states == [State.QUEUED] * 5 + [State.DONE]
    assert starts == [None, 1, 2, 3, 4, 5]
    job.refresh_from_db()
    assert (job.result, job.token) == (5, 6)
    assert len(sent) == 6  # the first, and one for each slice that follows


@pytest.mark.django_db(transaction=True)
def test_effects_and_checkpoint_are_true_together(kind, sent):
    def run(context: JobContext) -> None:
        with context.commit({"at": 1}):
            streams.append("test:job", key="kept", data=1)
        with context.commit({"at": 2}):
            streams.append("test:job", key="undone", data=1)
            raise RuntimeError("in the middle")

    job = jobs.submit(kind(run))
    assert jobs.run(job.pk) == State.FAILED
    job.refresh_from_db()
    assert job.checkpoint == {"at": 1}
    assert list(StreamEvent.objects.values_list("key", flat=True)) == ["kept"]


@pytest.mark.django_db(transaction=True)
def test_who_lost_the_lease_can_change_nothing(kind, sent):
    """The old worker wakes up after the job went on elsewhere."""
    contexts: list[JobContext] = []

    def refused(old: JobContext) -> None:
        for act in (
            lambda: old.progress("late"),
            lambda: old.checkpoint("late"),
            lambda: old.commit("late").__enter__(),
        ):
            with pytest.raises(LostLease):
                act()

    def run(context: JobContext) -> str:
        contexts.append(context)
        if len(contexts) == 1:
            _expire(Job.objects.get(pk=context.id))
            assert jobs.sweep() == 1
            assert jobs.run(context.id) == State.DONE
            context.checkpoint("late")
        refused(contexts[0])  # while the other one is running
        return "second"

    job = jobs.submit(kind(run))
    assert jobs.run(job.pk) is None
    job.refresh_from_db()
    assert (job.state, job.result, job.token, job.checkpoint) == ("done", "second", 2, None)


@pytest.mark.django_db(transaction=True)
def test_a_late_return_of_an_old_worker_is_void(kind, sent):
    def run(context: JobContext) -> str:
        if not context.args:
            Job.objects.filter(pk=context.id).update(token=9)
        return "void"

    job = jobs.submit(kind(run))
    assert jobs.run(job.pk) is None
    job.refresh_from_db()
    assert (job.state, job.result) == ("running", None)


@pytest.mark.django_db(transaction=True)
def test_sweep_frees_lost_jobs_and_gives_up_those_that_kill_their_workers(kind, sent):
    name = kind(lambda context: None)
    lost, asked, deadly, alive = (jobs.submit(name, owner=7) for _ in range(4))
    Job.objects.update(state=State.RUNNING, token=1)
    _expire(lost)
    _expire(asked)
    _expire(deadly)
    Job.objects.filter(pk=asked.pk).update(cancel_requested=True)
    Job.objects.filter(pk=deadly.pk).update(crashes=jobs.MAX_CRASHES)
    Job.objects.filter(pk=alive.pk).update(leased_until=timezone.now() + dt.timedelta(seconds=9))
    sent.clear()
    assert jobs.sweep() == 1
    assert sent == [("record.run_job", (lost.pk,), "bulk")]
    states = dict(Job.objects.values_list("pk", "state"))
    assert [states[job.pk] for job in (lost, asked, deadly, alive)] == [
        "queued",
        "cancelled",
        "failed",
        "running",
    ]
    lost.refresh_from_db()
    assert lost.crashes == 1
    assert jobs.run(lost.pk) == State.DONE


@pytest.mark.django_db(transaction=True)
def test_sweep_sends_queued_jobs_again_later_and_later(kind, sent):
    job = jobs.submit(kind(lambda context: None))
    sent.clear()
    assert jobs.sweep() == 0
    waits = []
    for _ in range(6):
        Job.objects.update(send_at=timezone.now())
        assert jobs.sweep() == 1
        job.refresh_from_db()
        waits.append(round((job.send_at - timezone.now()).total_seconds()))
    assert waits == [30, 60, 120, 240, 300, 300]


@pytest.mark.django_db(transaction=True)
def test_a_checkpoint_forgives_earlier_crashes(kind, sent):
    job = jobs.submit(kind(lambda context: context.checkpoint(1)))
    Job.objects.update(crashes=4)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.crashes, job.checkpoint) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_leaves_the_job_to_the_sweep(kind, sent):
    def run(context: JobContext) -> None:
        raise OperationalError("connection lost")

    job = jobs.submit(kind(run))
    assert jobs.run(job.pk) is None
    job.refresh_from_db()
    assert job.state == "running"
    _expire(job)
    assert jobs.sweep() == 1


@pytest.mark.django_db(transaction=True)
def test_progress_is_told_seldom_but_each_phase_at_once(kind, sent):
    clock = itertools.count(step=0.2)

    def run(context: JobContext) -> None:
        context._clock = lambda: next(clock)
        for number in range(10):
            context.progress("load", done=number, i=1, n=2)
        context.progress("report", done=0, i=2, n=2)

    job = jobs.submit(kind(run), owner=7)
    jobs.run(job.pk)
    done = [
        (event.data["progress"]["phase"], event.data["progress"]["done"])
        for event in streams.read_after("jobs:7", 0)
        if event.data["progress"] and event.data["state"] == "running"
    ]
    assert done == [("load", 0), ("load", 3), ("load", 6), ("load", 9), ("report", 0)]


def test_signals_to_a_handler_pass_through_a_broad_except():
    for signal in (Cancelled, SliceOver, LostLease):
        assert not issubclass(signal, Exception)


@pytest.mark.django_db(transaction=True)
def test_old_finished_jobs_go(kind, sent):
    name = kind(lambda context: None)
    old, open_ = jobs.submit(name), jobs.submit(name)
    jobs.run(old.pk)
    Job.objects.filter(pk=old.pk).update(finished=timezone.now() - dt.timedelta(days=91))
    assert jobs.prune() == 1
    assert list(Job.objects.values_list("pk", flat=True)) == [open_.pk]


@pytest.mark.django_db
def test_states_of_all_work_for_the_status_page(kind, sent):
    assert selectors.outbox_state() == {"pending": 0, "failed": 0, "oldest_s": None}
    jobs.submit(kind(lambda context: None))
    counts = selectors.jobs_state()
    assert counts == {"queued": 1, "running": 0, "done": 0, "failed": 0, "cancelled": 0}
