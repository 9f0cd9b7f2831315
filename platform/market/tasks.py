"""Celery tasks of the market floor: numerics for requests, cached by snapshot."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

from celery import shared_task
from django.core.cache import cache

from market import selectors
from market.payloads import Payload, chain_payload, exposure_payload
from market.selectors import Located
from record.tasks import UserTask

KEEP_S = 300


def _unknown(symbol: str) -> Payload:
    return {
        "fault": "unknown",
        "detail": f"Nothing is known of {symbol}; GET /api/v1/market/ lists the symbols.",
    }


def _of_snapshot(
    name: str, symbol: str, at: str | None, part: str, make: Callable[[Located], Payload]
) -> Payload:
    """Return a payload made of a symbol's snapshot, from the cache when it was made before."""
    found = selectors.locate(symbol, None if at is None else dt.datetime.fromisoformat(at))
    if found is None:
        return _unknown(symbol)
    run = None if found.run is None else found.run.pk
    spelled = f"{name}:{found.data.id}:{run}:{part}"
    key = "market:" + hashlib.sha256(spelled.encode()).hexdigest()
    kept: Payload | None = cache.get(key)
    if kept is None:
        kept = make(found)
        if "fault" not in kept:
            cache.set(key, kept, KEEP_S)
    return kept


@shared_task(name="market.chain", base=UserTask, entitlement="market.chain", ignore_result=False)
def chain(symbol: str, expiry: str | None, at: str | None, *, user_id: int) -> Payload:
    """Return one expiry of a symbol's chain with volatilities and Greeks."""

    def make(found: Located) -> Payload:
        try:
            whole = found.data.chain()
            symbols = found.data.layout.symbols()
            return chain_payload(whole, symbols, head=found.head(), expiry=expiry)
        except ValueError as error:
            return {"fault": "symbol", "detail": str(error)}
        except LookupError as error:
            return {"fault": "expiry", "detail": str(error.args[0])}

    return _of_snapshot("chain", symbol, at, expiry or "", make)


@shared_task(
    name="market.exposure", base=UserTask, entitlement="market.exposure", ignore_result=False
)
def exposure(symbol: str, at: str | None, *, user_id: int) -> Payload:
    """Return the dealer exposure of a symbol's snapshot."""

    def make(found: Located) -> Payload:
        from market.features.analysis import analyze

        try:
            whole = found.data.chain()
        except ValueError as error:
            return {"fault": "symbol", "detail": str(error)}
        done = analyze(whole)
        return exposure_payload(
            done.profile, time=found.data.known_at, spot=whole.spot, head=found.head()
        )

    return _of_snapshot("exposure", symbol, at, "", make)
