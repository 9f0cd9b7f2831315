"""Pages of the whole platform: start, dashboard, status, licences, and what errors look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from market import selectors as market
from market.computed import ask
from market.reach import WHOLE, reach_of
from market.views import chosen_symbol, look_again, remember
from pulse import assets, documents, supervisor
from pulse.api.errors import CONTENT_TYPE, problem
from pulse.guard import API
from pulse.health import dependencies
from pulse.metrics import queue_lengths
from record import heartbeat
from record.access import OPERATOR, PUBLIC, entitled
from record.selectors import jobs_state, outbox_state
from tools_app import selectors as tools

RECENT_SIGNALS = 30
PROBLEMS = {
    403: "This is not for you.",
    404: "There is nothing at this address; /api/docs/ lists the addresses.",
    500: "Something broke; the id finds it in the log.",
    503: "The database does not answer; try again in a few seconds.",
}
CODES = {403: "permission_denied", 404: "not_found", 500: "error", 503: "service_away"}


@require_GET
@entitled(PUBLIC)
def landing(request: HttpRequest) -> HttpResponse:
    """Say what Pulse is; people who are signed in go to their dashboard."""
    if request.user.is_authenticated:
        return redirect("dashboard")
    payloads = tools.tool_payloads(request.user)
    catalogue = [tool for tool in payloads if tool["third_party"] is None]
    context = {
        "tools": catalogue,
        "counts": {
            tier: sum(tool["tier"] == tier for tool in catalogue)
            for tier in ("free", "pro", "pro_plus")
        },
    }
    return render(request, "pulse/landing.html", context)


@require_GET
@entitled("market.view")
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show what the market does, what just fired and whether the feed is well."""
    symbol = chosen_symbol(request, market.symbols())
    context: dict[str, Any] = {"page": "dashboard", "symbol": symbol}
    if symbol is not None:
        context |= _dashboard_of(request, symbol)
    parts = bool(getattr(request, "htmx", False)) and symbol is not None
    template = "pulse/dashboard_parts.html" if parts else "pulse/dashboard.html"
    response = render(request, template, {**context, "parts": parts})
    patch_vary_headers(response, ["HX-Request"])
    if symbol is None or context["quote"] is None:
        return look_again(response)
    return remember(response, symbol)


def _dashboard_of(request: HttpRequest, symbol: str) -> dict[str, Any]:
    reach = reach_of(request.user)
    quote = market.quote_payload(symbol, reach)
    run = quote["run"] if quote else None
    exposure = ask(request.user, "exposure", symbol)
    return {
        "quote": quote,
        "exposure": exposure.body,
        "fault": exposure.fault,
        "prices": market.price_series(run, reach) if run is not None else None,
        "signals": tools.signal_payloads(
            request.user, symbol=symbol, run=run, limit=RECENT_SIGNALS
        ),
    }


@require_GET
@entitled(OPERATOR)
def status(request: HttpRequest) -> HttpResponse:
    """Show operators the dependencies, the queues and the feeds."""
    found = dependencies()
    up = all(item["ok"] for item in found.values())
    database = found["database"]["ok"]
    workers = _workers()
    outbox = outbox_state() if database else None
    context = {
        "page": "status",
        "dependencies": found,
        "queues": queue_lengths(),
        "workers": workers,
        "outbox": outbox,
        "jobs": jobs_state() if database else None,
        "house": supervisor.read_state(settings.VAR_DIR),
        "feed": market.feed_payload(WHOLE) if database else None,
        "foreign": tools.third_party_tools(),
        "up": up,
        "all_well": up and not (outbox and outbox["failed"]),
    }
    parts = bool(getattr(request, "htmx", False))
    return render(request, "pulse/status_parts.html" if parts else "pulse/status.html", context)


def _workers() -> list[heartbeat.Life] | None:
    """Return the last signs of life of beat and of each queue's workers, None without Redis."""
    try:
        return list(heartbeat.read().values())
    except redis.RedisError:
        return None


CONVENTIONS = Path("docs") / "quant.md"


@require_GET
@entitled(PUBLIC)
def conventions(request: HttpRequest) -> HttpResponse:
    """Show how every number is defined, with its source."""
    made = documents.page(Path(settings.BASE_DIR) / CONVENTIONS)
    return render(request, "pulse/conventions.html", {"document": made, "page": "conventions"})


class Credit(NamedTuple):
    """A library that reaches the browser, and where its licence text lies."""

    name: str
    licence: str
    notice: str
    text: str


CREDITS = (
    ("TradingView Lightweight Charts", "Apache-2.0", "lightweight-charts/LICENSE"),
    ("uPlot", "MIT", "uplot/LICENSE"),
    ("Inter", "OFL-1.1", "inter/LICENSE"),
)
LIGHTWEIGHT_NOTICE = "Copyright (c) 2023 TradingView, Inc. https://www.tradingview.com/"


@require_GET
@entitled(PUBLIC)
def licences(request: HttpRequest) -> HttpResponse:
    """Show the licence of Pulse and of what it brings to the browser."""
    own = Path(settings.BASE_DIR) / "LICENSE"
    credits_ = [
        Credit(
            name,
            licence,
            LIGHTWEIGHT_NOTICE if name.startswith("TradingView") else "",
            _text(assets.vendor_dir() / path),
        )
        for name, licence, path in CREDITS
    ]
    context = {"own": _text(own), "credits": credits_, "page": "licences"}
    return render(request, "pulse/licences.html", context)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _error(request: HttpRequest, code: int) -> HttpResponse:
    """Render an error page, or a problem for the API; touches no session, user or database."""
    request_id = getattr(request, "request_id", "")
    if request.path.startswith(API):
        told = problem(code, PROBLEMS[code], code=CODES[code], request_id=request_id)
        return JsonResponse(told, status=code, content_type=CONTENT_TYPE)
    body = render_to_string(
        f"{code}.html",
        {
            "request_id": request_id,
            "theme": _theme(request),
        },
    )
    return HttpResponse(body, status=code)


def _theme(request: HttpRequest) -> str:
    theme = request.COOKIES.get("theme", "system")
    return theme if theme in ("dark", "light") else "system"


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403."""
    return _error(request, 403)


def missing(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    return _error(request, 404)


def failed(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 when it is the database that does not answer."""
    import sys

    from django.db import OperationalError

    away = isinstance(sys.exc_info()[1], OperationalError)
    response = _error(request, 503 if away else 500)
    if away:
        response["Retry-After"] = "5"
    return response
