"""The live hub of one process: its sockets, their channels, the hints that wake them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog

from record.live import listener, protocol, topics
from record.live.feed import CHUNK, Feed, Head, Source
from record.live.outbox import Batch, Outbox
from record.live.protocol import MAX_CHANNELS, MAX_REPLAY, Close, Entry

log = structlog.get_logger("pulse.live")

POLL: Final = 3.0
"""Seconds after which heads are read again, so that a lost hint costs no more than that."""
RECHECK: Final = 60.0
"""Seconds after which everybody's access is checked again, should a hint of it be lost."""
STALL: Final = 30.0
"""Seconds that a socket may take to read a replay's chunk."""
_RETRY: Final = 0.5


@dataclass(slots=True)
class Subscription:
    """One channel of one socket, and how far the socket has come."""

    channel: str
    epoch: str | None
    seq: int | None


@dataclass(eq=False)
class Member:
    """A socket as the hub sees it."""

    user: Any
    outbox: Outbox
    reload_user: Callable[[], Awaitable[Any]]
    close: Callable[[int], None]
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Hub:
    """Fans events out to the sockets of this process."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        redis_url: str,
        heartbeat: float = protocol.HEARTBEAT,
        poll: float = POLL,
    ) -> None:
        self.sources = sources
        self.redis_url = redis_url
        self.heartbeat = heartbeat
        self.poll = poll
        self.members: set[Member] = set()
        self.feeds: dict[str, Feed] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = False

    def start(self) -> None:
        """Start once, however many sockets open at the same time: nothing here waits."""
        if self._started:
            return
        self._started = True
        self._spawn(
            listener.follow(self.redis_url, on_hint=self._hint, on_connect=self._reconnected)
        )
        self._spawn(self._every(self.poll, self._read_heads))
        self._spawn(self._every(self.heartbeat, self._beat))
        self._spawn(self._every(RECHECK, self._recheck_all))

    async def stop(self) -> None:
        """Stop all work; sockets are closed by their own tasks."""
        self._started = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(feed.stop() for feed in self.feeds.values()))
        self.feeds.clear()

    # --- sockets ----------------------------------------------------------------------------------
    def attach(self, member: Member) -> None:
        """Take a new socket in."""
        self.start()
        self.members.add(member)

    def detach(self, member: Member) -> None:
        """Forget a socket."""
        self.members.discard(member)
        for channel in tuple(member.subscriptions):
            self.unsubscribe(member, channel)

    def subscribe(self, member: Member, entries: Iterable[Entry], request: int | None) -> None:
        """Answer a `sub`: refusals now, the rest as it is read, then a heartbeat."""
        joining = []
        for entry in entries:
            refusal = topics.refusal(member.user, entry.name)
            if refusal is None and self._is_full(member, entry.name):
                refusal = topics.Refusal("too_many", f"At most {MAX_CHANNELS} channels.")
            if refusal is not None:
                self.unsubscribe(member, entry.name)
                member.outbox.say(_refused(refusal, entry.name, request))
                continue
            joining.append(self._enter(member, entry))
        if joining:
            self._spawn(self._answer(member, joining))

    def unsubscribe(self, member: Member, channel: str) -> None:
        """Take a socket out of a channel; a channel that nobody hears is not followed."""
        if member.subscriptions.pop(channel, None) is None:
            return
        feed = self.feeds[channel]
        feed.live.discard(member.outbox)
        feed.holders -= 1
        if not feed.holders:
            self.feeds.pop(channel)
            self._spawn(feed.stop())

    def heads(self, member: Member) -> dict[str, int]:
        """Return where the channels stand that this socket has been brought up to."""
        feeds = ((channel, self.feeds[channel]) for channel in member.subscriptions)
        return {name: feed.head.seq for name, feed in feeds if member.outbox in feed.live}

    def _is_full(self, member: Member, channel: str) -> bool:
        held = member.subscriptions
        return channel not in held and len(held) >= MAX_CHANNELS

    def _enter(self, member: Member, entry: Entry) -> Subscription:
        topic = topics.resolve(entry.name)
        assert topic is not None  # noqa: S101 - refused above otherwise
        feed = self.feeds.get(entry.name)
        if feed is None:
            feed = self.feeds[entry.name] = Feed(entry.name, self.sources[topic.kind])
        feed.live.discard(member.outbox)
        feed.holders += entry.name not in member.subscriptions
        known = entry.epoch is not None and entry.since is not None
        subscription = Subscription(
            entry.name, entry.epoch if known else None, entry.since if known else None
        )
        member.subscriptions[entry.name] = subscription
        return subscription

    # --- joining ----------------------------------------------------------------------------------
    async def _answer(self, member: Member, joining: list[Subscription]) -> None:
        await asyncio.gather(*(self._join(member, subscription) for subscription in joining))
        member.outbox.say(protocol.hb(self.heads(member)))

    async def _join(self, member: Member, sub: Subscription) -> None:
        """Bring a socket from its position to that of the feed, then let it hear the feed.

        The feed is open before the first row is read and keeps its newest events at hand; the
        last step, from these to `live`, waits for nothing. So no event falls in between.
        """
        while member.subscriptions.get(sub.channel) is sub:
            feed = self.feeds[sub.channel]
            try:
                await feed.opened.wait()
                if await self._advance(member, sub, feed):
                    return
            except TimeoutError:
                member.close(Close.SLOW)
                return
            except Exception as fault:  # noqa: BLE001 - a server is away: the socket waits for it
                log.warning("live_join_failed", channel=sub.channel, error=str(fault))
                await asyncio.sleep(_RETRY)

    async def _advance(self, member: Member, sub: Subscription, feed: Feed) -> bool:
        """Go one step; return whether the socket is live."""
        seq = sub.seq
        if seq is None or sub.epoch != feed.head.epoch or feed.head.seq - seq > MAX_REPLAY:
            head, payload = await feed.snapshot()
            await self._pass_on(member, sub, [payload], head)
            return False
        if seq > feed.head.seq:
            # The client heard it from a process that reads faster, or from a lost history.
            await feed.refresh()
            if sub.epoch == feed.head.epoch and seq > feed.head.seq:
                sub.seq = None
            return False
        if feed.since(seq) is not None:
            return await self._go_live(member, sub, feed)
        events = await feed.source.after(sub.channel, Head(feed.head.epoch, seq), CHUNK)
        if events:
            head = Head(feed.head.epoch, events[-1].seq)
            await self._pass_on(member, sub, [event.payload for event in events], head)
        else:
            sub.seq = None
        return False

    async def _pass_on(
        self, member: Member, sub: Subscription, payloads: list[bytes], head: Head
    ) -> None:
        async with member.turn:
            await asyncio.wait_for(member.outbox.drained(), STALL)
            if member.subscriptions.get(sub.channel) is sub:
                member.outbox.push(Batch(payloads))
                sub.epoch, sub.seq = head

    async def _go_live(self, member: Member, sub: Subscription, feed: Feed) -> bool:
        async with member.turn:
            await asyncio.wait_for(member.outbox.drained(), STALL)
            if member.subscriptions.get(sub.channel) is not sub or sub.epoch != feed.head.epoch:
                return False
            tail = feed.since(sub.seq) if sub.seq is not None else None
            if tail is None:
                return False
            if tail:
                member.outbox.push(Batch(tail))
            feed.live.add(member.outbox)
            return True

    # --- what wakes the hub -----------------------------------------------------------------------
    def _hint(self, origin: str, message: dict[str, Any]) -> None:
        if origin == listener.PLAN:
            self._spawn(self._recheck(message.get("user")))
            return
        channel, seq, epoch = message.get("ch"), message.get("seq"), message.get("epoch")
        feed = self.feeds.get(channel) if isinstance(channel, str) else None
        if feed is not None and isinstance(seq, int) and isinstance(epoch, str):
            feed.notice(Head(epoch, seq))

    def _reconnected(self) -> None:
        self._spawn(self._quietly(self._read_heads))
        self._spawn(self._quietly(self._recheck_all))

    async def _read_heads(self) -> None:
        for source in set(self.sources.values()):
            names = [name for name, feed in self.feeds.items() if feed.source is source]
            if names:
                await self._quietly(partial(self._compare, source, names))

    async def _compare(self, source: Source, names: list[str]) -> None:
        for name, head in (await source.heads(names)).items():
            feed = self.feeds.get(name)
            if feed is not None:
                feed.notice(head)

    async def _beat(self) -> None:
        written: dict[tuple[tuple[str, int], ...], Batch] = {}
        for member in tuple(self.members):
            heads = self.heads(member)
            key = tuple(heads.items())
            if key not in written:
                written[key] = Batch((protocol.hb(heads),))
            member.outbox.push(written[key])

    # --- access -----------------------------------------------------------------------------------
    async def _recheck_all(self) -> None:
        for user in {m.user.pk for m in self.members if m.user.is_authenticated}:
            await self._recheck(user)

    async def _recheck(self, user_id: Any) -> None:
        """Ask again what a user may hear, and drop what is no longer allowed."""
        for member in [m for m in self.members if m.user.pk == user_id and user_id is not None]:
            try:
                member.user = await member.reload_user()
            except Exception as fault:  # noqa: BLE001 - asked again with the next check
                log.warning("live_recheck_failed", user=user_id, error=str(fault))
                continue
            for channel in tuple(member.subscriptions):
                refusal = topics.refusal(member.user, channel)
                if refusal is not None:
                    self.unsubscribe(member, channel)
                    member.outbox.say(_refused(refusal, channel, None))

    # --- tasks ------------------------------------------------------------------------------------
    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._quietly(step)

    async def _quietly(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as fault:  # noqa: BLE001 - the hub must survive what its servers do
            log.warning("live_step_failed", error=str(fault))


def _refused(refusal: topics.Refusal, channel: str, request: int | None) -> bytes:
    return protocol.err(
        refusal.code, refusal.message, request=request, channel=channel, plan=refusal.plan
    )
