"""How far long work has come, in the words of the browser. Imports no Django."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

SHOW_ETA_FROM: Final = 0.05
"""Share of a phase before which nobody can say how long it takes."""
_RECENT_S: Final = 10.0
_SPREAD: Final = 0.15


@dataclass(frozen=True, slots=True)
class Step:
    """Where the work stands: phase `i` of `n`, `done` of `total` units in it."""

    phase: str
    i: int = 1
    n: int = 1
    done: float = 0
    total: float | None = None
    unit: str = ""
    msg: str = ""


class Meter:
    """Turns steps into progress with the rate and a range of seconds to go in the phase."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phase: tuple[str, int] | None = None
        self._seen: deque[tuple[float, float]] = deque()
        self._first = (0.0, 0.0)

    def enters(self, step: Step) -> bool:
        """Return whether the step begins a new phase."""
        return self._phase != (step.phase, step.i)

    def read(self, step: Step) -> dict[str, Any]:
        """Note a step and return it as JSON."""
        now = self._clock()
        if self.enters(step) or step.done < self._seen[-1][1]:
            self._phase = (step.phase, step.i)
            self._seen.clear()
            self._first = (now, step.done)
        self._seen.append((now, step.done))
        while len(self._seen) > 2 and self._seen[1][0] < now - _RECENT_S:
            self._seen.popleft()
        overall = _rate(self._first, self._seen[-1])
        return {
            "phase": step.phase,
            "i": step.i,
            "n": step.n,
            "done": step.done,
            "total": step.total,
            "unit": step.unit,
            "rate": None if overall is None else round(overall, 3),
            "eta_s": self._eta(step, overall),
            "updated": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "msg": step.msg,
        }

    def _eta(self, step: Step, overall: float | None) -> list[int] | None:
        recent = _rate(self._seen[0], self._seen[-1])
        if not step.total or not overall or not recent or step.done < SHOW_ETA_FROM * step.total:
            return None
        left = max(0.0, step.total - step.done)
        guesses = (left / overall, left / recent)
        return [int(min(guesses) * (1 - _SPREAD)), int(max(guesses) * (1 + _SPREAD)) + 1]


def _rate(first: tuple[float, float], last: tuple[float, float]) -> float | None:
    passed = last[0] - first[0]
    return (last[1] - first[1]) / passed if passed > 0 else None
