"""Pages of market state: option chain, dealer exposure, volatility surface, a contract, data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from market import selectors
from market.computed import chain_of, contract_of, exposure_of, surface_of, vendor_of
from market.payloads import Payload
from market.timeline import timeline
from quant.fields import FIELDS
from record.access import entitled

SYMBOL_COOKIE = "symbol"
A_YEAR_S = 31_536_000
LOOK_AGAIN_S = 4
GREEKS = ("gamma", "vanna", "charm", "delta")
COLUMN_SETS = ("first", "price", "second", "third", "greeks")
STRIKES = ("20", "40", "all")
UNITS = ("quoted", "raw")
SIDES = ("both", "calls", "puts")
GRIDS = ("delta", "strike")


def chosen_symbol(request: HttpRequest, known: Sequence[Payload]) -> str | None:
    """Return the symbol asked for, else that of the last visit, else the first live one."""
    names = {item["symbol"] for item in known}
    for wanted in (request.GET.get("symbol"), request.COOKIES.get(SYMBOL_COOKIE)):
        if wanted in names:
            return wanted
    live = [item["symbol"] for item in known if item.get("live")]
    return next(iter([*live, *(item["symbol"] for item in known)]), None)


def choice(request: HttpRequest, name: str, allowed: Sequence[str]) -> str:
    """Return a query parameter held to what is allowed; the first is the default."""
    value = request.GET.get(name, allowed[0])
    return value if value in allowed else allowed[0]


def asked_instant(request: HttpRequest) -> dt.datetime | None:
    """Return the instant that a page is asked for, None for the newest or what is no instant."""
    try:
        found = dt.datetime.fromisoformat(request.GET.get("at", ""))
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def known_symbol(symbol: str) -> str:
    """Return the symbol as it is stored; 404 for one that nothing is known of."""
    wanted = symbol.upper()
    if wanted not in {item["symbol"] for item in selectors.symbols()}:
        raise Http404
    return wanted


def look_again(response: HttpResponse) -> HttpResponse:
    """Let the browser ask again soon: a feed that just started has its first minute in seconds."""
    response["Refresh"] = str(LOOK_AGAIN_S)
    return response


def remember(response: HttpResponse, symbol: str) -> HttpResponse:
    """Keep the symbol for the pages that name none."""
    response.set_cookie(SYMBOL_COOKIE, symbol, max_age=A_YEAR_S, samesite="Lax", httponly=True)
    return response


def page_or_parts(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """Render a page, or for htmx only its parts that change."""
    wants_parts = bool(getattr(request, "htmx", False))
    template = f"market/{name}_parts.html" if wants_parts else f"market/{name}.html"
    response = render(request, template, {**context, "page": name, "parts": wants_parts})
    patch_vary_headers(response, ["HX-Request"])
    return response


def home(page: str, what: str) -> Callable[[HttpRequest], HttpResponse]:
    """Return a view that leads to a page of the chosen symbol, or says that there is none yet."""

    def view(request: HttpRequest) -> HttpResponse:
        symbol = chosen_symbol(request, selectors.symbols())
        if symbol is None:
            context = {"page": page, "what": what}
            return look_again(render(request, "market/nothing.html", context))
        query = {name: value for name, value in request.GET.items() if name != "symbol"}
        address = reverse(f"market:{page}", args=[symbol])
        return redirect(f"{address}?{urlencode(query)}" if query else address)

    return require_GET(view)


exposure_home = entitled("market.exposure")(home("exposure", "Exposure"))
chain_home = entitled("market.chain")(home("chain", "Option chain"))
surface_home = entitled("market.surface")(home("surface", "Volatility surface"))
quality_home = entitled("market.chain")(home("quality", "Data quality"))


@require_GET
@entitled("market.exposure")
def exposure(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show where dealer exposure lies: levels, by strike, over spot, through the day, by expiry."""
    symbol, at = known_symbol(symbol), asked_instant(request)
    found = exposure_of(request.user, symbol, at)
    context = {
        **_state(symbol, at),
        "exposure": found.body,
        "fault": found.fault,
        "detail": found.detail,
        "day": selectors.exposure_series(symbol) if at is None else None,
        "greeks": GREEKS,
        "greek": choice(request, "greek", GREEKS),
        "split": choice(request, "show", ("split", "net")) == "split",
    }
    return remember(page_or_parts(request, "exposure", context), symbol)


