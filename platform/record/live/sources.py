"""Where the two kinds of channel are read: log channels in PostgreSQL, state channels in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

import redis.asyncio
from django.db import Error, connections

from record import state, streams
from record.live import protocol, topics
from record.live.feed import Event, Head, Snap

P = ParamSpec("P")
T = TypeVar("T")

NEWEST: Final = 100
"""Events whose keys make the snapshot of a log channel that has no snapshot of its own."""


class DatabaseThread:
    """One thread with one connection that stays open, and is made anew after a fault."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="live-db")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` in the thread."""

        def guarded() -> T:
            try:
                return work(*args, **kwargs)
            except Error:
                connections.close_all()
                raise

        return await asyncio.get_running_loop().run_in_executor(self._pool, guarded)


class LogSource:
    """Log channels, of which PostgreSQL keeps every event."""

    def __init__(self) -> None:
        self._database = DatabaseThread()

    async def heads(self, channels: Sequence[str]) -> Mapping[str, Head]:
        """Return where each channel stands."""
        found = await self._database.run(streams.heads, channels)
        return {name: Head(head.epoch, head.seq) for name, head in found.items()}

    async def after(self, channel: str, head: Head, limit: int) -> list[Event] | None:
        """Return events after `head`, or None when retention has removed the first of them."""
        try:
            rows = await self._database.run(streams.read_after, channel, head.seq, limit)
        except streams.HistoryGone:
            return None
        return [Event(row.seq, _event(channel, head.epoch, row)) for row in rows]

    async def snapshot(self, channel: str) -> Snap:
        """Return what the channel's topic gives as its state, else the newest events by key."""
        return await self._database.run(_log_snapshot, channel)


def _event(channel: str, epoch: str, row: streams.Event) -> bytes:
    return protocol.ev(
        channel,
        epoch=epoch,
        seq=row.seq,
        ts=protocol.stamp(row.created),
        op=row.op,
        key=row.key,
        data=row.data,
    )


def _log_snapshot(channel: str) -> Snap:
    # The head comes first: what is written in between comes again as an event, which does no
    # harm, since every event is the whole state of its key.
    at = streams.head(channel)
    topic = topics.resolve(channel)
    if topic is not None and topic.snapshot is not None:
        data = topic.snapshot(channel)
    else:
        data = _newest_by_key(channel, max(at.seq - NEWEST, at.pruned))
    payload = protocol.snap(channel, epoch=at.epoch, seq=at.seq, ts=protocol.stamp(), data=data)
    return Snap(Head(at.epoch, at.seq), payload)


def _newest_by_key(channel: str, after: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for event in streams.read_after(channel, after, NEWEST):
        data.pop(event.key, None)
        if event.op != "del":
            data[event.key] = event.data
    return data


class StateSource:
    """State channels, of which Redis keeps the newest state and a short ring."""

    def __init__(self, link: redis.asyncio.Redis | None = None) -> None:
        self._link = link or state.async_client()

    async def heads(self, channels: Sequence[str]) -> Mapping[str, Head]:
        """Return where each channel stands."""
        found = await state.aread_heads(self._link, channels)
        return {name: Head(head.epoch, head.seq) for name, head in found.items()}

    async def after(self, channel: str, head: Head, limit: int) -> list[Event] | None:
        """Return frames after `head`, or None when the ring does not reach back so far."""
        ring = await state.aread_ring(self._link, channel, head.seq)
        if ring.epoch != head.epoch or not ring.complete:
            return None
        return [Event(head.seq + i, f) for i, f in enumerate(ring.frames[:limit], 1)]

    async def snapshot(self, channel: str) -> Snap:
        """Return the newest state."""
        found = await state.aread_state(self._link, channel)
        payload = protocol.snap(
            channel,
            epoch=found.epoch,
            seq=found.seq,
            ts=protocol.stamp(),
            data=found.data,
        )
        return Snap(Head(found.epoch, found.seq), payload)
