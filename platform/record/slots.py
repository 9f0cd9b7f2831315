"""Scheduled work that is done once for each slot of its schedule, however many beats tick.

A tick promises every slot that is due, in the outbox under the slot's own key: a second tick, of
another beat or after a crash, promises nothing new. A beat that was dead at the hour leaves the
slot to the next tick, which says that it is late. So nothing here depends on one beat alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from record import outbox
from record.models import OutboxRow

LATE_S: Final = 300
"""Age of a slot from which its promise is told as late."""
CATCH_UP_S: Final = 2 * 86_400
"""How far back slots are made up for; less than the days for which the outbox keeps its rows."""
DAY_S: Final = 86_400

log = structlog.get_logger("pulse.slots")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A task of the outbox and its slots: every `every_s` seconds, `offset_s` after the epoch's.

    `told` gives the task its slot, in seconds since 1970, as its argument.
    """

    task: str
    every_s: int = DAY_S
    offset_s: int = 0
    told: bool = False


def promise_all(now: dt.datetime | None = None) -> int:
    """Promise what is due of every schedule in the settings; return how many slots were new.

    One that fails stops no other, and is raised when all were tried.
    """
    schedules: Mapping[str, Any] = settings.PULSE_SLOTS
    new, failures = 0, list[Exception]()
    for name, given in schedules.items():
        try:
            new += len(promise(name, Schedule(**given), now))
        except Exception as error:
            log.exception("slots_failed", job=name)
            failures.append(error)
    if failures:
        raise failures[0]
    return new


@transaction.atomic
def promise(name: str, schedule: Schedule, now: dt.datetime | None = None) -> list[int]:
    """Promise the slots of a schedule that are due and were not promised; return them.

    A schedule begins with the first slot that a tick meets: what was before is not made up for.
    After a pause longer than `CATCH_UP_S` the slots before are told as missed, and not made up for.
    """
    at = int((now or timezone.now()).timestamp())
    last = at - (at - schedule.offset_s) % schedule.every_s
    newest = _newest(name)
    if newest is None and at - last >= LATE_S:
        return []
    first = last if newest is None else newest + schedule.every_s
    oldest = last - CATCH_UP_S // schedule.every_s * schedule.every_s
    if first < oldest:
        log.error("slots_missed", job=name, first=first, count=(oldest - first) // schedule.every_s)
        first = oldest
    new = [
        slot for slot in range(first, last + 1, schedule.every_s)
        if _promised(name, schedule, slot)
    ]  # fmt: skip
    for slot in new:
        if at - slot >= LATE_S:
            log.error("slot_late", job=name, slot=slot, late_s=at - slot)
    return new


def _promised(name: str, schedule: Schedule, slot: int) -> bool:
    """Promise one slot; return whether it was new."""
    key = f"{_prefix(name)}{slot:012d}"
    if OutboxRow.objects.filter(key=key).exists():
        return False
    outbox.enqueue(schedule.task, *((slot,) if schedule.told else ()), key=key)
    return True


def _newest(name: str) -> int | None:
    """Return the newest slot that was promised, None when none is known."""
    start = _prefix(name)
    rows = OutboxRow.objects.filter(key__startswith=start).values_list("key", flat=True)
    newest = max((key for key in rows if key is not None), default=None)
    return None if newest is None else int(newest.removeprefix(start))


def _prefix(name: str) -> str:
    return f"slot {name} "
