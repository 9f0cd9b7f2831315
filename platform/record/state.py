"""State channels: the newest state per key in Redis, numbered, with a short ring of frames.

What was published last is what there is; a reader that fell behind takes the whole state. An
epoch ends when Redis restarts, because Redis may then have forgotten its last second.

Every function raises `redis.RedisError` when Redis is away: the publisher tells the newest state
again with its next call, and decides how loudly to say so.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import orjson
import redis.asyncio
from django.conf import settings

from record.hints import CHANNEL, Head, client
from record.live.protocol import stamp

RING: Final = 200
"""Frames that are kept of a channel."""
KEEP_S: Final = 3 * 86_400
"""A channel that nobody publishes to is forgotten after this."""

# KEYS: meta, state, ring. ARGV: fresh epoch, channel, key, data, frame head, frame tail, op,
# ring size, seconds to keep, hint channel. A restart of Redis has a new run_id.
_PUBLISH: Final = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run')
local epoch = meta[1]
if not epoch or meta[2] ~= run then
  epoch = ARGV[1]
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'run', run)
end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
if ARGV[7] == 'del' then
  redis.call('HDEL', KEYS[2], ARGV[3])
else
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
end
redis.call('LPUSH', KEYS[3], ARGV[5] .. epoch .. '","seq":' .. seq .. ARGV[6])
redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[8]) - 1)
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[9]) end
redis.call('PUBLISH', ARGV[10], cjson.encode({ch = ARGV[2], seq = seq, epoch = epoch}))
return seq
"""

# The epoch of a channel that Redis kept over a restart is void: say so before anyone reads it.
_CHECKED: Final = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'seq')
if meta[1] and meta[2] ~= run then
  meta[1] = ARGV[1]
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', meta[1], 'run', run)
end
local head = {meta[1] or '', tonumber(meta[3] or '0')}
"""
_STATE: Final = _CHECKED + "return {head[1], head[2], redis.call('HGETALL', KEYS[2])}"
_HEAD: Final = _CHECKED + "return head"
_RING: Final = (
    _CHECKED
    + """
local missing = head[2] - tonumber(ARGV[2])
if missing <= 0 then return {head[1], head[2], {}} end
return {head[1], head[2], redis.call('LRANGE', KEYS[3], 0, missing - 1)}
"""
)


class State(NamedTuple):
    """The whole state of a channel at `seq`, by key. A channel without state has epoch ""."""

    epoch: str
    seq: int
    data: dict[str, Any]


class Ring(NamedTuple):
    """Frames after some number up to `seq`, oldest first: whole `ev` messages of `pulse.v1`.

    `complete` is false when the frame after that number is no longer kept, or when the number is
    ahead of the channel: take the state then.
    """

    epoch: str
    seq: int
    frames: list[bytes]
    complete: bool


class _Client(Protocol):
    """Redis, synchronous or not."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        """Run a script."""


def _keys(channel: str) -> tuple[str, str, str]:
    return f"state:{channel}:meta", f"state:{channel}:data", f"state:{channel}:ring"


def _run(link: _Client, script: str, channel: str, *args: Any) -> Any:
    return link.eval(script, 3, *_keys(channel), *args)


def publish_state(channel: str, key: str, data: Any, *, op: str = "upd") -> int:
    """Make `data` the newest state of `key`, tell who listens, and return the channel's number.

    `op="del"` takes the key out of the state. Raises redis.RedisError, and TypeError for data
    that is not JSON; floats that are not finite become null.
    """
    body = orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)
    before = b'{"t":"ev","ch":%s,"epoch":"' % orjson.dumps(channel)
    after = b',"ts":%s,"op":%s,"k":%s,"d":%s}' % (
        orjson.dumps(stamp()),
        orjson.dumps(op),
        orjson.dumps(key),
        body,
    )
    fresh = secrets.token_hex(8)
    made: int = _run(
        client(), _PUBLISH, channel, fresh, channel, key, body, before, after, op, RING, KEEP_S,
        CHANNEL,
    )  # fmt: skip
    return made


def read_state(channel: str) -> State:
    """Return a channel's whole state, of one instant."""
    return _state(_run(client(), _STATE, channel, secrets.token_hex(8)))