@require_GET
@entitled("market.chain")
def chain(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show quotes, volatilities and Greeks by strike of one expiry."""
    symbol, at = known_symbol(symbol), asked_instant(request)
    units = choice(request, "units", UNITS)
    expiry = request.GET.get("expiry") or None
    found = chain_of(request.user, symbol, expiry, raw=units == "raw", at=at)
    if found.fault == "expiry" and expiry is not None:
        messages.info(request, "That expiry is no longer in the chain; this is the nearest one.")
        return redirect("market:chain", symbol)
    context = {
        **_state(symbol, at),
        "chain": found.body,
        "fault": found.fault,
        "detail": found.detail,
        "columns": choice(request, "set", COLUMN_SETS),
        "strikes": choice(request, "strikes", STRIKES),
        "units": units,
        "side": choice(request, "side", SIDES),
        "strike_choices": STRIKES,
        **neighbours(found.body),
    }
    return remember(page_or_parts(request, "chain", context), symbol)


@require_GET
@entitled("market.surface")
def surface(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show the volatility surface: tables, one smile, the mesh, how good the fits are."""
    symbol, at = known_symbol(symbol), asked_instant(request)
    expiry = request.GET.get("expiry") or None
    found = surface_of(request.user, symbol, expiry, at)
    if found.fault == "expiry" and expiry is not None:
        messages.info(request, "That expiry is not on the surface; this is the nearest one.")
        return redirect("market:surface", symbol)
    context = {
        **_state(symbol, at),
        "surface": found.body,
        "fault": found.fault,
        "detail": found.detail,
        "grid": choice(request, "grid", GRIDS),
        **neighbours(found.body),
    }
    return remember(page_or_parts(request, "surface", context), symbol)


@require_GET
@entitled("market.chain")
def contract(request: HttpRequest, symbol: str, occ: str) -> HttpResponse:
    """Explain one contract: its Greeks in both units, and one of them elsewhere."""
    symbol, at = known_symbol(symbol), asked_instant(request)
    greek = choice(request, "greek", FIELDS)
    found = contract_of(request.user, symbol, occ, greek, at)
    if found.fault == "contract":
        raise Http404
    context = {
        **_state(symbol, at),
        "occ": occ,
        "contract": found.body,
        "fault": found.fault,
        "detail": found.detail,
        "greek": greek,
        "fields": FIELDS,
    }
    return page_or_parts(request, "contract", context)


@require_GET
@entitled("market.chain")
def quality(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show a data vendor's volatilities and Greeks against ours, and what explains the rest."""
    symbol, at = known_symbol(symbol), asked_instant(request)
    found = vendor_of(request.user, symbol, at)
    context = {
        **_state(symbol, at),
        "vendor": found.body,
        "fault": found.fault,
        "detail": found.detail,
    }
    return remember(render(request, "market/quality.html", {**context, "page": "quality"}), symbol)


def _state(symbol: str, at: dt.datetime | None) -> dict[str, Any]:
    """Return what every page of a symbol says: its quote, and where it stands in stored time."""
    return {
        "symbol": symbol,
        "at": at,
        "quote": selectors.quote_payload(symbol, at),
        "timeline": timeline(symbol, at),
    }


def neighbours(found: Payload | None) -> dict[str, str | None]:
    """Return the expiries before and after the one shown."""
    names = [item["expiry"] for item in found["expiries"]] if found else []
    place = names.index(found["expiry"]) if found and found["expiry"] in names else -1
    return {
        "before": names[place - 1] if place > 0 else None,
        "after": names[place + 1] if 0 <= place < len(names) - 1 else None,
    }
