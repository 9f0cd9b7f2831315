"""Webhooks of Stripe: who sent them, what they name. Every malformed one has the same answer."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

MAX_BYTES: Final = 256 * 1024
TOLERANCE_S: Final = 300
"""How far the time of a signature may lie behind or ahead of our clock."""
_MAX_HEADER: Final = 2_000
_MAX_SIGNATURES: Final = 8
_TIME: Final = re.compile(r"[0-9]{1,11}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,190}")
_TYPE: Final = re.compile(r"[a-z0-9_.]{1,100}")
_VERSION: Final = re.compile(r"[A-Za-z0-9_.-]{0,40}")
_LAST_SECOND: Final = 4_102_444_800  # the year 2100


class RefusedError(ValueError):
    """A webhook that is not taken; the message is for our log and holds nothing of the request."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is kept of an event."""

    event_id: str
    type: str
    created: dt.datetime
    api_version: str
    customer: str
    charge: str
    digest: str


def verify(body: bytes, header: str, secrets: Sequence[str], *, now: float | None = None) -> None:
    """Raise RefusedError unless a secret signed the body near to now: `t=second,v1=HMAC-SHA256`."""
    if not header.isascii() or len(header) > _MAX_HEADER:
        raise RefusedError("the signature's header is malformed")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1"][:_MAX_SIGNATURES]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise RefusedError("the signature has no time")
    signed = times[0].encode() + b"." + body
    good = False
    for secret in secrets:
        wanted = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
        for one in given:
            if _SIGNATURE.fullmatch(one):
                good |= hmac.compare_digest(wanted, one.encode())
    if not good:
        raise RefusedError("no signature matches")
    if abs((time.time() if now is None else now) - int(times[0])) > TOLERANCE_S:
        raise RefusedError("the signature is too old or lies ahead")


def read(body: bytes, *, live: bool) -> Told:
    """Return what an event names; raise RefusedError for no event, or one of the other mode."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RefusedError("the body is no JSON") from None
    if not isinstance(event, dict) or event.get("object") != "event":
        raise RefusedError("the body is no event")
    if event.get("livemode") is not live:
        raise RefusedError("the event is of the other mode")
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict):
        raise RefusedError("the event has no object")
    created = event.get("created")
    if type(created) is not int or not 0 < created < _LAST_SECOND:
        raise RefusedError("the event has no time")
    return Told(
        event_id=_text(event.get("id"), _ID, "id"),
        type=_text(event.get("type"), _TYPE, "type"),
        created=dt.datetime.fromtimestamp(created, dt.UTC),
        api_version=_text(event.get("api_version") or "", _VERSION, "version"),
        customer=_customer(thing),
        charge=_charge(thing),
        digest=hashlib.sha256(body).hexdigest(),
    )


def _customer(thing: Mapping[str, Any]) -> str:
    named = thing.get("id") if thing.get("object") == "customer" else thing.get("customer")
    if isinstance(named, dict):
        named = named.get("id")
    return _text(named, _ID, "customer") if named else ""


def _charge(thing: Mapping[str, Any]) -> str:
    """Return the charge of a dispute or refund, which name no customer."""
    named = thing.get("charge")
    if isinstance(named, dict):
        named = named.get("id")
    return _text(named, _ID, "charge") if named else ""


def _text(value: Any, form: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise RefusedError(f"the event's {what} is malformed")
    return value
