"""A private stack under the house's own supervisor, processes killed in it, and how they come back.

Servers, web, workers, feed and execution are started as `make up` does. What is killed is started
again by the supervisor alone; how long that takes is seen from what the process is there for.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil
import redis
from django.db import DatabaseError, InterfaceError, connection
from kombu.exceptions import OperationalError

from market.models import FeedRun, Snapshot
from pulse import embedded
from pulse.celery import app as celery
from pulse.supervisor import BACK_OFF_FIRST, GRACE_APPS, Child, Supervisor, stop_all
from trading.execution.states import Standing
from trading.models import AccountState, PaperAccount

MANAGE: Final = (sys.executable, "-W", "ignore", "manage.py")
CELERY: Final = (sys.executable, "-W", "ignore", "-m", "celery", "-A", "pulse")
WORKER: Final = (*CELERY, "worker", "--loglevel", "WARNING", "--without-gossip", "-P", "threads")
LOOK_S: Final = 0.2
GIVE_UP_S: Final = 300.0
Probe = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Victim:
    """A process that may be killed: its kind, and what returns a probe of whether it is back."""

    kind: str
    child: Child
    probe: Callable[[], Probe]


@dataclass(slots=True)
class Watch:
    """A killed process that is not back yet."""

    victim: Victim
    since: float
    back: Probe


@dataclass(slots=True)
class Returns:
    """How long processes took to be back, s, by kind; and how many were not seen back."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    again: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Killed once more before they were back."""
    never: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def rows(self) -> list[tuple[str, int, float, float, float]]:
        """Return kind, count, median, 95th percentile and greatest time of each kind."""
        return [(kind, len(told), *_spread(sorted(told)))
                for kind, told in sorted(self.times.items())]  # fmt: skip


def _spread(told: list[float]) -> tuple[float, float, float]:
    def at(share: float) -> float:
        return told[max(math.ceil(share * len(told)) - 1, 0)]

    return at(0.5), at(0.95), told[-1]


