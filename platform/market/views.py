"""Pages of market state: option chain, dealer exposure, feeds with their controls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST

from market import selectors
from market.computed import chain_of, exposure_of
from market.feed import control
from market.payloads import Payload
from record.access import entitled

SYMBOL_COOKIE = "symbol"
A_YEAR_S = 31_536_000
LOOK_AGAIN_S = 4
GREEKS = ("gamma", "vanna", "charm")
COLUMN_SETS = ("first", "price", "second", "third", "greeks")
STRIKES = ("20", "40", "all")


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


@require_GET
@entitled("market.exposure")
def exposure_home(request: HttpRequest) -> HttpResponse:
    """Lead to the exposure of the chosen symbol, or say that there is none yet."""
    symbol = chosen_symbol(request, selectors.symbols())
    if symbol is None:
        context = {"page": "exposure", "what": "Exposure"}
        return look_again(render(request, "market/nothing.html", context))
    return redirect("market:exposure", symbol)


@require_GET
@entitled("market.chain")
def chain_home(request: HttpRequest) -> HttpResponse:
    """Lead to the option chain of the chosen symbol, or say that there is none yet."""
    symbol = chosen_symbol(request, selectors.symbols())
    if symbol is None:
        context = {"page": "chain", "what": "Option chain"}
        return look_again(render(request, "market/nothing.html", context))
    return redirect("market:chain", symbol)


@require_GET
@entitled("market.exposure")
def exposure(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show where dealer exposure lies: levels, by strike, over spot, by expiry."""
    symbol = known_symbol(symbol)
    found = exposure_of(request.user, symbol)
    context = {
        "symbol": symbol,
        "quote": selectors.quote_payload(symbol),
        "exposure": found.body,
        "fault": found.fault,
        "greeks": GREEKS,
        "greek": choice(request, "greek", GREEKS),
        "split": choice(request, "show", ("split", "net")) == "split",
    }
    return remember(page_or_parts(request, "exposure", context), symbol)


@require_GET
@entitled("market.chain")
def chain(request: HttpRequest, symbol: str) -> HttpResponse:
    """Show quotes, volatilities and Greeks by strike of one expiry."""
    symbol = known_symbol(symbol)
    found = chain_of(request.user, symbol, request.GET.get("expiry") or None)
    if found.fault == "expiry":
        messages.info(request, "That expiry is no longer in the chain; this is the nearest one.")
        return redirect("market:chain", symbol)
    context = {
        "symbol": symbol,
        "quote": selectors.quote_payload(symbol),
        "chain": found.body,
        "fault": found.fault,
        "columns": choice(request, "set", COLUMN_SETS),
        "strikes": choice(request, "strikes", STRIKES),
        "strike_choices": STRIKES,
        **neighbours(found.body),
    }
    return remember(page_or_parts(request, "chain", context), symbol)


def neighbours(found: Payload | None) -> dict[str, str | None]:
    """Return the expiries before and after the one shown."""
    names = [item["expiry"] for item in found["expiries"]] if found else []
    place = names.index(found["expiry"]) if found and found["expiry"] in names else -1
    return {
        "before": names[place - 1] if place > 0 else None,
        "after": names[place + 1] if 0 <= place < len(names) - 1 else None,
    }


@require_GET
@entitled("market.view")
def feed(request: HttpRequest) -> HttpResponse:
    """Show the feeds that run, the last that ended, and the days that can be replayed."""
    return page_or_parts(request, "feed", {"feed": selectors.feed_payload()})


@require_POST
@entitled("market.replay")
def feed_start(request: HttpRequest) -> HttpResponse:
    """Ask for the replay of a stored day."""
    symbol, day, source = [*request.POST.get("day", "").split(" "), "", "", ""][:3]
    try:
        run = control.request_replay(
            symbol=symbol,
            date=_date(day),
            speed=_speed(request.POST.get("speed", "")),
            source=source or None,
            user_id=request.user.pk,
        )
    except control.FeedError as error:
        return _refused(request, error)
    messages.success(request, f"Replay {run.pk} of {run.symbol} starts within a second.")
    return _to_feed()


@require_POST
@entitled("market.replay")
def feed_command(request: HttpRequest, run_id: int, command: str) -> HttpResponse:
    """Pause, resume, stop a run or change its speed."""
    owner = None if request.user.is_staff else request.user.pk
    wishes = {"pause": "paused", "resume": "running", "stop": "stopped"}
    try:
        if command == "speed":
            speed = _speed(request.POST.get("speed", ""))
            control.command_run(run_id, speed=speed, owner=owner)
        elif command in wishes:
            control.command_run(run_id, desired=wishes[command], owner=owner)
        else:
            raise Http404
    except control.FeedError as error:
        return _refused(request, error)
    return _to_feed()


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise control.FeedError("date", "choose one of the stored days") from None


def _speed(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise control.FeedError("speed", f"{text!r} is not a number") from None


def _refused(request: HttpRequest, error: control.FeedError) -> HttpResponse:
    messages.error(request, f"Nothing was changed: {error}.")
    return _to_feed()


def _to_feed() -> HttpResponse:
    return HttpResponseRedirect(reverse("market:feed"))
