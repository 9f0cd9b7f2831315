"""Liveness, readiness with each dependency's latency, and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from record.access import PUBLIC, entitled

READY_WITHIN_S = 3.0


def check_database() -> None:
    """Ask PostgreSQL for one row; raise when it does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def check_redis() -> None:
    """Ping Redis; raise when it does not answer."""
    import redis

    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=READY_WITHIN_S, socket_connect_timeout=READY_WITHIN_S
    ) as link:
        link.ping()


CHECKS: dict[str, Callable[[], None]] = {"database": check_database, "redis": check_redis}


def dependencies() -> dict[str, dict[str, Any]]:
    """Return `{name: {ok, latency_ms, error}}` of each dependency."""
    found: dict[str, dict[str, Any]] = {}
    for name, check in CHECKS.items():
        began = time.perf_counter()
        error = None
        try:
            check()
        except Exception as exc:  # noqa: BLE001 - any failure means that it is not ready
            error = type(exc).__name__
        latency = (time.perf_counter() - began) * 1e3
        found[name] = {"ok": error is None, "latency_ms": round(latency, 2), "error": error}
    return found


@require_GET
@entitled(PUBLIC)
def health(_request: HttpRequest) -> HttpResponse:
    """Answer that this process is alive; touches no dependency."""
    return JsonResponse({"status": "ok"})


@require_GET
@entitled(PUBLIC)
def ready(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when every dependency answers, else 503, with latencies."""
    found = dependencies()
    good = all(item["ok"] for item in found.values())
    body = {"status": "ready" if good else "not ready", "dependencies": found}
    return JsonResponse(body, status=200 if good else 503)
