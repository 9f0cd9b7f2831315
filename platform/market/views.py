"""Pages of market state: option chain, dealer exposure, volatility surface, a contract, data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from market import selectors
from market.computed import ask
from market.payloads import Payload
from market.reach import HistoryError, reach_of
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
FIRST_YEAR, LAST_YEAR = 1970, 2100
LATER = "Your plan does not show that instant yet; this is the newest that it shows."


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
    """Return the instant that a page is asked for, None for the newest.

    What is no instant, or lies outside the calendar, is said on the page, which shows the newest.
    """
    text = request.GET.get("at")
    if not text:
        return None
    try:
        # A plus that was not escaped arrives as a space.
        found = dt.datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if FIRST_YEAR <= found.year <= LAST_YEAR:
            return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    messages.warning(request, f"{text[:40]} is no instant that can be stored; this is the newest.")
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


class _HeldBackError(Exception):
    """The instant asked for is later than what the visitor's plan shows."""


def within_reach(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a page name the plan that shows an older instant, and lead a later one to the newest."""

    @wraps(view)
    def held(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except HistoryError as error:
            context = {"page": view.__name__, "refused": error, "symbol": kwargs["symbol"].upper()}
            return render(request, "market/too_early.html", context, status=HTTPStatus.FORBIDDEN)
        except _HeldBackError:
            return _without(request, "at", LATER)

    return held


exposure_home = entitled("market.exposure")(home("exposure", "Exposure"))
chain_home = entitled("market.chain")(home("chain", "Option chain"))
surface_home = entitled("market.surface")(home("surface", "Volatility surface"))
quality_home = entitled("market.chain")(home("quality", "Data quality"))


@require_GET
@entitled("market.exposure")
@within_reach
def exposure(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show where dealer exposure lies: levels, by strike, over spot, through the day, by expiry."""
    context = _computed(request, "exposure", known_symbol(symbol))
    context |= {
        "day": _day(request, context["symbol"]) if context["at"] is None else None,
        "greeks": GREEKS,
        "greek": choice(request, "greek", GREEKS),
        "split": choice(request, "show", ("split", "net")) == "split",
    }
    return remember(page_or_parts(request, "exposure", context), context["symbol"])


def _day(request: HttpRequest, symbol: str) -> Payload | None:
    return selectors.exposure_series(symbol, reach_of(request.user))


@require_GET
@entitled("market.chain")
@within_reach
def chain(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show quotes, volatilities and Greeks by strike of one expiry."""
    units, expiry = choice(request, "units", UNITS), request.GET.get("expiry") or None
    context = _computed(request, "chain", known_symbol(symbol), expiry, units == "raw")
    if context["fault"] == "expiry" and expiry is not None:
        return _without_expiry(request)
    context |= {
        "columns": choice(request, "set", COLUMN_SETS),
        "strikes": choice(request, "strikes", STRIKES),
        "units": units,
        "side": choice(request, "side", SIDES),
        "strike_choices": STRIKES,
        **neighbours(context["chain"]),
    }
    return remember(page_or_parts(request, "chain", context), context["symbol"])


@require_GET
@entitled("market.surface")
@within_reach
def surface(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show the volatility surface: tables, one smile, the mesh, how good the fits are."""
    expiry = request.GET.get("expiry") or None
    context = _computed(request, "surface", known_symbol(symbol), expiry)
    if context["fault"] == "expiry" and expiry is not None:
        return _without_expiry(request)
    context |= {"grid": choice(request, "grid", GRIDS), **neighbours(context["surface"])}
    return remember(page_or_parts(request, "surface", context), context["symbol"])


@require_GET
@entitled("market.chain")
@within_reach
def contract(request: HttpRequest, symbol: str, occ: str) -> HttpResponse:
    """Explain one contract: its Greeks in both units, and one of them elsewhere."""
    greek = choice(request, "greek", FIELDS)
    context = _computed(request, "contract", known_symbol(symbol), occ, greek)
    context |= {"occ": occ, "greek": greek, "fields": FIELDS}
    response = page_or_parts(request, "contract", context)
    if context["fault"] == "contract":
        response.status_code = HTTPStatus.NOT_FOUND
    return response


@require_GET
@entitled("market.chain")
@within_reach
def quality(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show a data vendor's volatilities and Greeks against ours, and what explains the rest."""
    context = _computed(request, "vendor", known_symbol(symbol)) | {"page": "quality"}
    return remember(render(request, "market/quality.html", context), context["symbol"])


def _computed(request: HttpRequest, name: str, symbol: str, *parts: Any) -> dict[str, Any]:
    """Return what every page of a symbol's numbers says.

    The body goes by the name of its task, None with the fault beside it; the timeline stands at
    what is shown, and parts of a page that are drawn again have none.
    """
    reach, asked = reach_of(request.user), asked_instant(request)
    at = selectors.span_of(symbol, reach).shown(asked)
    if at is None and asked is not None:
        raise _HeldBackError
    found = ask(request.user, name, symbol, *parts, at=at)
    quote = selectors.quote_payload(symbol, reach, at)
    shown = at
    if at is None and (told := found.body or quote) is not None:
        shown = dt.datetime.fromisoformat(told["time"])
    again = bool(getattr(request, "htmx", False))
    return {
        "symbol": symbol,
        "at": at,
        name: found.body,
        "fault": found.fault,
        "detail": found.detail,
        "quote": quote,
        "timeline": None if again else timeline(symbol, reach, shown),
    }


def _without_expiry(request: HttpRequest) -> HttpResponse:
    """Lead to the same page of the nearest expiry."""
    said = "That expiry is not in the chain; this is the nearest one."
    return _without(request, "expiry", said)


def _without(request: HttpRequest, name: str, said: str) -> HttpResponse:
    """Lead to the same page without a part of the question, saying why."""
    messages.info(request, said)
    query = request.GET.copy()
    del query[name]
    return redirect(f"{request.path}?{query.urlencode()}" if query else request.path)


def neighbours(found: Payload | None) -> dict[str, str | None]:
    """Return the expiries before and after the one shown."""
    names = [item["expiry"] for item in found["expiries"]] if found else []
    place = names.index(found["expiry"]) if found and found["expiry"] in names else -1
    return {
        "before": names[place - 1] if place > 0 else None,
        "after": names[place + 1] if 0 <= place < len(names) - 1 else None,
    }
