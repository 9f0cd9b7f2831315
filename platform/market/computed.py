"""What numerics workers compute for pages: a body, or why there is none."""

from __future__ import annotations

from typing import Any, NamedTuple

from market import selectors
from market.payloads import Payload


class Computed(NamedTuple):
    """A body, or the fault that kept it from being made: `away`, `unknown`, `expiry`, `symbol`."""

    body: Payload | None
    fault: str | None = None
    detail: str = ""


def exposure_of(user: Any, symbol: str) -> Computed:
    """Return the exposure that the feed published last, else that of the newest snapshot."""
    live = selectors.exposure_state(symbol)
    return Computed(live) if live is not None else _ask(user, "market.exposure", symbol, None)


def chain_of(user: Any, symbol: str, expiry: str | None) -> Computed:
    """Return one expiry of the newest chain; the nearest when none is named."""
    return _ask(user, "market.chain", symbol, expiry, None)


def _ask(user: Any, task: str, *args: str | None) -> Computed:
    from record.remote import Unavailable, call

    try:
        body: Payload = call(task, *args, user_id=user.pk)
    except Unavailable:
        return Computed(None, "away", "The numerics worker did not answer in time.")
    fault = body.get("fault")
    return Computed(body) if fault is None else Computed(None, fault, str(body.get("detail", "")))
