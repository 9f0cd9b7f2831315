"""One-time tickets: a bot trades its key for one over REST and opens the socket with it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from django.conf import settings

LIFETIME: Final = 30
"""Seconds in which a ticket must be used."""

KeyCheck = Callable[[int], bool]
_key_checks: list[KeyCheck] = []


class Holder(NamedTuple):
    """Whose ticket it was, and the API key that it was given for, when it was one."""

    user_id: int
    key: int | None


def set_key_check(check: KeyCheck | None) -> KeyCheck | None:
    """Set who says whether an API key still stands, and return who did; without one none does."""
    before = _key_checks.pop() if _key_checks else None
    if check is not None:
        _key_checks.append(check)
    return before


def key_stands(key: int | None) -> bool:
    """Return whether a socket that was opened for an API key may go on; for no key it may."""
    return key is None or bool(_key_checks and _key_checks[0](key))


def _key(ticket: str) -> str:
    # Redis keeps the hash alone: who reads Redis cannot use the ticket.
    return "live:ticket:" + hashlib.sha256(ticket.encode()).hexdigest()


def issue(user_id: int, *, key: int | None = None) -> str:
    """Return a ticket that opens one socket as `user_id` within 30 s, for as long as `key` stands.

    Raises redis.RedisError when Redis is away.
    """
    import redis

    ticket = secrets.token_urlsafe(32)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.set(_key(ticket), f"{user_id}:{'' if key is None else key}", ex=LIFETIME)
    return ticket


async def redeem(ticket: str) -> Holder | None:
    """Take a ticket away and return whose it was, or None when there is no such ticket."""
    import redis.asyncio

    async with redis.asyncio.Redis.from_url(settings.REDIS_URL) as client:
        found: Any = await client.getdel(_key(ticket))
    if found is None:
        return None
    user_id, _, key = found.decode().partition(":")
    return Holder(int(user_id), int(key) if key else None)
