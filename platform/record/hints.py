"""Wake-ups over Redis: "channel X is at 4121". They may be lost, repeated or reordered.

Nothing here is a record: whoever hears no hint reads again by itself a little later.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

CHANNEL: Final = "pulse:hints"
"""Redis pub/sub channel of the hints `{"ch", "seq", "epoch"}`."""
TIMEOUT_S: Final = 2.0
QUIET_S: Final = 1.0
LONGEST_QUIET_S: Final = 5.0
"""After failures this long nothing is tried, so that a hung Redis does not slow every commit."""

log = structlog.get_logger("pulse.hints")


class Head(NamedTuple):
    """Where a channel stands.

    `pruned` is the last `seq` that retention removed: events above it can still be read.
    """

    epoch: str
    seq: int
    pruned: int = 0


@lru_cache(maxsize=8)
def _client(url: str, timeout_s: float) -> redis.Redis:
    # One retry at once: the first use after a restart of Redis finds a dead connection.
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[redis.ConnectionError],
    )


def client(timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """Return this process's Redis client, safe in threads and after a fork."""
    return _client(settings.REDIS_URL, timeout_s)


class Breaker:
    """Remembers for a moment, longer each time, that a server did not answer."""

    def __init__(self, first_s: float = QUIET_S, longest_s: float = LONGEST_QUIET_S) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._until = 0.0
        self._next_s = first_s

    @property
    def open(self) -> bool:
        """Whether the server is not worth asking right now."""
        return time.monotonic() < self._until

    def trip(self) -> None:
        """Note a failure."""
        self._until = time.monotonic() + self._next_s
        self._next_s = min(self._next_s * 2, self._longest_s)

    def reset(self) -> None:
        """Note a success."""
        self._until = 0.0
        self._next_s = self._first_s


breaker = Breaker()


def publish(heads: Mapping[str, Head]) -> bool:
    """Hint where the channels stand; return whether Redis took it. Never raises for Redis."""
    if breaker.open:
        return False
    try:
        _send(
            orjson.dumps({"ch": channel, "seq": head.seq, "epoch": head.epoch})
            for channel, head in heads.items()
        )
    except redis.RedisError as error:
        breaker.trip()
        log.warning("hint_not_sent", channels=list(heads), error=str(error))
        return False
    breaker.reset()
    return True


def _send(messages: Iterable[bytes]) -> None:
    told = list(messages)
    if len(told) == 1:  # a pipeline of one costs as much again in this process
        client().publish(CHANNEL, told[0])
        return
    pipe: Any = client().pipeline(transaction=False)
    for message in told:
        pipe.publish(CHANNEL, message)
    pipe.execute()
