"""A token bucket as one number: the generic cell rate algorithm (GCRA, ITU-T I.371).

A bucket that holds `burst` calls and refills one every `interval` is known by the time at which it
would be full, its theoretical arrival time. Times are whole microseconds, so nothing is rounded.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple

MOST_BUCKETS: Final = 10_000

# KEYS: the bucket. ARGV: interval, burst, cost, now or "" for the clock of Redis, which is one
# clock for all machines. `%.0f` because Lua writes large numbers with 14 digits.
SCRIPT: Final = """
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000000 + clock[2]
end
local whole = burst * interval
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
full = math.min(math.max(full, now), now + whole)
local later = full + cost * interval
local wait = later - whole - now
if wait > 0 then
  return {0, math.floor((whole - (full - now)) / interval), full - now, wait}
end
redis.call('SET', KEYS[1], string.format('%.0f', later), 'PX', math.ceil((later - now) / 1000))
return {1, math.floor((whole - (later - now)) / interval), later - now, 0}
"""


class Taken(NamedTuple):
    """What came of asking a bucket for calls; times in microseconds."""

    allowed: bool
    remaining: int
    full_in: int
    wait: int


def take(full: int, now: int, *, interval: int, burst: int, cost: int) -> tuple[int, Taken]:
    """Return when the bucket is full after asking it for `cost` calls, and what came of it.

    Parameters
    ----------
    full : int
        When it would be full, microseconds; 0 for a new one.
    now : int
        The time, microseconds.
    interval, burst, cost : int
        Microseconds in which one call comes back; calls that it holds; calls that are asked for,
        at most `burst`.
    """
    whole = burst * interval
    full = min(max(full, now), now + whole)  # a clock that was set back costs one burst at most
    later = full + cost * interval
    wait = later - whole - now
    if wait > 0:
        return full, Taken(False, (whole - (full - now)) // interval, full - now, wait)
    return later, Taken(True, (whole - (later - now)) // interval, later - now, 0)


def _microseconds() -> int:
    return time.time_ns() // 1000


class LocalBuckets:
    """Buckets of this process alone, which stand in while Redis is away."""

    def __init__(self, clock: Callable[[], int] = _microseconds) -> None:
        self.clock = clock
        self._full: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def take(self, name: str, *, interval: int, burst: int, cost: int) -> Taken:
        """Ask a bucket for calls; the one that was not asked for longest goes when all is full."""
        with self._lock:
            before = self._full.pop(name, 0)
            self._full[name], taken = take(
                before, self.clock(), interval=interval, burst=burst, cost=cost
            )
            if len(self._full) > MOST_BUCKETS:
                self._full.popitem(last=False)
            return taken
