"""Runs one feed: waits for each minute's time, records it, and lets the others know.

The place of a run is the market time of its newest stored row. A run that is started again takes
its sessions from the beginning to rebuild what is carried between minutes, and stores only what
comes after its place; every write has a key in the database, so nothing is stored twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
from django.db import transaction
from django.utils import timezone

from market.clock import MINUTE, from_ns, to_ns
from market.feed.lock import SymbolLock
from market.feed.pacer import Pacer
from market.feed.publish import Publisher
from market.feed.recorder import Minute, SessionRecorder, daily_row
from market.feed.resilience import read_on, with_database
from market.feed.source import SessionSource, Source
from market.feed.subscribers import rows_stored
from market.framestore import Observed, write_rows
from market.models import FeedRun, FrameRow
from market.snapshot import SnapshotData
from market.store import write_snapshot

T = TypeVar("T")
log = structlog.get_logger("pulse.feed")

CONTROL_EVERY_S = 0.25
KEEP_SNAPSHOTS = 12
KEEP_ROWS = 120
"""Sessions of a simulation whose snapshots, and whose minutes' rows, are kept."""


class StoppedError(Exception):
    """A person asked the run to stop, or the process was told to end."""


class LostLockError(Exception):
    """Another feed of the symbol took over."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of the run now."""

    desired: str
    speed: float


