"""What numerics workers compute for pages and REST: a body, or why there is none."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import orjson

from market import selectors
from market.edition import edition, tag
from market.payloads import Payload


class Computed(NamedTuple):
    """A body, or the fault that kept it from being made.

    `away`: no worker answered. `unknown`: nothing is known of the symbol. `silent`: the snapshot
    does not carry it. Any other word names the part of the question that cannot be met.
    """

    body: Payload | None
    fault: str | None = None
    detail: str = ""


def exposure_of(user: Any, symbol: str, at: dt.datetime | None = None) -> Computed:
    """Return the exposure at an instant; else what the feed published last, or the newest."""
    live = selectors.exposure_state(symbol) if at is None else None
    return Computed(live) if live is not None else _ask(user, "market.exposure", symbol, _text(at))


def chain_of(
    user: Any,
    symbol: str,
    expiry: str | None,
    *,
    raw: bool = False,
    at: dt.datetime | None = None,
) -> Computed:
    """Return one expiry of a chain; the nearest when none is named."""
    return _ask(user, "market.chain", symbol, expiry, raw, _text(at))


def surface_of(
    user: Any, symbol: str, expiry: str | None = None, at: dt.datetime | None = None
) -> Computed:
    """Return a volatility surface, with the smile of one expiry in full."""
    return _ask(user, "market.surface", symbol, expiry, _text(at))


def contract_of(
    user: Any, symbol: str, occ: str, greek: str = "price", at: dt.datetime | None = None
) -> Computed:
    """Return one contract with its Greeks, and one of them over spot, time and volatility."""
    return _ask(user, "market.contract", symbol, occ, greek, _text(at))


def vendor_of(user: Any, symbol: str, at: dt.datetime | None = None) -> Computed:
    """Return a vendor's volatilities and Greeks against ours."""
    return _ask(user, "market.vendor", symbol, _text(at))


def greeks_of(user: Any, body: bytes) -> bytes:
    """Return Greeks of the contracts in a JSON body, as JSON.

    Raises
    ------
    record.remote.Unavailable
        When no worker answered in time.
    """
    from record.remote import call

    found: bytes = call("market.greeks", user_id=user.pk, body=body)
    return found


def etag(name: str, symbol: str, at: dt.datetime | None, *parts: object) -> str | None:
    """Return the ETag of what would be computed, None when nothing is known of the symbol.

    It costs a few short queries and no numerics.
    """
    live = selectors.exposure_state(symbol) if at is None and name == "exposure" else None
    if live is not None:
        return f'"{edition()}-{live["run"]}-{live["time"]}"'
    place = selectors.place(symbol, at)
    return None if place is None else f'"{tag(name, place, *parts)}"'


def _text(at: dt.datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _ask(user: Any, task: str, *args: Any) -> Computed:
    from record.remote import Unavailable, call

    try:
        body: Payload = call(task, *args, user_id=user.pk)
    except Unavailable:
        return Computed(None, "away", "The numerics worker did not answer in time.")
    fault = body.get("fault")
    return Computed(body) if fault is None else Computed(None, fault, str(body.get("detail", "")))


def fault_of(answer: bytes) -> tuple[str, str] | None:
    """Return the field and the reason when an answer of `greeks_of` says why there is none."""
    if not answer.startswith(b'{"fault"'):
        return None
    said = orjson.loads(answer)
    return str(said["fault"]), str(said["detail"])
