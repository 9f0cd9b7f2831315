"""The thin shells: what beat names exists, and each task does its one thing."""

from __future__ import annotations

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import call_command

from record import audit, broker, jobs, outbox, remote, retention, slots, streams
from record.models import AuditEntry
from record.tasks import PulseTask


def test_every_scheduled_task_exists_and_is_one_of_ours():
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        task = broker.task_named(entry["task"])
        assert isinstance(task, PulseTask), entry["task"]
        assert task.entitlement == "system"


def test_every_slot_is_of_a_task_that_the_outbox_may_run_again():
    for given in settings.PULSE_SLOTS.values():
        assert broker.task_named(slots.Schedule(**given).task).entitlement == "system"


def test_schedule_and_heartbeat_agree():
    from record import heartbeat

    assert settings.CELERY_BEAT_SCHEDULE["heartbeat"]["schedule"] == heartbeat.EVERY_S


def test_a_job_message_is_spent_at_once_because_its_row_is_the_record():
    assert broker.task_named(jobs.RUN_TASK).acks_late is False
    assert broker.task_named(outbox.RUN_TASK).acks_late is True


@pytest.mark.parametrize(
    ("name", "module", "function", "args"),
    [
        ("record.run_outbox", outbox, "run", (5,)),
        ("record.sweep_outbox", outbox, "sweep", ()),
        ("record.keep_slots", slots, "promise_all", ()),
        ("record.run_job", jobs, "run", (5,)),
        ("record.sweep_jobs", jobs, "sweep", ()),
        ("record.answer", remote, "answer", ("id", "task", [1], 7, True)),
        ("record.prune", retention, "prune", ()),
    ],
)
def test_tasks_hand_over_to_their_rules(name, module, function, args, monkeypatch):
    seen = []
    monkeypatch.setattr(module, function, lambda *given: seen.append(given))
    broker.task_named(name).run(*args)
    assert seen == [args]


def test_a_failing_task_is_logged_with_its_arguments(caplog):
    task = current_app.tasks["record.run_outbox"]
    task.on_failure(RuntimeError("broken"), "id-1", (17,), {}, None)
    assert "task_failed" in caplog.text
    assert "17" in caplog.text


@pytest.mark.django_db
def test_pruning_visits_every_table_with_a_retention():
    assert retention.prune() == {"events": 0, "outbox": 0, "jobs": 0, "idempotency": 0}


@pytest.mark.django_db
def test_a_new_epoch_after_a_restore_is_audited(capsys):
    before = streams.epoch()
    call_command("new_epoch", "--reason", "restored the backup of Friday")
    after = streams.epoch()
    assert after != before
    assert after in capsys.readouterr().out
    entry = AuditEntry.objects.get(chain=audit.OPERATORS)
    assert entry.action == "streams.new_epoch"
    assert "Friday" in entry.detail
