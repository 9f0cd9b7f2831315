"""The processes behind `manage.py feed`: one run, a live symbol, or the service of replays."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from market.feed import control, live, replay, simulated
from market.feed.lock import SymbolLock
from market.feed.resilience import with_database
from market.feed.runner import FeedRunner
from market.feed.source import Source
from market.models import FeedRun

log = structlog.get_logger("pulse.feed")

POLL_S = 0.5
MOST_AT_ONCE = 3
MOST_DEATHS = 5
QUIET_S = 10.0
ON = (FeedRun.State.STARTING, FeedRun.State.RUNNING, FeedRun.State.PAUSED)


def source_of(run: FeedRun) -> Source:
    """Return the source that a run names."""
    if run.source == FeedRun.Source.SIMULATOR:
        return simulated.source_of(run)
    if run.source == FeedRun.Source.LIVE:
        return live.source_of(run)
    return replay.source_of(run)


def play(run_id: int, should_end: Callable[[], bool]) -> FeedRun.State:
    """Play one run in this process; return the state in which it was left."""
    run = FeedRun.objects.select_related("underlying").get(pk=run_id)
    return FeedRunner(run, source_of(run), should_end=should_end).play()


def play_simulator(
    *,
    symbol: str,
    seed: int,
    speed: float,
    effect: float,
    warm: int,
    should_end: Callable[[], bool],
) -> FeedRun.State:
    """Play the simulator, going on with the run of the same symbol and seed where it stopped."""
    run = simulated.resume_or_create(
        symbol=symbol, seed=seed, speed=speed, effect=effect, warm=warm
    )
    state = play(run.pk, should_end)
    # Whoever stopped it wants it to stay stopped: a process that ended would be started again.
    while state == FeedRun.State.STOPPED and not should_end():
        time.sleep(POLL_S)
    return state


def play_live(
    symbol: str,
    should_end: Callable[[], bool],
    *,
    now: live.Now = time.time_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Play each live day of a symbol while it is recorded, until told to end.

    A day goes on where it was when the process starts again. One that a person stopped stays
    stopped until somebody takes it up or the next day begins.
    """
    rests = (FeedRun.State.STOPPED, FeedRun.State.FINISHED)
    while not should_end():
        session = live.session_on(symbol, now())
        if session is not None:
            run = with_database(partial(live.take_up, symbol, session.date), sleep=sleep)
            if run.state not in rests and _is_free(symbol):
                source = live.source_of(run, now)
                FeedRunner(run, source, should_end=should_end, sleep=sleep).play()
        sleep(POLL_S)


def _is_free(symbol: str) -> bool:
    """Return whether no other feed of a symbol is on; one that was asked to stop takes a moment."""
    lock = SymbolLock(symbol)
    try:
        return with_database(lock.acquire, sleep=time.sleep)
    finally:
        lock.release()


@dataclass
class ReplayService:
    """Plays requested replays, each in a process of its own, until it is told to end."""

    should_end: Callable[[], bool]
    children: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    deaths: dict[int, int] = field(default_factory=dict)

    def serve(self) -> None:
        """Take up requests until told to end; then end the replays, which keep their place."""
        with_database(self._requeue_lost, sleep=time.sleep)
        while not self.should_end():
            self._reap()
            with_database(self._take_up, sleep=time.sleep)
            with_database(control.end_days_over, sleep=time.sleep)
            time.sleep(POLL_S)
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            child.wait(10)

    def _requeue_lost(self) -> None:
        """Ask again for replays that an earlier service left behind when it was killed.

        One that is played from a terminal beats: it is left alone.
        """
        quiet_since = timezone.now() - dt.timedelta(seconds=QUIET_S)
        beating = Q(heartbeat_at__gte=quiet_since)
        FeedRun.objects.filter(~beating, source=FeedRun.Source.REPLAY, state__in=ON).update(
            state=FeedRun.State.REQUESTED
        )

    def _take_up(self) -> None:
        wanted = FeedRun.objects.filter(
            source=FeedRun.Source.REPLAY, state=FeedRun.State.REQUESTED
        ).order_by("id")
        stopped = wanted.filter(desired=FeedRun.Desired.STOPPED)
        stopped.update(state=FeedRun.State.STOPPED, finished_at=timezone.now())
        room = MOST_AT_ONCE - len(self.children)
        for run_id in list(wanted.values_list("pk", flat=True)[: max(0, room)]):
            claimed = FeedRun.objects.filter(pk=run_id, state=FeedRun.State.REQUESTED).update(
                state=FeedRun.State.STARTING
            )
            if claimed:
                self.children[run_id] = self._start(run_id)

    def _start(self, run_id: int) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-W", "ignore", "manage.py", "feed", "--run", str(run_id)]
        log.info("replay_started", run=run_id)
        return subprocess.Popen(argv, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL)  # noqa: S603

    def _reap(self) -> None:
        for run_id, child in list(self.children.items()):
            if child.poll() is None:
                continue
            del self.children[run_id]
            if child.returncode:
                with_database(partial(self._ask_again, run_id), sleep=time.sleep)

    def _ask_again(self, run_id: int) -> None:
        """Ask for a replay again whose process was killed, and could not say so; not for ever."""
        self.deaths[run_id] = self.deaths.get(run_id, 0) + 1
        lost = FeedRun.objects.filter(pk=run_id, state__in=ON)
        if self.deaths[run_id] < MOST_DEATHS:
            lost.update(state=FeedRun.State.REQUESTED)
        else:
            said = f"its process died {MOST_DEATHS} times; see the log of the replay service"
            lost.update(state=FeedRun.State.FAILED, error=said, finished_at=timezone.now())


def end_on_signals() -> Callable[[], bool]:
    """Return a question that turns true once the process was asked to end."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    return asked.is_set
