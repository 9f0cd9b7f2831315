"""A source in memory, for the rules that need no server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from record.live import protocol
from record.live.feed import Event, Head, Snap


class MemorySource:
    """Keeps the newest `keep` events of each channel."""

    def __init__(self, keep: int = 1_000_000) -> None:
        self.keep = keep
        self.epoch = "e1"
        self.rows: dict[str, list[tuple[int, str]]] = {}
        self.reads = 0
        self.snapshots = 0
        self.away = False

    def append(self, channel: str, count: int = 1) -> int:
        rows = self.rows.setdefault(channel, [])
        for _ in range(count):
            seq = rows[-1][0] + 1 if rows else 1
            rows.append((seq, f"k{seq}"))
        return rows[-1][0]

    def head(self, channel: str) -> Head:
        rows = self.rows.get(channel)
        return Head(self.epoch, rows[-1][0] if rows else 0)

    async def heads(self, channels: Sequence[str]) -> dict[str, Head]:
        await self._travel()
        return {channel: self.head(channel) for channel in channels}

    async def after(self, channel: str, head: Head, limit: int) -> list[Event] | None:
        await self._travel()
        self.reads += 1
        kept = self.rows.get(channel, [])[-self.keep :]
        rows = [row for row in kept if row[0] > head.seq]
        if head.epoch != self.epoch or (rows and rows[0][0] != head.seq + 1):
            return None
        return [self._event(channel, *row) for row in rows[:limit]]

    async def snapshot(self, channel: str) -> Snap:
        await self._travel()
        self.snapshots += 1
        head = self.head(channel)
        data = {key: {"seq": seq} for seq, key in self.rows.get(channel, [])[-5:]}
        payload = protocol.snap(channel, epoch=head.epoch, seq=head.seq, ts="t", data=data)
        return Snap(head, payload)

    def _event(self, channel: str, seq: int, key: str) -> Event:
        payload = protocol.ev(
            channel, epoch=self.epoch, seq=seq, ts="t", op="add", key=key, data={"seq": seq}
        )
        return Event(seq, payload)

    async def _travel(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError("away")