def read_ring(channel: str, after_seq: int) -> Ring:
    """Return the frames after `after_seq`, of one instant."""
    return _ring(_run(client(), _RING, channel, secrets.token_hex(8), after_seq), after_seq)


def read_heads(channels: Iterable[str]) -> dict[str, Head]:
    """Return where each channel stands; one without state at epoch "" and 0."""
    names = list(channels)
    pipe = client().pipeline(transaction=False)
    for name in names:
        _run(pipe, _HEAD, name, secrets.token_hex(8))
    return _heads(names, pipe.execute())


def async_client() -> redis.asyncio.Redis:
    """Return a client for the running event loop; whoever asks for it closes it."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5
    )


async def aread_state(link: redis.asyncio.Redis, channel: str) -> State:
    """Return a channel's whole state, of one instant."""
    return _state(await _run(link, _STATE, channel, secrets.token_hex(8)))


async def aread_ring(link: redis.asyncio.Redis, channel: str, after_seq: int) -> Ring:
    """Return the frames after `after_seq`, of one instant."""
    found = await _run(link, _RING, channel, secrets.token_hex(8), after_seq)
    return _ring(found, after_seq)


async def aread_heads(link: redis.asyncio.Redis, channels: Iterable[str]) -> dict[str, Head]:
    """Return where each channel stands; one without state at epoch "" and 0."""
    names = list(channels)
    pipe = link.pipeline(transaction=False)
    for name in names:
        _run(pipe, _HEAD, name, secrets.token_hex(8))
    return _heads(names, await pipe.execute())


def _state(found: Any) -> State:
    epoch, seq, flat = found
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return State(epoch.decode(), seq, {key.decode(): orjson.loads(data) for key, data in pairs})


def _ring(found: Any, after_seq: int) -> Ring:
    epoch, seq, newest_first = found
    frames = newest_first[::-1]
    return Ring(epoch.decode(), seq, frames, len(frames) == seq - after_seq)


def _heads(names: list[str], found: list[Any]) -> dict[str, Head]:
    return {
        name: Head(epoch.decode(), seq) for name, (epoch, seq) in zip(names, found, strict=True)
    }


@dataclass(slots=True)
class _Slot:
    published: float
    waiting: bool = False
    data: Any = None


class Coalescer:
    """Publishes each key at most once an `interval`, always the newest, never nothing.

    The owner calls `flush` from its own loop; there is no thread. What is costly to make is given
    as a function, which is called only for what is published.
    """

    def __init__(
        self,
        interval: float,
        *,
        publish: Callable[[str, str, Any], Any] = publish_state,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = interval
        self._publish = publish
        self._clock = clock
        self._slots: dict[tuple[str, str], _Slot] = {}

    def put(self, channel: str, key: str, data: Any) -> None:
        """Publish now when the key was quiet for an interval, else keep it for `flush`."""
        slot = self._slots.setdefault((channel, key), _Slot(float("-inf")))
        slot.data, slot.waiting = data, True
        self._publish_due((channel, key), slot, self._clock())

    def flush(self, *, force: bool = False) -> int:
        """Publish what is due, or with `force` all that waits; return how many."""
        now = self._clock()
        return sum(
            self._publish_due(place, slot, now, force=force)
            for place, slot in list(self._slots.items())
        )

    def _publish_due(
        self, place: tuple[str, str], slot: _Slot, now: float, *, force: bool = False
    ) -> bool:
        if not slot.waiting or not (force or now - slot.published >= self._interval):
            return False
        if callable(slot.data):
            slot.data = slot.data()
        self._publish(*place, slot.data)  # on an error it still waits, made already
        slot.published, slot.waiting, slot.data = now, False, None
        return True
