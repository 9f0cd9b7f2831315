"""One channel as one process hears it: read once, written once, passed to every socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple, Protocol

import structlog

from record.live.outbox import Batch, Outbox

log = structlog.get_logger("pulse.live")

CHUNK: Final = 250
"""Events that are read and passed on at a time."""
RECENT: Final = 500
"""Newest events kept ready for sockets that return after a moment."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Head(NamedTuple):
    """Where a channel stands."""

    epoch: str
    seq: int


class Event(NamedTuple):
    """One event, ready to be sent."""

    seq: int
    payload: bytes


class Snap(NamedTuple):
    """A snapshot, ready to be sent."""

    head: Head
    payload: bytes


class Source(Protocol):
    """Where the channels of one kind are kept."""

    async def heads(self, channels: Sequence[str]) -> Mapping[str, Head]:
        """Return where each channel stands."""

    async def after(self, channel: str, head: Head, limit: int) -> list[Event] | None:
        """Return the events after `head`, oldest first, or None when they are not kept."""

    async def snapshot(self, channel: str) -> Snap:
        """Return the whole state of a channel."""


class Step(Protocol):
    """Something that can be tried again."""

    async def __call__(self) -> None:
        """Do it."""


class Feed:
    """Follows one channel for all sockets of the process that hear it.

    `live` holds the sockets that have everything up to `head`: whatever is read next goes to all
    of them, as one batch. `holders` counts the subscriptions, those on their way included.
    """

    def __init__(self, channel: str, source: Source) -> None:
        self.channel = channel
        self.source = source
        self.head = Head("", 0)
        self.holders = 0
        self.live: set[Outbox] = set()
        self.opened = asyncio.Event()
        self._recent: deque[Event] = deque(maxlen=RECENT)
        self._dirty = asyncio.Event()
        self._lost = False
        self._waiting: list[asyncio.Future[None]] = []
        self._snap: Snap | None = None
        self._snapping = asyncio.Lock()
        self._task = asyncio.create_task(self._run(), name=f"feed {channel}")

    async def stop(self) -> None:
        """Stop reading."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def notice(self, head: Head) -> None:
        """Hear that the channel stands at `head`: read on when that is news."""
        if not self.opened.is_set():
            return
        if head.epoch != self.head.epoch:
            self._lost = True
            self._dirty.set()
        elif head.seq > self.head.seq:
            self._dirty.set()

    async def refresh(self) -> None:
        """Read on now and return when a whole reading is done."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._dirty.set()
        await done

    async def snapshot(self) -> Snap:
        """Return a snapshot that is no older than what the live sockets have."""
        async with self._snapping:
            while True:
                known, before = self._snap, self.head
                if known is not None and known.head.epoch == before.epoch and known.head >= before:
                    return known
                snap = await self.source.snapshot(self.channel)
                if snap.head.epoch == before.epoch and snap.head >= before:
                    self._snap = snap
                    return snap
                # History was lost and this feed has not seen it yet.
                self._lost = True
                await self.refresh()

    def since(self, seq: int) -> list[bytes] | None:
        """Return the events after `seq` up to now, or None when they are not at hand."""
        missing = self.head.seq - seq
        if not 0 <= missing <= len(self._recent):
            return None
        return [event.payload for event in islice(self._recent, len(self._recent) - missing, None)]

    def publish(self, events: Sequence[Event]) -> None:
        """Pass on what follows `head` without a hole."""
        self.head = Head(self.head.epoch, events[-1].seq)
        self._recent.extend(events)
        self._send(Batch([event.payload for event in events]))

    def replace(self, snap: Snap) -> None:
        """Begin again from a snapshot: history was lost, or nobody keeps it."""
        self.head = snap.head
        self._snap = snap
        self._recent.clear()
        self._send(Batch((snap.payload,)))

    def _send(self, batch: Batch) -> None:
        for outbox in tuple(self.live):
            outbox.push(batch)

    async def _run(self) -> None:
        while not self.opened.is_set():
            await self._persist(self._open)
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            waiting, self._waiting = self._waiting, []
            await self._persist(self._read)
            for done in waiting:
                if not done.done():
                    done.set_result(None)

    async def _persist(self, step: Step) -> None:
        """Do a step, again and again while its server is away."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await step()
            except Exception as fault:  # noqa: BLE001 - any server fault: the feed must survive
                log.warning("live_source_failed", channel=self.channel, error=str(fault))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _open(self) -> None:
        self.head = (await self.source.heads([self.channel]))[self.channel]
        self.opened.set()

    async def _read(self) -> None:
        while True:
            events = None
            if not self._lost:
                events = await self.source.after(self.channel, self.head, CHUNK)
            if events is None:
                snap = await self.source.snapshot(self.channel)
                self._lost = False
                self.replace(snap)
                return
            if not events:
                return
            self.publish(events)
            if len(events) < CHUNK:
                return
            await asyncio.sleep(0)
