"""How fast orders may leave. Plain counting, no tables.

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
MINUTE_S: Final = 60.0


class RunawayError(RuntimeError):
    """More is sent than anybody can have meant: everything stops until a person looked."""


class Window:
    """Counts what happened within the last `seconds`."""

    def __init__(self, seconds: float, most: int) -> None:
        self.seconds, self.most = seconds, most
        self._times: deque[float] = deque()

    def wait_s(self, now: float) -> float:
        """Return how long until one more is within what is allowed; 0 when it is now."""
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        if len(self._times) < self.most:
            return 0.0
        return self._times[len(self._times) - self.most] + self.seconds - now

    def add(self, now: float) -> None:
        """Count one."""
        self._times.append(now)


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