class Stack:
    """All processes of a run. Make it, `tend` and `kill` from the main thread alone."""

    def __init__(self, var: Path, root: Path, port: int) -> None:
        self.house = Supervisor(var, root)
        self.port = port
        self.kills: dict[str, int] = defaultdict(int)
        self.returns = Returns()
        self._victims: list[Victim] = []
        self._watches: list[Watch] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    # --- starting -------------------------------------------------------------------------------
    def start_servers(self) -> None:
        """Start PostgreSQL and Redis and bring the database up to date."""
        self.house.start_servers()
        for child, server in zip(
            self.house.servers, embedded.Services(self.house.var, durable=True).servers, strict=True
        ):
            self._may_die(child.name, child, lambda one=server: one.ready)  # type: ignore[misc]
        self.house.run_through("prepare", *MANAGE, "prepare", "--no-static", seconds=600)
        self.house.run_through("numerics", sys.executable, "-m", "quant.warm", seconds=600)

    def add(self, name: str, *argv: str) -> Child:
        """Start a process that is never killed."""
        self.house.add(name, *argv)
        return self.house.apps[-1]

    def start_web(self) -> None:
        """Start the web process."""
        child = self.add("web", *MANAGE, "serve", "--port", str(self.port))
        self._may_die("web", child, lambda: self._serves)

    def start_feed(self, speed: float, seed: int) -> None:
        """Start the simulator that paper accounts trade on."""
        child = self.add(
            "feed", *MANAGE, "feed", "--source", "simulator", "--seed", str(seed),
            "--speed", str(speed), "--warm", "60",
        )  # fmt: skip
        self._may_die("feed", child, lambda: _rises(_fed))

    def start_coins(self, addresses: Sequence[str]) -> None:
        """Start the market of the live accounts."""
        child = self.add("coins", *MANAGE, "chaos", "--role", "coins", "--at", *addresses)
        self._may_die("feed", child, lambda: _rises(_coined))

    def start_workers(self, *, steps: bool) -> None:
        """Start the workers and the beat; `steps` when there are paper accounts to walk along."""
        quick = self.add("quick", *WORKER, "-Q", "execution,alerts", "-c", "4", "-n", "quick@%h")
        self._may_die(
            "worker", quick, lambda: _rises(_followed) if steps else lambda: _answers("quick@")
        )
        live = self.add("live", *WORKER, "-Q", "live", "-c", "2", "-n", "live@%h")
        self._may_die("worker", live, lambda: lambda: _answers("live@"))
        argv = (*CELERY, "beat", "--loglevel", "WARNING", "--pidfile", "")
        self.add("beat", *argv)

    def start_execution(
        self, name: str, accounts: Sequence[int], address: str = "", plant: str = ""
    ) -> None:
        """Start an execution process that serves some accounts, at a broker's address."""
        argv = ("chaos", "--role", "execute", "--plant", plant, "--accounts") if plant else (
            "execute",
        )  # fmt: skip
        env = ("env", f"ALPACA_LIVE_BASE={address}") if address else ()
        child = self.add(name, *env, *MANAGE, *argv, *(str(one) for one in accounts))
        self._may_die("execute", child, lambda: lambda: _serving(child, accounts))

    def _may_die(self, kind: str, child: Child, probe: Callable[[], Probe]) -> None:
        self._victims.append(Victim(kind, child, probe))

    # --- living ---------------------------------------------------------------------------------
    def watch(self) -> None:
        """Begin to see whether what was killed is back."""
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def tend(self) -> None:
        """Start again what died, and bury what it left behind; KeyboardInterrupt on a stop."""
        if self.house.stopping:
            raise KeyboardInterrupt
        for child in (*self.house.servers, *self.house.apps):
            child.tend()
        mine = {one.process.pid for one in (*self.house.servers, *self.house.apps) if one.process}
        for orphan in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
                if orphan.pid not in mine and orphan.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(orphan.pid, os.WNOHANG)

    def kill(self, dice: random.Random) -> str:
        """Kill -9 a process of a kind, each kind as often as any other; return its name."""
        kind = dice.choice(sorted({one.kind for one in self._victims}))
        there = [one for one in self._victims if one.kind == kind and one.child.running()]
        if not there:
            return ""
        victim = dice.choice(there)
        process = victim.child.process
        assert process is not None  # noqa: S101 - it runs
        with self._lock:
            before = [one for one in self._watches if one.victim is victim]
            for one in before:
                self._watches.remove(one)
                self.returns.again[kind] += 1
            victim.child.back_off = BACK_OFF_FIRST
            os.kill(process.pid, signal.SIGKILL)
            self._watches.append(Watch(victim, time.monotonic(), _once_dead(process.pid, victim)))
        self.kills[kind] += 1
        return victim.child.name

    @property
    def away(self) -> list[str]:
        """Return the names of what was killed and is not back."""
        with self._lock:
            return [one.victim.child.name for one in self._watches]

    def stop_all_but(self, kept: Sequence[Child]) -> None:
        """Stop what runs on the servers, but some, for good: nothing moves any more."""
        ended = [one for one in self.house.apps if one not in kept]
        stop_all(ended, GRACE_APPS)
        self.house.apps = list(kept)

    def stop(self) -> None:
        """Stop everything."""
        self._ended.set()
        self.house.stop()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S):
            with self._lock:
                open_ = list(self._watches)
            for one in open_:
                took = time.monotonic() - one.since
                back = _asked(one.back)
                if not back and took < GIVE_UP_S:
                    continue
                with self._lock:
                    if one not in self._watches:
                        continue
                    self._watches.remove(one)
                kind = one.victim.kind
                if back:
                    self.returns.times[kind].append(took)
                else:
                    self.returns.never[kind] += 1

    def _serves(self) -> bool:
        return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2).status_code == 200


def _asked(probe: Probe) -> bool:
    """Ask whether a process is back; while a server is away nothing is."""
    try:
        return probe()
    except (DatabaseError, InterfaceError):
        connection.close()
    except (httpx.HTTPError, OSError, redis.RedisError, OperationalError):
        pass
    return False


def _once_dead(pid: int, victim: Victim) -> Probe:
    """Return a probe that asks once another process runs in the place of the killed one."""
    made: list[Probe] = []

    def back() -> bool:
        process = victim.child.process
        if process is None or process.pid == pid or process.poll() is not None:
            return False
        if not made:
            made.append(victim.probe())
        return made[0]()

    return back


def _rises(read: Callable[[], int]) -> Probe:
    """Return a probe of whether a number has risen since it was first read."""
    first: list[int] = []

    def back() -> bool:
        now = read()
        if not first:
            first.append(now)
        return now > first[0]

    return back


def _fed() -> int:
    return sum(FeedRun.objects.values_list("rows", flat=True))


def _coined() -> int:
    return Snapshot.objects.filter(source="chaos").values_list("pk", flat=True).last() or 0


def _followed() -> int:
    return sum(
        int(one.timestamp()) for one in PaperAccount.objects.values_list("through", flat=True)
    )


def _answers(name: str) -> bool:
    told = celery.control.ping(timeout=1.0) or []
    return any(one.startswith(name) for answer in told for one in answer)


def _serving(child: Child, accounts: Sequence[int]) -> bool:
    """Return whether a process has all its accounts, reconciled: its gate is open."""
    if child.process is None:
        return False
    rows = AccountState.objects.filter(pk__in=accounts).values_list("holder", "state")
    mine = f"/{child.process.pid}/"
    return all(mine in holder and state == Standing.LIVE for holder, state in rows)
