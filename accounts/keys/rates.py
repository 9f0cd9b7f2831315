"""How often a caller may call: one bucket each, in Redis, with the numbers of the plan."""

from __future__ import annotations

import hashlib
import math
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import redis
import structlog
from django.conf import settings

from accounts.keys.bucket import SCRIPT, LocalBuckets, Taken
from accounts.plans import FREE, PLANS
from record import hints

TIMEOUT_S: Final = 0.25
MOST_IDLE: Final = 32
"""Connections kept for the next call; more are opened while more calls are under way."""
MINUTE_US: Final = 60_000_000
VISITOR: Final = "visitor"

log = structlog.get_logger("pulse.rates")
local: Final = LocalBuckets()
breaker: Final = hints.Breaker()


@dataclass(frozen=True, slots=True)
class Policy:
    """How much one caller may call: `burst` at once, coming back at `a_minute`."""

    name: str
    whose: str
    a_minute: int
    burst: int

    @property
    def interval(self) -> int:
        """Microseconds in which one call comes back."""
        return math.ceil(MINUTE_US / self.a_minute)

    @property
    def window_s(self) -> int:
        """Seconds in which an empty bucket is full."""
        return math.ceil(self.burst * self.interval / 1e6)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may go on, under which policy."""

    policy: Policy
    taken: Taken

    @property
    def allowed(self) -> bool:
        """Whether the call may go on."""
        return self.taken.allowed

    @property
    def retry_s(self) -> int:
        """Seconds after which the same call may go on."""
        return max(1, math.ceil(self.taken.wait / 1e6))

    def headers(self) -> dict[str, str]:
        """Return the headers of draft-ietf-httpapi-ratelimit-headers-10.

        The quota is the burst and the window the time in which it comes back, so that their ratio
        is the rate; `t` is the time until all of it is back.
        """
        policy, taken = self.policy, self.taken
        told = {
            "RateLimit-Policy": f'"{policy.name}";q={policy.burst};w={policy.window_s}',
            "RateLimit": f'"{policy.name}";r={taken.remaining};t={math.ceil(taken.full_in / 1e6)}',
        }
        return told if taken.allowed else {**told, "Retry-After": str(self.retry_s)}


def policy_of(plan: str | None) -> Policy:
    """Return the policy of a plan; of a visitor, whose numbers are Free's, for None."""
    found = PLANS[plan or FREE]
    limits = found.limits
    name = VISITOR if plan is None else found.name
    whose = "Without signing in" if plan is None else f"The {found.title} plan"
    return Policy(name, whose, limits.api_calls_a_minute, limits.api_burst)


def take(caller: str, policy: Policy, cost: int = 1) -> Verdict:
    """Take calls out of a caller's bucket, if they are there. Never raises for Redis.

    While Redis is away each process counts by itself: the limit is then that of one process.
    """
    # The numbers stand in the name: a changed plan begins with a full bucket at once.
    name = f"{settings.RATE_PREFIX}:{caller}:{policy.a_minute}:{policy.burst}"
    numbers = {"interval": policy.interval, "burst": policy.burst, "cost": min(cost, policy.burst)}
    if not breaker.open:
        try:
            taken = in_redis(name, **numbers)
        except (redis.RedisError, OSError) as error:
            breaker.trip()
            log.warning("rates_count_by_process", error=type(error).__name__)
        else:
            breaker.reset()
            return Verdict(policy, taken)
    return Verdict(policy, local.take(name, **numbers))


def in_redis(name: str, *, interval: int, burst: int, cost: int, now: int | None = None) -> Taken:
    """Ask a bucket in Redis, in one atomic step; raises redis.RedisError when it is away."""
    clock = "" if now is None else now
    asked = (1, name, interval, burst, cost, clock)
    with _link() as link:
        try:
            told = link.ask("EVALSHA", _SHA, *asked)
        except redis.exceptions.NoScriptError:
            told = link.ask("EVAL", SCRIPT, *asked)
    allowed, remaining, full_in, wait = told
    return Taken(bool(allowed), remaining, full_in, wait)


class _Link:
    """A connection that one caller at a time holds: redis-py's own pool costs more than a bucket.

    Not from the pool's `make_connection`, which counts it for ever: every request has a thread of
    its own, so that after a hundred requests no thread could ask any more.
    """

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self.pid = os.getpid()
        self.pool = pool
        self.connection: Any = pool.connection_class(**pool.connection_kwargs)

    def ask(self, *words: Any) -> Any:
        """Return the answer to a command; tried anew once, for Redis may have started again."""
        try:
            return self._once(words)
        except (redis.ConnectionError, OSError):
            self.connection.disconnect()
            return self._once(words)

    def _once(self, words: tuple[Any, ...]) -> Any:
        try:
            self.connection.send_command(*words, check_health=False)
            return self.connection.read_response()
        except redis.ResponseError:
            raise
        except BaseException:
            self.connection.disconnect()  # an answer that comes late is nobody's
            raise


_idle: Final[deque[_Link]] = deque(maxlen=MOST_IDLE)
_SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def _link() -> Iterator[_Link]:
    """Lend an idle connection, or a new one: also after a fork, or for another server."""
    pool = hints.client(TIMEOUT_S).connection_pool
    try:
        link = _idle.pop()
    except IndexError:
        link = _Link(pool)
    if link.pool is not pool or link.pid != os.getpid():
        link = _Link(pool)
    try:
        yield link
    finally:
        _idle.append(link)
