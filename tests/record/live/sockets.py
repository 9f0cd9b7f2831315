"""Sockets without a network: one that reads message by message, one that takes frames."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from record.live.hub import Hub, Member
from record.live.outbox import Outbox
from record.live.protocol import Entry

from .people import Someone


def decode_frames(data: bytes) -> list[dict[str, Any]]:
    """Read whole unmasked text frames."""
    messages, at = [], 0
    while at < len(data):
        assert data[at] == 0x81
        size, at = data[at + 1], at + 2
        if size == 126:
            size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        elif size == 127:
            size, at = int.from_bytes(data[at : at + 8], "big"), at + 8
        messages.append(orjson.loads(data[at : at + size]))
        at += size
    assert at == len(data)
    return messages


class Sink:
    """A transport that takes `room` bytes and then is full until it is read."""

    def __init__(self, room: int = 1 << 60) -> None:
        self.room = room
        self.held = 0
        self.writable = True
        self.on_writable = None
        self.messages: list[dict[str, Any]] = []

    def write(self, frames: bytes) -> None:
        self.messages += decode_frames(frames)
        self.held += len(frames)
        self.writable = self.held < self.room

    def read(self) -> None:
        self.held, self.writable = 0, True
        if self.on_writable is not None:
            self.on_writable()


class Tab:
    """A browser tab that holds every channel to its promise: the next number, once."""

    def __init__(self, hub: Hub, *, sink: Sink | None = None, user: Someone | None = None) -> None:
        self.hub = hub
        self.sink = sink
        self.inbox: list[dict[str, Any]] = [] if sink is None else sink.messages
        self.seen = 0
        self.positions: dict[str, tuple[str, int]] = {}
        self.heard: dict[str, list[int]] = {}
        self.snapshots: dict[str, int] = {}
        self.code: int | None = None
        outbox = Outbox(self._send, sink=sink, on_overflow=lambda: self._close(4008))
        self.member = Member(
            user=user or Someone(), outbox=outbox, reload_user=self._reload, close=self._close
        )
        hub.attach(self.member)

    async def _reload(self) -> Someone:
        return self.member.user

    async def _send(self, message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        self.inbox.append(orjson.loads(message["text"]))

    def _close(self, code: int) -> None:
        self.code = int(code)
        self.leave()

    def leave(self) -> None:
        self.hub.detach(self.member)
        self.member.outbox.close()

    def sub(self, channel: str) -> None:
        epoch, seq = self.positions.get(channel, (None, None))
        self.hub.subscribe(self.member, [Entry(channel, epoch, seq)], None)

    def resumed(self, hub: Hub) -> Tab:
        """A new socket of the same page."""
        tab = Tab(hub, sink=None if self.sink is None else Sink())
        self.read()
        tab.positions, tab.heard = dict(self.positions), self.heard
        for channel in self.positions:
            tab.sub(channel)
        return tab

    def read(self) -> list[dict[str, Any]]:
        """Take what has arrived, checking order and completeness."""
        news = self.inbox[self.seen :]
        self.seen += len(news)
        for message in news:
            if message["t"] == "snap":
                self.positions[message["ch"]] = (message["epoch"], message["seq"])
                self.snapshots[message["ch"]] = self.snapshots.get(message["ch"], 0) + 1
            elif message["t"] == "ev":
                epoch, seq = self.positions[message["ch"]]
                assert (message["epoch"], message["seq"]) == (epoch, seq + 1)
                self.positions[message["ch"]] = (epoch, seq + 1)
                self.heard.setdefault(message["ch"], []).append(seq + 1)
            elif message["t"] == "hb":
                for channel, head in message["heads"].items():
                    assert self.positions[channel][1] == head
        return news

    async def reaches(self, channel: str, seq: int, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while self.positions.get(channel, ("", -1))[1] < seq:
                self.read()
                await asyncio.sleep(0.001)
