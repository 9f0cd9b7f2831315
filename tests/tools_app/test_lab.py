"""The validation lab's rules: who may ask what, progress told as it is, cancelled and resumed."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from record import jobs
from record.models import Job
from tests.tools_app.lab import DAILY, FIELDS, done, person, work
from tools_app.lab.access import BusyError, NotInPlanError
from tools_app.models import ValidationBlock, ValidationRun
from tools_app.validation import access, blocks, selectors, services

pytestmark = pytest.mark.django_db(transaction=True)
State = ValidationRun.State


def question(**other) -> dict:
    return {"seed": 5, "effect": "on", "paths": 64, "tools": [1], **other}


@pytest.fixture
def small_blocks(monkeypatch):
    """Let a few paths make several blocks."""
    monkeypatch.setattr(blocks, "BLOCK", 32)


def test_a_run_is_cancelled_resumed_and_gives_the_table_of_one_that_ran_through(
    small_blocks, monkeypatch
):
    user = person("pro")
    run = access.ask_for(user, **question(paths=100, tools=DAILY))
    first = selectors.progress_payload(run)
    assert (first["done"], first["total"], first["waiting"], first["rate"]) == (0, 4, True, None)

    compute = services._computed

    def compute_one(*args):
        found = compute(*args)
        assert access.cancel_for(user, run)
        return found

    monkeypatch.setattr(services, "_computed", compute_one)
    assert work(run).state == State.CANCELLED
    halted = selectors.progress_payload(run)
    assert (halted["done"], halted["paths_done"], halted["waiting"]) == (1, 32, False)
    kept = bytes(run.blocks.filter(done=True).get().tallies)

    monkeypatch.setattr(services, "_computed", compute)
    assert access.resume_for(user, run).pk == run.pk
    assert bytes(run.blocks.filter(done=True).get().tallies) == kept
    assert work(run).state == State.DONE
    ended = selectors.progress_payload(run)
    assert (ended["done"], ended["paths_done"], ended["paths"]) == (4, 100, 100)
    assert [phase["is"] for phase in ended["phases"]] == ["done", "done"]

    table = run.table
    run.delete()
    assert done(paths=100).table == table


def test_the_same_seed_gives_the_same_table_and_another_one_another(small_blocks):
    run = done()
    table = json.dumps(run.table, sort_keys=True)
    assert services.ask(seed=5, effect="on", paths=64, tools=DAILY, lanes=0).pk == run.pk
    run.delete()
    assert json.dumps(done().table, sort_keys=True) == table
    assert json.dumps(done(seed=6).table, sort_keys=True) != table


def test_what_workers_tell_is_told_and_nothing_else(small_blocks):
    run = access.ask_for(person("pro"), **question())
    lane = services.SHARED.lanes_of(run).order_by("pk").first()
    now = timezone.now().isoformat()
    told = {"phase": "paths", "i": 1, "n": 1, "done": 1, "total": 2, "unit": "blocks",
            "rate": 0.5, "eta_s": [1, 3], "updated": now, "msg": ""}  # fmt: skip
    Job.objects.filter(pk=lane.pk).update(state=Job.State.RUNNING, progress=told)
    block = run.blocks.order_by("pk").first()
    later = timezone.now() + timezone.timedelta(seconds=60)
    ValidationBlock.objects.filter(pk=block.pk).update(leased_until=later)
    shown = selectors.progress_payload(run)
    assert (shown["rate"], shown["eta_s"], shown["workers"]) == (0.5 * 32, [1, 3], 1)
    assert not shown["waiting"]

    old = (timezone.now() - timezone.timedelta(seconds=90)).isoformat()
    Job.objects.filter(pk=lane.pk).update(progress=told | {"updated": old})
    stale = selectors.progress_payload(run)
    assert (stale["rate"], stale["eta_s"]) == (None, None)
    assert 89 < stale["age_s"] < 100


def test_work_that_failed_is_told_and_asking_again_goes_on(small_blocks, monkeypatch):
    user = person("pro")
    run = access.ask_for(user, **question())

    compute = services.run_block

    def broken(*args):
        raise RuntimeError("no memory")

    monkeypatch.setattr(services, "run_block", broken)
    assert work(run).state == State.RUNNING
    shown = selectors.progress_payload(run)
    assert shown["stopped"] == "RuntimeError: no memory"
    assert not shown["waiting"]
    monkeypatch.setattr(services, "run_block", compute)
    assert access.resume_for(user, run).pk == run.pk
    run.refresh_from_db()
    shown = selectors.progress_payload(run)
    assert (shown["stopped"], shown["waiting"]) == (None, True)
    assert work(run).state == State.DONE


def test_plans_limit_paths_and_runs_at_once():
    pro, plus, staff = person("pro"), person("pro_plus"), person("free", staff=True)
    with pytest.raises(NotInPlanError, match="10,000") as refused:
        access.ask_for(pro, **question(paths=10_001))
    assert (refused.value.field, refused.value.opens_with) == ("paths", "pro_plus")
    with pytest.raises(services.QuestionError, match="100,000") as beyond:
        access.ask_for(plus, **question(paths=100_001))
    assert not isinstance(beyond.value, NotInPlanError)
    run = access.ask_for(plus, **question(paths=100_000))
    assert run.owner == plus.pk
    with pytest.raises(BusyError, match=f"run {run.pk} is at work"):
        access.ask_for(plus, **question(seed=6))
    # What is on its way is only found, by anybody who may ask.
    assert access.ask_for(plus, **question(paths=100_000)).pk == run.pk
    assert access.ask_for(pro, **question(paths=100_000)).pk == run.pk
    assert access.cancel_for(plus, run)
    assert access.ask_for(plus, **question(seed=6)).state == State.RUNNING
    for seed in (7, 8):
        assert access.ask_for(staff, **question(paths=200_000, seed=seed)).owner == staff.pk


@pytest.mark.parametrize("who", ["visitor", "free"])
def test_who_may_not_ask_is_refused(who):
    user = AnonymousUser() if who == "visitor" else person("free")
    with pytest.raises(PermissionDenied):
        access.ask_for(user, **question())
    assert not ValidationRun.objects.exists()


def test_a_choice_of_locked_tools_is_refused_and_all_of_them_are_not():
    user = person("pro")
    with pytest.raises(NotInPlanError, match="opens with Pro\\+") as refused:
        access.ask_for(user, **question(tools=[1, 31]))
    assert (refused.value.field, refused.value.opens_with) == ("tools", "pro_plus")
    run = access.ask_for(user, **question(tools=None))
    assert {1, 31} <= set(run.tools)
    access.cancel_for(user, run)
    assert access.resume_for(user, run).pk == run.pk


def test_only_the_owner_and_staff_stop_a_run():
    owner, other, staff = person("pro"), person("pro"), person("free", staff=True)
    run = access.ask_for(owner, **question())
    with pytest.raises(PermissionDenied):
        access.cancel_for(other, run)
    assert access.cancel_for(staff, run)
    assert not access.cancel_for(owner, run)
    # It belongs to whoever lets it go on.
    assert access.resume_for(other, run).owner == other.pk


def test_who_sees_which_runs():
    owner, free = person("pro"), person("free")
    running = access.ask_for(owner, **question())
    finished = done()
    assert {run.pk for run in access.visible(owner)} == {running.pk, finished.pk}
    for user in (free, AnonymousUser()):
        assert [run.pk for run in access.visible(user)] == [finished.pk]
    ValidationRun.objects.filter(pk=running.pk).update(owner=free.pk)
    assert {run.pk for run in access.visible(free)} == {running.pk, finished.pk}


def test_values_of_locked_tools_are_cut():
    run = done()
    free, pro = (selectors.table_payload(run, person(plan)) for plan in ("free", "pro"))
    opened, locked = free["lines"]
    assert opened["tool"]["id"] == 1
    assert set(opened) >= FIELDS
    assert locked == {
        "tool": pro["lines"][1]["tool"], "kind": "daily", "locked": True, "opens_with": "pro",
    }  # fmt: skip
    assert set(free["fans"]) == {"1"}
    assert set(pro["fans"]) == {"1", "28"}
    assert [line["locked"] for line in pro["lines"]] == [False, False]
    visitor = selectors.table_payload(run, AnonymousUser())
    assert visitor["opened"] == 0
    assert (visitor["summary"], visitor["family"], visitor["fans"]) == (None, {}, {})
    body = json.dumps(selectors.whole_payload(run, AnonymousUser()))
    assert not any(f'"{name}"' in body for name in FIELDS)


def test_two_runs_stand_side_by_side():
    on, off = done(), done(effect="off")
    rows = selectors.comparison(on, off, person("pro"))
    assert [row["tool"]["id"] for row in rows] == DAILY
    first, second = on.table["lines"][0], off.table["lines"][0]
    assert rows[0]["win"]["difference"] == first["win"] - second["win"]
    halves = [(line["win_high"] - line["win_low"]) / 2 for line in (first, second)]
    assert rows[0]["win"]["reach"] == pytest.approx((halves[0] ** 2 + halves[1] ** 2) ** 0.5)
    locked = selectors.comparison(on, off, person("free"))[1]
    assert locked == {"tool": rows[1]["tool"], "locked": True, "opens_with": "pro"}
    assert [one.pk for one in selectors.comparable(on, person("free"))] == [off.pk]


def test_a_missing_number_has_no_difference():
    empty = {"win": None, "win_low": None, "win_high": None}
    known = {"win": 0.5, "win_low": 0.4, "win_high": 0.6}
    assert selectors._difference(known, empty, "win") == {
        "first": 0.5, "second": None, "difference": None, "reach": None, "clear": False,
    }  # fmt: skip


def test_the_jobs_are_of_the_run_since_it_was_last_sent(small_blocks):
    user = person("pro")
    run = access.ask_for(user, **question())
    before = set(services.SHARED.lanes_of(run).values_list("pk", flat=True))
    assert len(before) == 2
    access.cancel_for(user, run)
    for pk in before:
        assert jobs.run(pk) == Job.State.DONE  # it sees that there is nothing to do
    run = access.resume_for(user, run)
    again = set(services.SHARED.lanes_of(run).values_list("pk", flat=True))
    assert len(again) == 2
    assert not again & before
