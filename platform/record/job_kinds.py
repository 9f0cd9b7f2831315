"""Kinds of long work, and what a running job may do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from record.job_rows import change, soon
from record.models import Job
from record.progress import Meter, Step

TELL_EVERY_S: Final = 0.5
"""Progress is written and told at most this often, new phases apart."""
LEASE_S: Final = 60.0
LIMIT_S: Final = 60.0


class Cancelled(BaseException):
    """Somebody asked the job to end."""


class SliceOver(BaseException):
    """The job has run for long enough and goes on from its checkpoint in a moment."""


class LostLease(BaseException):
    """Somebody else runs the job now; whatever this process would still do is void."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job. `run` gets a JobContext and returns the result as JSON."""

    name: str
    run: Callable[[JobContext], Any]
    queue: str
    slice_s: float | None
    lease_s: float
    limit_s: float


_kinds: dict[str, Kind] = {}


def register(
    name: str,
    run: Callable[[JobContext], Any],
    *,
    queue: str = "bulk",
    slice_s: float | None = 30.0,
    lease_s: float = LEASE_S,
    limit_s: float = LIMIT_S,
) -> None:
    """Add a kind of job; raise ValueError when another one has its name.

    `run` calls `progress` or `checkpoint` more often than every `lease_s` seconds. A kind without
    slices (it waits for a process of its own, say) sets `slice_s=None` and its own `limit_s`.
    """
    kind = Kind(name, run, queue, slice_s, lease_s, limit_s)
    if _kinds.setdefault(name, kind) != kind:
        raise ValueError(f"the kind of job {name!r} is registered already")


def kind_named(name: str) -> Kind | None:
    """Return a registered kind, or None."""
    return _kinds.get(name)


def unregister(name: str) -> None:
    """Remove a kind (tests)."""
    _kinds.pop(name, None)


class JobContext:
    """What a running job knows and may do."""

    def __init__(self, job: Job, kind: Kind, clock: Callable[[], float] = time.monotonic) -> None:
        self.id: int = job.pk
        self.owner = job.owner
        self.args: Mapping[str, Any] = job.args
        self.state: Any = job.checkpoint
        """The last checkpoint, None at the first start."""
        self._token = job.token
        self._kind = kind
        self._clock = clock
        self._meter = Meter(clock)
        self._told_at = float("-inf")
        self._ends_at = float("inf") if kind.slice_s is None else clock() + kind.slice_s

    def progress(
        self,
        phase: str,
        *,
        done: float = 0,
        total: float | None = None,
        i: int = 1,
        n: int = 1,
        unit: str = "",
        msg: str = "",
    ) -> None:
        """Say how far the work is, and keep the lease; raises Cancelled when asked to end."""
        step = Step(phase, i, n, done, total, unit, msg)
        now = self._clock()
        if now - self._told_at < TELL_EVERY_S and not self._meter.enters(step):
            return
        self._told_at = now
        self._write(progress=self._meter.read(step))

    def checkpoint(self, state: Any) -> None:
        """Keep `state`: after a crash the job goes on from here. May end the slice."""
        self._write(checkpoint=state, crashes=0)
        self.state = state
        self._end_slice()

    @contextmanager
    def commit(self, state: Any) -> Iterator[None]:
        """Make the block's changes in the database and the checkpoint true together, or neither.

        The job's row is locked meanwhile, so nobody else can take the job over within it.
        """
        with transaction.atomic():
            held = Job.objects.select_for_update().filter(pk=self.id, token=self._token)
            if not held.filter(state=Job.State.RUNNING).exists():
                raise LostLease
            yield
            self._write(checkpoint=state, crashes=0)
        self.state = state
        self._end_slice()

    def _end_slice(self) -> None:
        if self._clock() >= self._ends_at:
            raise SliceOver

    def _write(self, **values: Any) -> None:
        job = change(
            self.id,
            Q(token=self._token, state=Job.State.RUNNING),
            told="progress" in values,
            leased_until=soon(self._kind.lease_s),
            **values,
        )
        if job is None:
            raise LostLease
        if job.cancel_requested:
            raise Cancelled
