"""How far shared work is: what its workers told last, how fast, and whether anybody works."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from django.utils import timezone

from market.payloads import Payload
from record.models import Job
from tools_app.models import SharedRun
from tools_app.sharing import Shared, State

FRESH_S: Final = 30.0
"""How long a rate that was told holds."""


def told(shared: Shared[Any, Any], run: SharedRun, each: float) -> Payload:
    """Return what the workers of a run told last.

    Parameters
    ----------
    shared : Shared
    run : SharedRun
    each : float
        Things in a part, so that the rate counts things a second.

    Returns
    -------
    dict
        `rate` and `eta_s`, a range of seconds, are None while they are not known.
    """
    lanes = list(shared.lanes_of(run).order_by("pk")) if run.state == State.RUNNING else []
    last = _newest(lanes)
    age = _age(last["updated"]) if last else None
    fresh = last is not None and age is not None and age <= FRESH_S
    rate = last["rate"] if last and fresh else None
    return {
        "rate": rate * each if rate else None,
        "eta_s": last["eta_s"] if last and fresh else None,
        "updated": last["updated"] if last else None,
        "age_s": age,
        **_workers(shared, run, lanes),
    }


def stage(done: int, total: int, before: Sequence[Payload]) -> str:
    """Return where a phase stands: done, now or next."""
    if done == total:
        return "done"
    return "next" if any(one["is"] != "done" for one in before) and not done else "now"


def ending(name: str, run: SharedRun, before: Sequence[Payload]) -> Payload:
    """Return the last phase, which is made at once when all parts are there."""
    ready = run.state == State.DONE
    stands = "done" if ready else "now" if all(one["is"] == "done" for one in before) else "next"
    return {"name": name, "kind": None, "done": int(ready), "total": 1, "is": stands}


def _newest(lanes: Sequence[Job]) -> Payload | None:
    """Return the newest progress that a job told, with a rate of another where it has none yet."""
    said = sorted((job.progress for job in lanes if job.progress), key=lambda one: one["updated"])
    if not said:
        return None
    newest: Payload = said[-1]
    rated = next((one for one in reversed(said) if one["rate"]), None)
    if newest["rate"] or rated is None or _age(rated["updated"]) > FRESH_S:
        return newest
    return {**newest, "rate": rated["rate"], "eta_s": rated["eta_s"]}


def _workers(shared: Shared[Any, Any], run: SharedRun, lanes: Sequence[Job]) -> Payload:
    if run.state != State.RUNNING:
        return {"workers": 0, "waiting": False, "stopped": None}
    workers = shared.working(run.pk)
    running = any(job.state == Job.State.RUNNING for job in lanes)
    queued = any(job.state == Job.State.QUEUED for job in lanes)
    left = bool(lanes) and not (running or queued or workers)
    errors = [job.error for job in lanes if job.error]
    return {
        "workers": workers,
        "waiting": not (left or running or workers),
        "stopped": (errors[-1] if errors else "its jobs ended early") if left else None,
    }


def _age(updated: str) -> float:
    at = dt.datetime.fromisoformat(updated)
    return max(0.0, (timezone.now() - at).total_seconds())
