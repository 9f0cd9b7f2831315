"""The flags of stopped scopes in Redis, which every execution host sees within a moment.

Redis may lose them: the switches in the database are the record. While Redis does not answer,
nothing is sent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import redis

from record.hints import client
from trading.scopes import EVERYTHING, Scope

KEY: Final = "pulse:stops"
TIMEOUT_S: Final = 0.5


class Flag(NamedTuple):
    """Since when a scope is flagged as stopped, and why."""

    at: dt.datetime
    reason: str


def set_flag(scope: Scope, reason: str) -> None:
    """Flag a scope as stopped; raises redis.RedisError when Redis is away."""
    at = dt.datetime.now(dt.UTC).isoformat()
    client(TIMEOUT_S).hset(KEY, str(scope), f"{at} {reason}")


def clear_flag(scope: Scope) -> None:
    """Take the flag of a scope away; raises redis.RedisError when Redis is away."""
    client(TIMEOUT_S).hdel(KEY, str(scope))


def flagged() -> dict[str, Flag]:
    """Return the flags by the names of their scopes; raises redis.RedisError."""
    found: Any = client(TIMEOUT_S).hgetall(KEY)
    return {name.decode(): _flag(text) for name, text in found.items()}


def hindrance(scopes: Iterable[Scope]) -> str:
    """Return in words what stops any of the scopes, empty when nothing does; never raises."""
    wanted = [str(scope) for scope in (EVERYTHING, *scopes)]
    try:
        found: Any = client(TIMEOUT_S).hmget(KEY, wanted)
    except redis.RedisError as error:
        return f"the flags of the kill switch cannot be read: {type(error).__name__}"
    for name, text in zip(wanted, found, strict=True):
        if text is not None:
            return f"a flag stops {name}: {_flag(text).reason}"
    return ""


def _flag(text: bytes) -> Flag:
    """Read a flag; one that was not written here is as old as can be."""
    at, _, reason = text.decode(errors="replace").partition(" ")
    try:
        return Flag(dt.datetime.fromisoformat(at), reason)
    except ValueError:
        return Flag(dt.datetime.min.replace(tzinfo=dt.UTC), text.decode(errors="replace"))