class FeedRunner:
    """Drives one run from its source.

    Parameters
    ----------
    run
        The run's row.
    source
        Its sessions.
    should_end
        Asked often; when it returns true the run keeps its place and can be resumed.
    """

    def __init__(
        self,
        run: FeedRun,
        source: Source,
        *,
        should_end: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.run = run
        self.source = source
        self._should_end = should_end
        self._clock = clock
        self._sleep = sleep
        self._pacer = Pacer(run.speed, clock=clock)
        self._lock = SymbolLock(run.symbol)
        self._publisher = Publisher(run)
        self._rushed_until = 0
        self._arrived = time.time()  # of the newest minute, until one comes of this start
        self._asked_at = float("-inf")
        self._wish = Wish(run.desired, run.speed)

    def play(self) -> FeedRun.State:
        """Run to the end and return the state in which the run was left."""
        if not self._durable(self._lock.acquire):
            return self._refused()
        try:
            self._set(
                state=FeedRun.State.RUNNING,
                started_at=self.run.started_at or timezone.now(),
                finished_at=None,
                error="",
            )
            for session in self.source.sessions():
                self._play_session(session)
        except StoppedError:
            asked = self._wish.desired == FeedRun.Desired.STOPPED
            return self._end(FeedRun.State.STOPPED if asked else FeedRun.State.REQUESTED)
        except LostLockError:
            return self._refused()
        except Exception as error:
            self._end(FeedRun.State.FAILED, f"{type(error).__name__}: {error}")
            raise
        finally:
            self._lock.release()
        return self._end(FeedRun.State.FINISHED)

    def _refused(self) -> FeedRun.State:
        """Say that another feed of the symbol is on; a row that may be its own is left alone."""
        said = f"another feed of {self.run.symbol} is running; stop it first"
        busy = (FeedRun.State.RUNNING, FeedRun.State.PAUSED)
        self._durable(
            lambda: (
                FeedRun.objects.filter(pk=self.run.pk)
                .exclude(state__in=busy)
                .update(state=FeedRun.State.FAILED, error=said, finished_at=timezone.now())
            )
        )
        log.warning("feed_refused", run=self.run.pk, symbol=self.run.symbol, reason=said)
        return FeedRun.State.FAILED

    def _play_session(self, source: SessionSource) -> None:
        session = source.session
        place = self._durable(self._place)
        self.run.session_date = session.date
        known = self._durable(source.context)
        self._publisher.open_session(session, known.previous_close)
        if place is None:
            history = [daily_row(context) for context in self._durable(source.history)]
            self._durable(lambda: write_rows(self.run, history))
            warm = int(self.run.params.get("warm", 0))
            self._rushed_until = session.open_ns + warm * MINUTE
        # The night between two sessions is not waited for: the market's clock goes on at the open.
        self._pacer.anchor(session.open_ns)
        recorder = SessionRecorder(session, known)
        newest = None
        for data in self._minutes(source):
            if place is not None and data.known_at <= place:
                recorder.record(data)
                self._pacer.anchor(data.known_at)
            else:
                self._wait_for(data.known_at)
                arrived = self._arrived = time.time()
                minute = recorder.record(data)
                self._durable(partial(self._store, minute, arrived))
                self._publisher.minute(minute, arrived)
            newest = data
        context = self._durable(lambda: source.at_close(newest))
        if context is not None:
            row = daily_row(context)
            self._durable(lambda: self._store_daily(row))
        self._durable(source.closed)
        if not self.source.stored:
            self._durable(self._forget_old)

    def _minutes(self, source: SessionSource) -> Iterator[SnapshotData]:
        """Yield a session's minutes; of one that is on, each as it comes."""
        place = told = 0
        while True:
            complete = source.complete()  # asked first: what comes until then is read
            begin = partial(_minutes_after, source, place)
            for data in read_on(begin, lambda data: data.known_at, sleep=self._sleep):
                place = data.known_at
                yield data
            if complete:
                return
            told = self._tell_between(source, max(place, told))
            self._publisher.flush()
            self._follow_wish(place)
            self._sleep(CONTROL_EVERY_S)

    def _tell_between(self, source: SessionSource, told: int) -> int:
        """Tell the quote of a live market that no minute has told; return of when the last is.

        It came with the minute before it: the age of a page is that of its minutes.
        """
        data = self._durable(partial(source.between, told))
        if data is None:
            return told
        self._publisher.quote(data, self._arrived)
        return data.known_at

    def _place(self) -> int | None:
        newest = FrameRow.objects.filter(run=self.run, kind="intraday").order_by("-time").first()
        return None if newest is None else to_ns(newest.time)

    def _store(self, minute: Minute, arrived: float) -> None:
        """Store one minute whole or not at all; may be repeated."""
        changes = {
            "session_date": self.run.session_date,
            "position": from_ns(minute.row.time),
            "snapshots": self.run.snapshots + 1,
            "rows": self.run.rows + 1,
            "heartbeat_at": timezone.now(),
            "lag_ms": (time.time() - arrived) * 1e3,
        }
        with transaction.atomic():
            snapshot = minute.data.id
            if not self.source.stored:
                snapshot = write_snapshot(minute.data, run=self.run).pk
            write_rows(self.run, [minute.row], snapshot=snapshot)
            FeedRun.objects.filter(pk=self.run.pk).update(**changes)
            rows_stored(self.run.pk, arrived=arrived)
        for name, value in changes.items():
            setattr(self.run, name, value)

    @transaction.atomic
    def _store_daily(self, row: Observed) -> None:
        write_rows(self.run, [row])
        rows_stored(self.run.pk, arrived=time.time())

    def _forget_old(self) -> None:
        """Drop a simulation's oldest snapshots, later its minutes' rows; signals and days stay."""
        minutes = FrameRow.objects.filter(run=self.run, kind="intraday")
        days = list(
            minutes.order_by("-session_date").values_list("session_date", flat=True).distinct()
        )
        if len(days) > KEEP_SNAPSHOTS:
            self.run.stored.filter(time__date__lt=days[KEEP_SNAPSHOTS - 1]).delete()
        if len(days) > KEEP_ROWS:
            minutes.filter(session_date__lt=days[KEEP_ROWS - 1]).delete()

    def _wait_for(self, at: int) -> None:
        """Return when market instant `at` is due, following pauses, speeds and stops."""
        while True:
            self._publisher.flush()
            self._follow_wish(at)
            if not self.source.paced:
                return
            if at <= self._rushed_until:
                self._pacer.anchor(at)
                return
            wait = self._pacer.wait(at)
            if wait <= 0:
                return
            self._sleep(min(wait, CONTROL_EVERY_S))

    def _follow_wish(self, at: int) -> None:
        if self._should_end():
            raise StoppedError
        if self._clock() - self._asked_at < CONTROL_EVERY_S:
            return
        self._wish = self._durable(self._ask)
        if self._wish.desired == FeedRun.Desired.PAUSED:
            self._stay_paused()
            self._pacer.anchor(at)
        if self._wish.desired == FeedRun.Desired.STOPPED:
            raise StoppedError
        if self._wish.speed != self._pacer.speed:
            self._pacer.set_speed(self._wish.speed, at=at)
            self.run.speed = self._wish.speed
            self._publisher.status()
        if not self._lock.held() and not self._durable(self._lock.acquire):
            raise LostLockError

    def _stay_paused(self) -> None:
        self._set(state=FeedRun.State.PAUSED)
        while self._wish.desired == FeedRun.Desired.PAUSED:
            if self._should_end():
                raise StoppedError
            self._sleep(CONTROL_EVERY_S)
            self._publisher.flush()
            self._wish = self._durable(self._ask)
            self._durable(
                lambda: FeedRun.objects.filter(pk=self.run.pk).update(heartbeat_at=timezone.now())
            )
        self._set(state=FeedRun.State.RUNNING)

    def _ask(self) -> Wish:
        desired, speed = FeedRun.objects.values_list("desired", "speed").get(pk=self.run.pk)
        self._asked_at = self._clock()
        return Wish(desired, speed)

    def _set(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self.run, name, value)
        self.run.heartbeat_at = timezone.now()
        names = [*changes, "heartbeat_at"]
        self._durable(lambda: self.run.save(update_fields=names))
        self._publisher.status()

    def _end(self, state: FeedRun.State, error: str = "") -> FeedRun.State:
        self._set(state=state, error=error, finished_at=timezone.now())
        self._publisher.flush(force=True)
        log.info("feed_ended", run=self.run.pk, symbol=self.run.symbol, state=state, error=error)
        return state

    def _durable(self, work: Callable[[], T]) -> T:
        return with_database(work, sleep=self._sleep)


def _minutes_after(source: SessionSource, place: int, since: int) -> Iterator[SnapshotData]:
    """Return what comes after a place, and after what was read since."""
    return source.minutes(max(place, since))
