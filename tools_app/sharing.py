"""Long work that any number of workers share: a run in parts, each claimed by one at a time.

A part is leased, computed, and kept with the run's digest as its only question, so that equal
questions are one run, a part whose worker died is taken over when its lease ends, and what comes
out does not depend on who computed it or in which order.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from record import jobs
from record.models import Job
from tools_app.models import SharedPart, SharedRun

LANES = 8
"""Jobs of one run: as many workers as take one share its parts."""
LEASE_S = 300.0
WAIT_S = 1.0
State = SharedRun.State
RunT = TypeVar("RunT", bound=SharedRun)
PartT = TypeVar("PartT", bound=SharedPart)
Tell = Callable[[float, int], None]


class QuestionError(ValueError):
    """What was asked for cannot be run; `field` names what to change."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class StoppedError(Exception):
    """The run was cancelled while a part of it was computed."""


def digest_of(question: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that decides a run's result."""
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


def in_silence() -> None:
    """Stand for nothing to do between two parts."""


@dataclass(frozen=True)
class Shared(Generic[RunT, PartT]):
    """One kind of shared work.

    Attributes
    ----------
    job : str
        Name of the kind of its jobs.
    phase, ending, unit : str
        How its progress is told: while parts are computed, at the end, and what a part is called.
    runs, parts : model
    of_run : str
        Look-up from a part to its run.
    """

    job: str
    phase: str
    ending: str
    unit: str
    runs: type[RunT]
    parts: type[PartT]
    of_run: str

    def ask(
        self,
        digest: str,
        fields: Mapping[str, Any],
        cut: Callable[[RunT], None],
        *,
        owner: int | None,
        lanes: int,
    ) -> RunT:
        """Start a run, or find the one with the same digest; one that was cancelled goes on.

        One that goes on belongs to whoever asked again. One at which nobody works is sent again.

        Parameters
        ----------
        digest : str
        fields : mapping
            Of a new run.
        cut : callable
            Stores the parts of a new run.
        owner : int or None
        lanes : int
            Most jobs that are sent; 0 for none.
        """
        with transaction.atomic():
            run, made = self.runs._default_manager.get_or_create(
                digest=digest, defaults={"owner": owner, **fields}
            )
            if made:
                cut(run)
            again = self.runs._default_manager.filter(pk=run.pk, state=State.CANCELLED)
            resumed = again.update(state=State.RUNNING, owner=owner)
            run.refresh_from_db()
            if lanes and (made or resumed or self.is_left(run)):
                self._send(run, lanes)
        run.refresh_from_db()
        return run

    def _send(self, run: RunT, lanes: int) -> None:
        wanted = max(1, min(lanes, self.parts_of(run.pk).filter(done=False).count()))
        made = [
            jobs.submit(self.job, args={"run": run.pk, "lane": lane}, owner=run.owner)
            for lane in range(wanted)
        ]
        self.runs._default_manager.filter(pk=run.pk).update(job=made[0].pk)

    def parts_of(self, run_id: int) -> QuerySet[PartT]:
        """Return the parts of a run."""
        return self.parts._default_manager.filter(**{self.of_run: run_id})

    def lanes_of(self, run: RunT) -> QuerySet[Job]:
        """Return the jobs of a run since it was last sent."""
        if run.job is None:
            return Job.objects.none()
        return Job.objects.filter(kind=self.job, pk__gte=run.job, args__run=run.pk)

    def is_left(self, run: RunT) -> bool:
        """Return whether a run is said to be running and nobody works at it or is going to."""
        if run.state != State.RUNNING:
            return False
        waiting = self.lanes_of(run).filter(state__in=(Job.State.QUEUED, Job.State.RUNNING))
        return not waiting.exists() and not self.working(run.pk)

    def working(self, run_id: int) -> int:
        """Return how many parts of a run are being computed."""
        waiting = self.parts_of(run_id).filter(done=False)
        return waiting.filter(leased_until__gt=timezone.now()).count()

    def is_running(self, run_id: int) -> bool:
        """Return whether a run is wanted and not finished."""
        return self.runs._default_manager.filter(pk=run_id, state=State.RUNNING).exists()

    def progress(self, run_id: int) -> tuple[int, int]:
        """Return how many parts of a run are done, and how many there are."""
        parts = self.parts_of(run_id)
        return parts.filter(done=True).count(), parts.count()

    @transaction.atomic
    def claim(self, run_id: int) -> PartT | None:
        """Lease the next part that nobody computes; None when there is none."""
        free = self.parts_of(run_id).select_for_update(skip_locked=True, of=("self",))
        now = timezone.now()
        waiting = free.filter(Q(leased_until=None) | Q(leased_until__lt=now), done=False)
        part = waiting.order_by("pk").first()
        if part is not None:
            self.lease(part)
        return part

    def lease(self, part: PartT) -> None:
        """Hold a part for a while from now."""
        until = timezone.now() + dt.timedelta(seconds=LEASE_S)
        self._one(part).update(leased_until=until)

    def compute(self, part: PartT, make: Callable[[], Mapping[str, Any]]) -> None:
        """Compute a part and keep it; whatever stops that lets go of it.

        Two workers may compute one, after a lease ran out: both make the same, and one is kept.
        """
        start = time.perf_counter()
        try:
            values = make()
        except StoppedError:
            self._one(part).update(leased_until=None)
            return
        except BaseException:
            self._one(part).update(leased_until=None)
            raise
        self._one(part).filter(done=False).update(
            **values, done=True, seconds=time.perf_counter() - start, leased_until=None
        )

    def _one(self, part: PartT) -> QuerySet[PartT]:
        return self.parts._default_manager.filter(pk=part.pk)

    def finish(self, run_id: int, make: Callable[[RunT], None]) -> bool:
        """End a run whose parts are all there; return whether it is done.

        `make` sets the run's fields, which are stored, under the lock of the run.
        """
        done, total = self.progress(run_id)
        if done < total:
            return False
        with transaction.atomic():
            run = self.runs._default_manager.select_for_update().get(pk=run_id)
            if run.state == State.RUNNING:
                make(run)
                run.state = State.DONE
                run.finished = timezone.now()
                run.save()
        return run.state == State.DONE

    @transaction.atomic
    def cancel(self, run_id: int) -> bool:
        """Stop a run; what is computed stays, and asking again goes on from there."""
        running = self.runs._default_manager.filter(pk=run_id, state=State.RUNNING)
        changed = running.update(state=State.CANCELLED)
        self.parts_of(run_id).filter(done=False).update(leased_until=None)
        return bool(changed)

    def work(
        self,
        run_id: int,
        compute: Callable[[PartT], None],
        finish: Callable[[int], bool],
        tell: Tell,
        *,
        rest: Callable[[], None] = in_silence,
        wait: bool = True,
    ) -> bool:
        """Compute parts of a run until none is left; return whether the run is done.

        Any number of processes may work on one run.

        Parameters
        ----------
        run_id : int
        compute : callable
            Computes a part that this process has claimed.
        finish : callable
            Ends the run when all parts are there, and says whether it did.
        tell : callable
            Called with (parts done, parts) before and after each part.
        rest : callable
            Called between parts, where stopping loses nothing; may raise to stop.
        wait : bool
            Stay while others compute the last parts, to take over what a dead one left.
        """
        while self.is_running(run_id):
            tell(*self.progress(run_id))
            rest()
            part = self.claim(run_id)
            if part is not None:
                compute(part)
            elif finish(run_id):
                break
            elif not wait:
                return False
            else:
                time.sleep(WAIT_S)
        tell(*self.progress(run_id))
        return self.runs._default_manager.filter(pk=run_id, state=State.DONE).exists()

    def lane(self, context: jobs.JobContext, work: Callable[..., bool]) -> dict[str, object]:
        """Work on a run as one of its jobs; the first one stays to the end."""
        run_id = int(context.args["run"])
        at = 0

        def tell(done: float, total: int) -> None:
            nonlocal at
            at = math.floor(done)
            context.progress(self.phase, done=done, total=total, unit=self.unit)

        def rest() -> None:
            context.checkpoint({"done": at})

        done = work(run_id, tell, rest=rest, wait=context.args["lane"] == 0)
        count, total = self.progress(run_id)
        context.progress(self.ending, done=count, total=total, unit=self.unit)
        return {"run": run_id, "done": done}
