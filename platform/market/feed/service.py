"""The processes behind `manage.py feed`: one run, or the service that plays requested replays."""

from __future__ import annotations

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
from django.utils import timezone

from market.feed import replay, simulated
from market.feed.resilience import with_database
from market.feed.runner import FeedRunner
from market.feed.source import Source
from market.models import FeedRun

log = structlog.get_logger("pulse.feed")

POLL_S = 0.5
MOST_AT_ONCE = 3


def source_of(run: FeedRun) -> Source:
    """Return the source that a run names."""
    if run.source == FeedRun.Source.SIMULATOR:
        return simulated.source_of(run)
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
    return play(run.pk, should_end)


@dataclass
class ReplayService:
    """Plays requested replays, each in a process of its own, until it is told to end."""

    should_end: Callable[[], bool]
    children: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def serve(self) -> None:
        """Take up requests until told to end; then end the replays, which keep their place."""
        with_database(self._requeue_lost, sleep=time.sleep)
        while not self.should_end():
            self._reap()
            with_database(self._take_up, sleep=time.sleep)
            time.sleep(POLL_S)
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            child.wait(10)

    def _requeue_lost(self) -> None:
        """Ask again for replays that an earlier service left behind when it was killed."""
        FeedRun.objects.filter(
            source=FeedRun.Source.REPLAY,
            state__in=(FeedRun.State.STARTING, FeedRun.State.RUNNING, FeedRun.State.PAUSED),
        ).update(state=FeedRun.State.REQUESTED)

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
            # A process that was killed could not say so itself: its replay is asked for again.
            lost = FeedRun.objects.filter(
                pk=run_id, state__in=(FeedRun.State.STARTING, FeedRun.State.RUNNING)
            )
            if child.returncode:
                again = partial(lost.update, state=FeedRun.State.REQUESTED)
                with_database(again, sleep=time.sleep)


def end_on_signals() -> Callable[[], bool]:
    """Return a question that turns true once the process was asked to end."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    return asked.is_set
