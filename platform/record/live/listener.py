"""Listens to the hints on Redis, for ever: one subscription per process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from record.hints import CHANNEL

log = structlog.get_logger("pulse.live")

PLAN: Final = "pulse:plan"
"""{"user"}: what this user may hear has changed."""
_QUIET = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0

Listener = Callable[[str, dict[str, Any]], None]


async def follow(url: str, *, on_hint: Listener, on_connect: Callable[[], None]) -> None:
    """Call `on_hint(origin, message)` for each hint; come back whenever Redis was away.

    `on_connect` is called on each connection: whatever was said before it was not heard.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            client = Redis.from_url(url, socket_connect_timeout=5)
            async with client, client.pubsub() as subscription:
                await subscription.subscribe(CHANNEL, PLAN)
                on_connect()
                pause = _FIRST_PAUSE
                await _listen(subscription, on_hint)
        except (RedisError, OSError) as fault:
            log.warning("live_hints_lost", error=str(fault))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


async def _listen(subscription: Any, on_hint: Listener) -> None:
    asked = False
    while True:
        message = await subscription.get_message(timeout=_QUIET)
        if message is None:
            # A half-open connection is as quiet as an idle one: ask, and expect an answer.
            if asked:
                raise OSError("Redis does not answer")
            asked = True
            await subscription.ping()
            continue
        asked = False
        if message["type"] == "message":
            _tell(message, on_hint)


def _tell(message: dict[str, Any], on_hint: Listener) -> None:
    try:
        content = orjson.loads(message["data"])
    except orjson.JSONDecodeError:
        content = None
    if isinstance(content, dict):
        on_hint(message["channel"].decode(), content)
    else:
        log.warning("live_hint_malformed", channel=message["channel"])
