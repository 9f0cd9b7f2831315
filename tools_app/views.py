"""Pages of the tools: the catalogue and one tool with its chart and signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from market import selectors as market
from market.views import choice, chosen_symbol
from record.access import entitled
from tools_app import selectors
from tools_app.registry import catalogue as catalogue_of

TIERS = ("", "free", "pro", "pro_plus")
HISTORY = 50


def matching(tools: Sequence[dict[str, Any]], *, words: str, tier: str) -> list[dict[str, Any]]:
    """Return the tools of a tier that contain every word asked for."""
    wanted = words.lower().split()
    return [
        tool
        for tool in tools
        if (not tier or tool["tier"] == tier) and all(word in _searched(tool) for word in wanted)
    ]


def _searched(tool: dict[str, Any]) -> str:
    return f"{tool['id']} {tool['name']} {tool['family']} {tool['hypothesis']}".lower()


def families(tools: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the tools by family, in the order of the catalogue."""
    found: dict[str, list[dict[str, Any]]] = {}
    for tool in tools:
        found.setdefault(tool["family"], []).append(tool)
    return list(found.items())


@require_GET
@entitled("tools.view")
def catalogue(request: HttpRequest) -> HttpResponse:
    """List the tools that exist, the locked ones with the plan that opens them."""
    tools = selectors.tool_payloads(request.user)
    words, tier = request.GET.get("q", "")[:80], choice(request, "tier", TIERS)
    shown = matching(tools, words=words, tier=tier)
    parts = bool(getattr(request, "htmx", False))
    context = {
        "page": "tools",
        "families": families(shown),
        "shown": len(shown),
        "total": len(tools),
        "words": words,
        "tier": tier,
    }
    template = "tools/catalogue_parts.html" if parts else "tools/catalogue.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_GET
@entitled("tools.view")
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one tool: what it says, its chart, its signals and how it works."""
    try:
        tool = selectors.tool_payload_of(slug, request.user)
    except LookupError:
        raise Http404 from None
    context: dict[str, Any] = {"page": "tools", "tool": tool}
    if not tool["locked"]:
        context |= _record(request, tool)
        context["runs"] = selectors.counts_of(catalogue_of().get(slug), request.user)
    return render(request, "tools/detail.html", context)


def _record(request: HttpRequest, tool: dict[str, Any]) -> dict[str, Any]:
    """Return a tool's signals of the chosen symbol and the prices they are drawn on."""
    symbol = chosen_symbol(request, market.symbols())
    if symbol is None:
        return {"signals": [], "symbol": None, "prices": None}
    quote = market.quote_payload(symbol)
    run = quote["run"] if quote else None
    return {
        "symbol": symbol,
        "quote": quote,
        "signals": selectors.signal_payloads(
            request.user, tool=tool["slug"], symbol=symbol, run=run, limit=HISTORY
        ),
        "prices": market.price_series(run) if run is not None else None,
    }
