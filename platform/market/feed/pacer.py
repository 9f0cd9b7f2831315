"""When a market instant is due on the wall clock, at any speed, with pauses."""

from __future__ import annotations

import math
from collections.abc import Callable

NS = 1_000_000_000
AS_FAST_AS_POSSIBLE = 0.0
FASTEST = 100_000


class Pacer:
    """Maps market time to a monotonic clock.

    Parameters
    ----------
    speed
        Market seconds per wall second; 0 means as fast as possible.
    clock
        Monotonic seconds.
    """

    def __init__(self, speed: float, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._speed = valid_speed(speed)
        self._market: int | None = None
        self._wall = 0.0

    @property
    def speed(self) -> float:
        """Market seconds per wall second."""
        return self._speed

    def set_speed(self, speed: float, *, at: int) -> None:
        """Go on from market instant `at` (ns) at another speed."""
        self._speed = valid_speed(speed)
        self.anchor(at)

    def anchor(self, at: int) -> None:
        """Let market instant `at` (ns) be now: after a start, a pause or a gap."""
        self._market, self._wall = at, self._clock()

    def wait(self, time: int) -> float:
        """Return the seconds until market instant `time` (ns) is due; 0 when it is."""
        if self._market is None:
            self.anchor(time)
        if self._speed == AS_FAST_AS_POSSIBLE or self._market is None:
            return 0.0
        due = self._wall + (time - self._market) / NS / self._speed
        return max(0.0, due - self._clock())


def valid_speed(speed: float) -> float:
    """Return `speed`, or raise ValueError naming what is allowed."""
    if not math.isfinite(speed) or not 0 <= speed <= FASTEST:
        raise ValueError(f"speed is {speed}; give 0 (as fast as possible) to {FASTEST}")
    return float(speed)
