"""Time as execution sees it, so that tests need not wait."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """The wall clock, one that never goes back, and waiting."""

    def now(self) -> dt.datetime:
        """Return the time of day, UTC."""

    def monotonic(self) -> float:
        """Return seconds that only rise."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's."""

    def __init__(self, woken: threading.Event | None = None) -> None:
        self._woken = woken or threading.Event()

    def now(self) -> dt.datetime:
        """Return the time of day, UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds that only rise."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, or return at once when the process is to end."""
        self._woken.wait(seconds)
