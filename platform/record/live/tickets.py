"""One-time tickets: a bot trades its key for one over REST and opens the socket with it."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from django.conf import settings

LIFETIME: Final = 30
"""Seconds in which a ticket must be used."""


def _key(ticket: str) -> str:
    # Redis keeps the hash alone: who reads Redis cannot use the ticket.
    return "live:ticket:" + hashlib.sha256(ticket.encode()).hexdigest()


def issue(user_id: int) -> str:
    """Return a ticket that opens one socket as `user_id` within 30 s."""
    import redis

    ticket = secrets.token_urlsafe(32)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.set(_key(ticket), user_id, ex=LIFETIME)
    return ticket


async def redeem(ticket: str) -> int | None:
    """Take a ticket away and return its user's id, or None when there is no such ticket."""
    import redis.asyncio

    async with redis.asyncio.Redis.from_url(settings.REDIS_URL) as client:
        found = await client.getdel(_key(ticket))
    return int(found) if found is not None else None
