"""Celery tasks of the market floor: numerics for requests, cached by snapshot."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import orjson
from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from market import occ, selectors
from market.bodies.chain import chain_body
from market.bodies.contract import contract_body
from market.bodies.exposure import exposure_body
from market.bodies.greeks import greeks_body
from market.bodies.surface import surface_body
from market.bodies.vendor import vendor_body
from market.contracts import TableError
from market.edition import tag
from market.payloads import AbsentError, Payload
from market.reach import reach_of_id
from market.selectors import Located
from quant.chain import Chain
from record.tasks import UserTask

KEEP_S = 300
INDEX_TICK, TICK = 0.05, 0.01
_making = [threading.Lock() for _ in range(64)]


def _unknown(symbol: str) -> Payload:
    return {
        "fault": "unknown",
        "detail": f"Nothing is known of {symbol}; GET /api/v1/market/ lists the symbols.",
    }


def _of_snapshot(
    name: str,
    symbol: str,
    at: str | None,
    part: str,
    make: Callable[[Located, Chain], Payload],
    *,
    user_id: int,
    looked_up: str = "expiry",
) -> Payload:
    """Return a payload made of a symbol's snapshot, from the cache when it was made before.

    Which snapshot is decided here, by the reach that the person has now: no instant that a caller
    names is taken on trust.

    `looked_up` is the part of the question that a snapshot may lack. Pages ask for a new minute
    all at once: who asks for what is being made waits for it.
    """
    asked = None if at is None else dt.datetime.fromisoformat(at)
    place = selectors.place(symbol, reach_of_id(user_id), asked)
    if place is None:
        return _unknown(symbol)
    key = "market:" + tag(name, place, part)
    with _making[hash(key) % len(_making)]:
        kept: Payload | None = cache.get(key)
        if kept is not None:
            return kept
        found = place.load()
        try:
            chain = found.data.chain()
        except ValueError as error:
            return {"fault": "symbol", "detail": str(error)}
        try:
            kept = make(found, chain)
        except AbsentError as error:
            return {"fault": looked_up, "detail": str(error.args[0])}
        if "fault" not in kept:
            cache.set(key, kept, KEEP_S)
        return kept


def tick_of(found: Located) -> float:
    """Return the smallest price step of a snapshot's options, $."""
    names = found.data.layout.root_names
    return INDEX_TICK if names and all(occ.rule(name).index for name in names) else TICK


@shared_task(name="market.chain", base=UserTask, entitlement="market.chain", ignore_result=False)
def chain(symbol: str, expiry: str | None, raw: bool, at: str | None, *, user_id: int) -> Payload:
    """Return one expiry of a symbol's chain with volatilities and Greeks."""

    def make(found: Located, whole: Chain) -> Payload:
        return chain_body(
            whole,
            found.data.layout.symbols(),
            head=found.head(),
            expiry=expiry,
            raw=raw,
            tick=tick_of(found),
        )

    return _of_snapshot("chain", symbol, at, f"{expiry or ''}:{raw}", make, user_id=user_id)


@shared_task(
    name="market.exposure", base=UserTask, entitlement="market.exposure", ignore_result=False
)
def exposure(symbol: str, at: str | None, *, user_id: int) -> Payload:
    """Return the dealer exposure of a symbol's snapshot."""

    def make(found: Located, whole: Chain) -> Payload:
        return exposure_body(whole, time=found.data.known_at, head=found.head())

    return _of_snapshot("exposure", symbol, at, "", make, user_id=user_id)


@shared_task(
    name="market.surface", base=UserTask, entitlement="market.surface", ignore_result=False
)
def surface(symbol: str, expiry: str | None, at: str | None, *, user_id: int) -> Payload:
    """Return the volatility surface of a symbol's snapshot, and one smile in full."""

    def make(found: Located, whole: Chain) -> Payload:
        return surface_body(
            whole,
            time=found.data.known_at,
            head=found.head(),
            expiry=expiry,
            tick=tick_of(found),
        )

    return _of_snapshot("surface", symbol, at, expiry or "", make, user_id=user_id)


@shared_task(name="market.contract", base=UserTask, entitlement="market.chain", ignore_result=False)
def contract(symbol: str, wanted: str, greek: str, at: str | None, *, user_id: int) -> Payload:
    """Return one contract of a symbol's snapshot with every Greek explained by numbers."""

    def make(found: Located, whole: Chain) -> Payload:
        return contract_body(
            whole,
            found.data.layout.symbols(),
            wanted,
            head=found.head(),
            greek=greek,
            tick=tick_of(found),
        )

    part = f"{wanted}:{greek}"
    return _of_snapshot("contract", symbol, at, part, make, user_id=user_id, looked_up="contract")


@shared_task(name="market.vendor", base=UserTask, entitlement="market.chain", ignore_result=False)
def vendor(symbol: str, at: str | None, *, user_id: int) -> Payload:
    """Return a vendor's volatilities and Greeks against ours."""

    def make(found: Located, whole: Chain) -> Payload:
        body = vendor_body(
            whole,
            found.data.columns,
            time=found.data.known_at,
            head=found.head(),
            tick=tick_of(found),
        )
        silent = "The snapshot carries no vendor's volatilities."
        return {"fault": "silent", "detail": silent} if body is None else body

    return _of_snapshot("vendor", symbol, at, "", make, user_id=user_id)


@shared_task(name="market.greeks", base=UserTask, entitlement="market.greeks", ignore_result=False)
def greeks(*, user_id: int, body: bytes) -> bytes:
    """Return Greeks of the contracts in a request's body; JSON both ways."""
    try:
        return greeks_body(body, timezone.now())
    except TableError as error:
        return orjson.dumps({"fault": error.field, "detail": error.reason})
