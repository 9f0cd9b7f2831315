"""G16: each slot of scheduled work is done once, whoever ticks, dies or comes too late.

Two real beats tick on purpose, with a real worker and a Redis of their own, and each is killed in
turn; PULSE_BEATS says how often.
"""

from __future__ import annotations

import datetime as dt
import random
import sys
import time
from collections import Counter

import pytest
from celery import shared_task
from structlog.testing import capture_logs

from record import outbox, slots, streams
from record.access import SYSTEM
from record.models import OutboxRow, StreamEvent
from record.slots import Schedule, promise
from record.tasks import PulseTask
from tests.record.conftest import child, own_redis
from tests.trials.sizes import size

__all__ = ["child", "own_redis"]
pytestmark = pytest.mark.django_db(transaction=True)
NIGHTLY = Schedule("tests.slot", offset_s=3 * 3600, told=True)
NIGHT = dt.datetime(2026, 11, 20, 3, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


@shared_task(name="tests.slot", base=PulseTask, entitlement=SYSTEM)
def effect(slot: int) -> None:
    """One event for a slot."""
    streams.append("test:slots", key=str(slot), data=None)


def done() -> list[int]:
    """Run what is promised, as workers do, and return the slots whose effect is there."""
    for pk in OutboxRow.objects.filter(state="pending").values_list("pk", flat=True):
        outbox.run(pk)
    rows = StreamEvent.objects.filter(stream__channel="test:slots").order_by("seq")
    return [int(key) for key in rows.values_list("key", flat=True)]


def stamps(*times: dt.datetime) -> list[int]:
    return [int(one.timestamp()) for one in times]


def any_number_of_ticks() -> None:
    with capture_logs() as told:
        assert promise("nightly", NIGHTLY, NIGHT - SECOND) == []  # nothing of before it began
        assert promise("nightly", NIGHTLY, NIGHT) == stamps(NIGHT)
        for seconds in range(3):
            assert promise("nightly", NIGHTLY, NIGHT + seconds * SECOND) == []
        assert promise("nightly", NIGHTLY, NIGHT + DAY) == stamps(NIGHT + DAY)
        assert promise("other", NIGHTLY, NIGHT) == stamps(NIGHT)
    assert done() == stamps(NIGHT, NIGHT + DAY, NIGHT)
    assert told == []


def test_a_slot_is_promised_once_by_any_number_of_ticks(sent):
    any_number_of_ticks()


@pytest.mark.parametrize("bug", ["no key", "every tick is a slot"])
def test_a_planted_repeat_is_found_out(sent, monkeypatch, bug):
    right = outbox.enqueue
    if bug == "no key":
        monkeypatch.setattr(outbox, "enqueue", lambda *args, key: right(*args))  # noqa: PLW0108 - drops it
    else:
        monkeypatch.setattr(slots, "_prefix", lambda name: f"{name} {time.monotonic_ns()} ")
    with pytest.raises(AssertionError):
        any_number_of_ticks()


def test_a_slot_that_nobody_ticked_for_is_made_up_for_and_told(sent):
    promise("nightly", NIGHTLY, NIGHT)
    with capture_logs() as told:
        promise("nightly", NIGHTLY, NIGHT + 2 * DAY + SECOND)
    assert done() == stamps(NIGHT, NIGHT + DAY, NIGHT + 2 * DAY)
    assert [(one["event"], one["slot"]) for one in told] == [("slot_late", *stamps(NIGHT + DAY))]


def test_slots_too_far_back_are_told_as_missed(sent):
    promise("nightly", NIGHTLY, NIGHT)
    with capture_logs() as told:
        made = promise("nightly", NIGHTLY, NIGHT + 9 * DAY)
    assert made == stamps(NIGHT + 7 * DAY, NIGHT + 8 * DAY, NIGHT + 9 * DAY)
    (missed,) = [one for one in told if one["event"] == "slots_missed"]
    assert (missed["first"], missed["count"]) == (*stamps(NIGHT + DAY), 6)


def test_a_clock_that_goes_back_promises_nothing_again(sent):
    promise("nightly", NIGHTLY, NIGHT)
    assert promise("nightly", NIGHTLY, NIGHT - DAY) == []
    assert done() == stamps(NIGHT)


def test_a_schedule_that_fails_stops_no_other(sent, settings):
    settings.PULSE_SLOTS = {
        "broken": {"task": "tests.nobody", "offset_s": 3 * 3600},
        "nightly": {"task": "tests.slot", "told": True, "offset_s": 3 * 3600},
    }  # fmt: skip
    with pytest.raises(Exception, match="no task is named"):
        slots.promise_all(NIGHT)
    assert len(done()) == 1


# --- real beats -----------------------------------------------------------------------------------

HOUSE = """
from django.conf import settings
settings.PULSE_SLOTS = {"seconds": {"task": "tests.slot", "every_s": 1, "told": True}}
from celery import shared_task
from record import streams
from record.access import SYSTEM
from record.tasks import PulseTask

@shared_task(name="tests.slot", base=PulseTask, entitlement=SYSTEM)
def effect(slot):
    streams.append("test:slots", key=str(slot), data=None)

from pulse.celery import app
"""
BEAT = (
    HOUSE
    + """
app.conf.beat_schedule = {
    "keep": {"task": "record.keep_slots", "schedule": 0.5},
    "sweep": {"task": "record.sweep_outbox", "schedule": 1.0},
}
app.conf.beat_schedule_filename = %r
say("up")
app.Beat(loglevel="ERROR", max_interval=0.5).run()
"""
)
WORKER = (
    HOUSE
    + """
say("up")
app.worker_main(["worker", "-P", "solo", "-Q", "bulk", "-l", "ERROR", "--without-gossip",
                 "--without-mingle", "--without-heartbeat"])
"""
)


def effects() -> Counter[int]:
    rows = StreamEvent.objects.filter(stream__channel="test:slots")
    return Counter(int(key) for key in rows.values_list("key", flat=True))


def until(holds, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def killed_and_started_anew(
    child, codes: dict[str, str], kills: int, chance: random.Random
) -> None:
    running = {name: child(code) for name, code in codes.items()}
    for one in running.values():
        one.until("up", 120)
    until(lambda: len(effects()) >= 2)
    for number in range(kills):
        name = sorted(codes)[number % len(codes)]
        time.sleep(chance.uniform(0.1, 1.5))
        running[name].kill()
        running[name] = child(codes[name])
        running[name].until("up", 120)
    there = len(effects())
    until(lambda: len(effects()) >= there + 2)
    for name in ("beat 1", "beat 2"):
        running[name].kill()
    until(settled)


def settled() -> bool:
    """Return whether no row waits. A beat may die between its commit and its hint: it is swept."""
    if OutboxRow.objects.filter(state="pending").exists():
        outbox.sweep()
        time.sleep(0.5)
        return False
    return True


@pytest.mark.slow
def test_two_beats_that_are_killed_do_each_slot_once(child, own_redis, tmp_path):
    kills, seed = size("PULSE_BEATS", 1), size("PULSE_SEED", 1)
    chance = random.Random(seed)
    codes = {f"beat {n}": BEAT % str(tmp_path / f"beat{n}") for n in (1, 2)} | {"worker": WORKER}
    killed_and_started_anew(child, codes, kills, chance)
    found = effects()
    assert set(found.values()) == {1}, found.most_common(3)
    assert sorted(found) == list(range(min(found), max(found) + 1))
    assert OutboxRow.objects.filter(state="failed").count() == 0
    sys.stdout.write(
        f"seed {seed}: {kills} kills of beats and worker, {len(found)} slots, each once\n"
    )
