"""How fast orders may leave and how often a broker may be asked. Plain counting, no tables.

Windows slide: in no second and in no minute, wherever it begins, is there more than is allowed.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

ORDERS_A_SECOND: Final = 5
ORDERS_A_MINUTE: Final = 120
ATTEMPTS_A_SECOND: Final = 50
"""Tries to send, the ones put off as well, from which somebody runs away."""
SHARE: Final = 0.75
"""Of a broker's requests a minute that are used; others of the owner may use its key too."""
RESERVED: Final = 0.2
"""Of those, kept for cancels and for asking what became of an order."""
MINUTE_S: Final = 60.0


class RunawayError(RuntimeError):
    """More is sent than anybody can have meant: everything stops until a person looked."""


class Window:
    """Counts what happened within the last `seconds`."""

    def __init__(self, seconds: float, most: int) -> None:
        self.seconds, self.most = seconds, most
        self._times: deque[float] = deque()

    def wait_s(self, now: float, most: int | None = None) -> float:
        """Return how long until one more is within what is allowed; 0 when it is now."""
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        allowed = self.most if most is None else most
        if len(self._times) < allowed:
            return 0.0
        if allowed <= 0:
            return self.seconds
        return self._times[len(self._times) - allowed] + self.seconds - now

    def add(self, now: float) -> None:
        """Count one."""
        self._times.append(now)

    def count(self, now: float) -> int:
        """Return how many there were."""
        self.wait_s(now)
        return len(self._times)


class Pace:
    """How fast orders may leave; too many tries at more are a runaway."""

    def __init__(
        self,
        a_second: int = ORDERS_A_SECOND,
        a_minute: int = ORDERS_A_MINUTE,
        tries: int = ATTEMPTS_A_SECOND,
    ) -> None:
        self._windows = (Window(1.0, a_second), Window(MINUTE_S, a_minute))
        self._tries = Window(1.0, tries)
        self._lock = threading.Lock()

    def wait_s(self, now: float) -> float:
        """Return how long until an order may leave; 0 when it may now."""
        with self._lock:
            return max(one.wait_s(now) for one in self._windows)

    def take(self, now: float) -> float:
        """Let one order leave and return 0, or return how long it has to wait.

        Raises
        ------
        RunawayError
            When there were more tries in a second than anybody can have meant.
        """
        with self._lock:
            if self._tries.wait_s(now) > 0:
                raise RunawayError(f"more than {self._tries.most} orders in a second")
            self._tries.add(now)
            wait = max(one.wait_s(now) for one in self._windows)
            if wait <= 0:
                for one in self._windows:
                    one.add(now)
            return wait


class Budget:
    """Requests that a broker answers in a minute, with a share that cancels alone may use.

    Parameters
    ----------
    a_minute : int
        What the broker allows; 0 when it does not count.
    now : float
        Seconds of the clock. What a process before this one used is not known, so the first
        minute begins with the usual share used.
    """

    def __init__(self, a_minute: int, now: float) -> None:
        self.hard = a_minute
        self.total = int(a_minute * SHARE)
        self.usual = int(self.total * (1 - RESERVED))
        self._window = Window(MINUTE_S, self.total)
        self._lock = threading.Lock()
        for _ in range(max(0, self.total - (self.hard - self.total))):
            self._window.add(now)

    def take(self, now: float, *, urgent: bool = False) -> float:
        """Use one request and return 0, or return how long it has to wait."""
        if self.hard == 0:
            return 0.0
        with self._lock:
            wait = self._window.wait_s(now, self.hard if urgent else self.usual)
            if wait <= 0:
                self._window.add(now)
            return wait
