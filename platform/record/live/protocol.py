"""The words of `pulse.v1`: what a client may say, and how the server's messages are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

import orjson

SUBPROTOCOL: Final = "pulse.v1"
VERSION: Final = 1
HEARTBEAT: Final = 5.0
"""Seconds between heartbeats."""
MAX_FRAME: Final = 64 * 1024
"""Bytes of the largest message that a client may send."""
MAX_CHANNELS: Final = 100
"""Channels of one socket."""
MAX_REPLAY: Final = 10_000
"""Events that are replayed; who missed more gets a snapshot."""
QUEUE_LIMIT: Final = 1_000
"""Messages that may wait for one slow socket before it is closed."""
MAX_FAULTS: Final = 20
"""Messages that a client may get wrong before its socket is closed."""

_CHANNEL = re.compile(r"[a-z][a-z_]{0,31}:[A-Za-z0-9][A-Za-z0-9._^/-]{0,63}")
_MAX_INT = 2**53


class Close(IntEnum):
    """Codes with which the server closes a socket (Autobahn refuses those below 3000)."""

    FAULTS = 4002
    SLOW = 4008
    TOO_BIG = 4009
    RESTART = 4012


class Malformed(ValueError):  # noqa: N818 - read as "raise Malformed"
    """A message that is not of this protocol; `request` is its id where it had one."""

    def __init__(self, why: str, request: int | None = None, code: str = "malformed") -> None:
        super().__init__(why)
        self.request = request
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """One channel of a `sub`, with the position that the client has reached, if any."""

    name: str
    epoch: str | None = None
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Sub:
    """Subscribe to channels, or ask again from a position."""

    id: int | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Unsub:
    """Leave channels."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask for a heartbeat now."""

    id: int | None


def parse(text: str | bytes) -> Sub | Unsub | Ping:
    """Read a client's message; raise Malformed with the reason when it is none."""
    try:
        message = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        raise Malformed("not JSON") from None
    if not isinstance(message, dict):
        raise Malformed("not an object")
    request = _optional_int(message, "id", None)
    match message.get("t"):
        case "sub":
            entries = tuple(_entry(item, request) for item in _items(message, request))
            return Sub(request, entries)
        case "unsub":
            return Unsub(tuple(_name(item, request) for item in _items(message, request)))
        case "ping":
            return Ping(request)
        case _:
            raise Malformed("unknown type of message", request)


def _items(message: Mapping[str, Any], request: int | None) -> list[Any]:
    items = message.get("ch")
    if not isinstance(items, list) or not items:
        raise Malformed("ch must be a list of channels", request)
    if len(items) > MAX_CHANNELS:
        raise Malformed(f"at most {MAX_CHANNELS} channels", request, "too_many")
    return items


def _entry(item: Any, request: int | None) -> Entry:
    if not isinstance(item, dict):
        raise Malformed("a channel must be an object with n", request)
    name = _name(item.get("n"), request)
    epoch, since = item.get("epoch"), _optional_int(item, "since", request)
    if epoch is not None and (not isinstance(epoch, str) or len(epoch) > 64):
        raise Malformed("epoch must be a short string", request)
    if since is not None and since < 0:
        raise Malformed("since must not be negative", request)
    return Entry(name, epoch, since)


def _name(item: Any, request: int | None) -> str:
    if not isinstance(item, str) or not _CHANNEL.fullmatch(item):
        raise Malformed("a channel's name is like quote:SPY", request)
    return item


def _optional_int(message: Mapping[str, Any], field: str, request: int | None) -> int | None:
    value = message.get(field)
    if value is None:
        return None
    if type(value) is not int or abs(value) > _MAX_INT:
        raise Malformed(f"{field} must be a whole number", request)
    return value


def stamp(moment: datetime | None = None) -> str:
    """Return an instant, by default now, as ISO 8601 in UTC with milliseconds and a Z."""
    moment = (moment or datetime.now(UTC)).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def hello(sid: str) -> bytes:
    """Greet a new socket."""
    return orjson.dumps(
        {"t": "hello", "v": VERSION, "sid": sid, "now": stamp(), "hb": int(HEARTBEAT)}
    )


def snap(channel: str, *, epoch: str, seq: int, ts: str, data: Any) -> bytes:
    """Write the whole state of a channel at `seq`: {key: data}."""
    return orjson.dumps(
        {"t": "snap", "ch": channel, "epoch": epoch, "seq": seq, "ts": ts, "d": data}
    )


def ev(channel: str, *, epoch: str, seq: int, ts: str, op: str, key: str, data: Any) -> bytes:
    """Write one event; `data` may be an `orjson.Fragment` that is JSON already."""
    return orjson.dumps(
        {
            "t": "ev",
            "ch": channel,
            "epoch": epoch,
            "seq": seq,
            "ts": ts,
            "op": op,
            "k": key,
            "d": data,
        }
    )


def hb(heads: Mapping[str, int], request: int | None = None) -> bytes:
    """Write a heartbeat with where each channel stands."""
    message: dict[str, Any] = {"t": "hb", "now": stamp(), "heads": dict(heads)}
    if request is not None:
        message["id"] = request
    return orjson.dumps(message)


def err(
    code: str,
    text: str,
    *,
    request: int | None = None,
    channel: str | None = None,
    plan: str | None = None,
) -> bytes:
    """Refuse something, with the plan that would open it where there is one."""
    message: dict[str, Any] = {"t": "err", "code": code, "msg": text}
    for field, value in (("id", request), ("ch", channel), ("plan", plan)):
        if value is not None:
            message[field] = value
    return orjson.dumps(message)


def bye(code: str, retry: int) -> bytes:
    """Say goodbye before closing: come back in `retry` seconds."""
    return orjson.dumps({"t": "bye", "code": code, "retry": retry})
