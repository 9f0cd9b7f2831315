"""What numerics workers compute for pages and REST: a body, or why there is none."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import orjson

from market import selectors
from market.edition import edition, tag
from market.payloads import Payload
from market.reach import Reach, reach_of


class Computed(NamedTuple):
    """A body, or the fault that kept it from being made.

    `away`: no worker answered. `unknown`: nothing is known of the symbol. `silent`: the snapshot
    does not carry it. Any other word names the part of the question that cannot be met.
    """

    body: Payload | None
    fault: str | None = None
    detail: str = ""


def ask(user: Any, name: str, symbol: str, *parts: Any, at: dt.datetime | None = None) -> Computed:
    """Return what the task `market.NAME` makes of a symbol's snapshot.

    `parts` are what the task takes between symbol and instant. The exposure of now is what the
    feed published last, where it did and the person may see it undelayed.

    Raises
    ------
    market.reach.HistoryError
        When `at` lies before what the person's plan reaches.
    """
    from record.remote import Unavailable, call

    reach = reach_of(user)
    at = selectors.span_of(symbol, reach).shown(at)
    live = _live(name, symbol, reach, at)
    if live is not None:
        return Computed(live)
    given = None if at is None else at.isoformat()
    try:
        body: Payload = call(f"market.{name}", symbol, *parts, given, user_id=user.pk)
    except Unavailable:
        return Computed(None, "away", "The numerics worker did not answer in time.")
    fault = body.get("fault")
    return Computed(body) if fault is None else Computed(None, fault, str(body.get("detail", "")))


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


def etag(
    user: Any, name: str, symbol: str, *parts: object, at: dt.datetime | None = None
) -> str | None:
    """Return the ETag of what `ask` would return, None when nothing is known of the symbol.

    It costs a few short queries and no numerics. Raises as `ask` does.
    """
    reach = reach_of(user)
    at = selectors.span_of(symbol, reach).shown(at)
    live = _live(name, symbol, reach, at)
    if live is not None:
        return f'"{edition()}-{live["run"]}-{live["time"]}"'
    place = selectors.place(symbol, reach, at)
    return None if place is None else f'"{tag(name, place, *parts)}"'


def _live(name: str, symbol: str, reach: Reach, at: dt.datetime | None) -> Payload | None:
    """Return the exposure that the running feed published last, when it is asked for."""
    return selectors.exposure_state(symbol, reach) if at is None and name == "exposure" else None


def fault_of(answer: bytes) -> tuple[str, str] | None:
    """Return the field and the reason when an answer of `greeks_of` says why there is none."""
    if not answer.startswith(b'{"fault"'):
        return None
    said = orjson.loads(answer)
    return str(said["fault"]), str(said["detail"])
