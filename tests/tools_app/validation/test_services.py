"""Validations on the real database: shared, resumed, cancelled, and the same for any number."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from record import jobs
from record.models import Job
from tools_app.models import ValidationBlock, ValidationRun
from tools_app.validation import blocks, services

pytestmark = pytest.mark.django_db(transaction=True)
TOOLS = [10, 16]
PATHS = 24


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)


def ask(**changed) -> ValidationRun:
    given = {"seed": 3, "effect": "on", "paths": PATHS, "tools": TOOLS, "lanes": 0}
    return services.ask(**(given | changed))


def compute(run: ValidationRun, block: ValidationBlock) -> None:
    """Compute one block, claimed or not."""
    tools = services.judged_tools(TOOLS)
    services.SHARED.compute(block, lambda: services._computed(run, block, tools))


def quietly(done: int, total: int) -> None:
    """Tell nobody."""


def table(run: ValidationRun) -> dict:
    run.refresh_from_db()
    assert run.state == "done"
    return run.table


def test_the_same_question_is_answered_once():
    run = ask()
    assert run.blocks.count() == 3
    assert services.work(run.pk, quietly)
    before = table(run)
    assert ask().pk == run.pk
    assert ask(seed=4).pk != run.pk
    assert ask(tools=[10]).pk != run.pk
    assert [line["tool_id"] for line in before["lines"]] == TOOLS
    assert set(before["fans"]) == {"10", "16"}


def test_any_number_of_workers_in_any_order_gives_the_same_table():
    first = ask()
    services.work(first.pk, quietly)
    said = table(first)
    first.delete()
    again = ask()
    # Blocks that others compute are taken in another order here.
    last = again.blocks.order_by("-number").first()
    compute(again, last)

    def work() -> None:
        services.work(again.pk, quietly)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert table(again) == said


def test_a_cancelled_run_keeps_its_blocks_and_goes_on_from_there():
    run = ask()
    told = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if done == 1:
            assert services.SHARED.cancel(run.pk)

    assert not services.work(run.pk, stop)
    kept = list(run.blocks.filter(done=True).values_list("pk", "seconds"))
    assert 1 <= len(kept) < 3
    assert not services.work(run.pk, quietly)  # nobody goes on by himself
    assert ask().pk == run.pk
    assert services.work(run.pk, quietly)
    assert set(kept) <= set(run.blocks.values_list("pk", "seconds"))
    assert told[:2] == [0, 1]


def test_a_block_whose_worker_died_is_taken_over_when_its_lease_ends():
    run = ask()
    lost = services.SHARED.claim(run.pk)
    assert services.SHARED.claim(run.pk).pk != lost.pk
    ValidationBlock.objects.filter(pk=lost.pk).update(leased_until=timezone.now())
    assert services.SHARED.claim(run.pk).pk == lost.pk


def test_a_block_is_stored_once_whoever_comes_second():
    run = ask()
    block = services.SHARED.claim(run.pk)
    compute(run, block)
    stored = ValidationBlock.objects.get(pk=block.pk)
    compute(run, block)
    later = ValidationBlock.objects.get(pk=block.pk)
    assert (stored.seconds, bytes(stored.tallies)) == (later.seconds, bytes(later.tallies))


def test_lanes_are_jobs_that_workers_take(monkeypatch):
    monkeypatch.setattr(jobs.broker, "send", lambda *args, **options: None)
    run = ask(lanes=2)
    lanes = list(Job.objects.filter(kind=services.SHARED.job).order_by("pk"))
    assert [job.args["lane"] for job in lanes] == [0, 1]
    assert run.job == lanes[0].pk
    assert jobs.run(lanes[1].pk) == "done"
    assert jobs.run(lanes[0].pk) == "done"
    assert Job.objects.get(pk=run.job).progress["done"] == 3
    assert table(run)["lines"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"tools": [999]}, "tools"),
        ({"tools": [51]}, "tools"),
        ({"tools": []}, "tools"),
        ({"effect": "more"}, "effect"),
        ({"paths": 0}, "paths"),
        ({"paths": 10**9}, "paths"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_wrong_question_names_its_field(changed, field):
    with pytest.raises(services.QuestionError) as caught:
        ask(**changed)
    assert caught.value.field == field
    assert not ValidationRun.objects.exists()


def test_the_command_prints_the_table_and_the_same_one_again(same_database):
    said = [StringIO(), StringIO()]
    for out in said:
        call_command(
            "validate_tools",
            paths=8,
            seed=3,
            tools=[10],
            processes=1,
            no_workers=True,
            stdout=out,
            stderr=StringIO(),
        )
    first, again = (out.getvalue() for out in said)
    assert first == again
    assert re.search(r"10 dealer-short-gamma-forced +\d", first)
    assert "path-steps" in first
    with pytest.raises(CommandError, match="--paths"):
        call_command("validate_tools", paths=0, no_workers=True)


def test_a_killed_process_leaves_a_run_that_another_finishes(same_database):
    """kill -9 in the middle of the run: its table is that of a run that nobody disturbed."""
    run = ask()
    services.work(run.pk, quietly)
    said = table(run)
    run.delete()
    run = ask()
    code = (
        "import django; django.setup()\n"
        "from tools_app.validation import blocks, services\n"
        "blocks.BLOCK = 8\n"
        f"services.work({run.pk}, lambda done, total: print(done, flush=True))\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert any(line.strip() == "1" for line in worker.stdout)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert run.blocks.filter(done=True).count() < 3
    ValidationBlock.objects.filter(run=run, done=False).update(leased_until=timezone.now())
    assert services.work(run.pk, quietly)
    assert table(run) == said
