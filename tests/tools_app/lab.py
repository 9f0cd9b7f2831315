"""People and small runs for the tests of the validation lab."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.models import User
from record import jobs
from record.models import Job
from tools_app.models import ValidationRun
from tools_app.validation import services

DAILY = [1, 28]
"""A Free and a Pro tool on paths of sessions: the paths of both kinds take longer."""
FIELDS = {"win", "average", "signals", "sharpe", "verdict", "words", "bins", "deflated", "base"}


def person(plan: str, *, staff: bool = False) -> User:
    """Return a new user of a plan."""
    count = User.objects.count()
    return User.objects.create_user(f"{plan}{count}@test.example", plan=plan, is_staff=staff)


def client_of(user: User | None) -> Client:
    """Return a browser in which `user` is signed in."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def work(run: ValidationRun) -> ValidationRun:
    """Let a worker take every job of a run, as often as they come back."""
    for _ in range(20):
        waiting = services.SHARED.lanes_of(run).filter(state=Job.State.QUEUED)
        if not waiting.exists():
            break
        for job in waiting.order_by("pk"):
            jobs.run(job.pk)
    run.refresh_from_db()
    return run


def done(**question: Any) -> ValidationRun:
    """Return a finished run."""
    asked = {"seed": 5, "effect": "on", "paths": 64, "tools": DAILY, **question}
    run = services.ask(lanes=0, **asked)
    assert services.work(run.pk, lambda count, of: None)
    run.refresh_from_db()
    return run


def line(verdict: str, *, sided: bool = True) -> dict[str, Any]:
    """Return what a summary reads of a line."""
    return {"verdict": verdict, "sided": sided}
