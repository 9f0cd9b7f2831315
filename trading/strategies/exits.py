"""The hard exits: stop, trailing stop, take profit, time, before the close. Plain functions.

Each compares what it is given with its limit and nothing else, so with the same limits a worse
result never calls off a stop, a better one never a profit, and later is never too early again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tools_app.decisions import Course, Leave
from trading.strategies.config import ExitRules

STOP: Final = "stop"
TRAIL: Final = "trailing stop"
TAKE: Final = "take profit"
TIME: Final = "time"
CLOSE: Final = "before the close"
_NEAR: Final = 1e-9
"""So that a result which is the limit counts as reaching it."""


@dataclass(frozen=True, slots=True)
class HardExits:
    """The exits of a configuration as a policy: several may say leave, the first names it."""

    rules: ExitRules

    def leave(self, course: Course) -> Leave:
        """Return the decision; without a result those that need none still count."""
        found = self._by_clock(course)
        if course.now is not None:
            found = self._by_result(course.now, course.best) + found
        if found:
            return Leave(found[0][0], tuple(text for _, text in found))
        return Leave("", (self._stays(course),))

    def _by_result(self, now: float, best: float) -> list[tuple[str, str]]:
        rules, found = self.rules, []
        if now <= -rules.stop + _NEAR:
            text = f"It lost {-now:.0%} of what it can lose; the stop is {rules.stop:.0%}."
            found.append((STOP, text))
        peak = max(best, now)
        armed = rules.trail is not None and peak >= rules.trail_from - _NEAR
        if armed and rules.trail is not None and peak - now >= rules.trail - _NEAR:
            text = (f"It fell {peak - now:.0%} from its best of {peak:.0%}; "
                    f"the trailing stop is {rules.trail:.0%}.")  # fmt: skip
            found.append((TRAIL, text))
        if rules.take is not None and now >= rules.take - _NEAR:
            text = f"It won {now:.0%} of what it could lose; {rules.take:.0%} is taken."
            found.append((TAKE, text))
        return found

    def _by_clock(self, course: Course) -> list[tuple[str, str]]:
        rules, found = self.rules, []
        if course.to_close <= rules.before_close:
            text = (f"{max(course.to_close, 0.0):.0f} minutes to the close or the last trade; "
                    f"it is left {rules.before_close:.0f} before.")  # fmt: skip
            found.append((CLOSE, text))
        if rules.minutes is not None and course.minutes >= rules.minutes:
            text = f"It is {course.minutes:.0f} minutes old; {rules.minutes:.0f} are the most."
            found.append((TIME, text))
        return found

    def _stays(self, course: Course) -> str:
        if course.now is None:
            return "Stay: a quote is missing, so only the clock counts, and it says no exit."
        return f"Stay: {course.now:+.0%} of what it can lose, {course.best:+.0%} at best."
