"""Pages of the tools: the catalogue and one tool with its chart and signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from market import selectors as market
from market.reach import reach_of
from market.views import choice, chosen_symbol
from record.access import entitled
from tools_app import scorecard_selectors, selectors
from tools_app.contract import Tool
from tools_app.models import Scorecard
from tools_app.optimize.deployed import LIVE
from tools_app.optimize.regimes import Regime
from tools_app.optimize.selectors import in_use
from tools_app.optimize.services import TOOLS as SEARCHED
from tools_app.registry import catalogue as catalogue_of
from tools_app.validation import by_tool

TIERS = ("", "free", "pro", "pro_plus")
BADGES = ("", "proven", "retired", "unproven")
SOURCES = ("live", "replayed", "simulated")
UNJUDGED = {"badge": "unproven", "source": None, "signals": 0}
HISTORY = 50


def matching(
    tools: Sequence[dict[str, Any]], *, words: str, tier: str, badge: str = ""
) -> list[dict[str, Any]]:
    """Return the tools of a tier and a badge that contain every word asked for."""
    wanted = words.lower().split()
    return [
        tool
        for tool in tools
        if (not tier or tool["tier"] == tier)
        and (not badge or tool["badge"]["badge"] == badge)
        and all(word in _searched(tool) for word in wanted)
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
    badges = scorecard_selectors.badges()
    tools = [
        {**tool, "badge": badges.get(tool["id"], UNJUDGED)}
        for tool in selectors.tool_payloads(request.user)
    ]
    words, tier = request.GET.get("q", "")[:80], choice(request, "tier", TIERS)
    badge = choice(request, "badge", BADGES)
    shown = matching(tools, words=words, tier=tier, badge=badge)
    parts = bool(getattr(request, "htmx", False))
    context = {
        "page": "tools",
        "families": families(shown),
        "shown": len(shown),
        "total": len(tools),
        "words": words,
        "tier": tier,
        "badge": badge,
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
    known = catalogue_of().get(slug)
    context: dict[str, Any] = {
        "page": "tools",
        "tool": tool,
        "cards": scorecard_selectors.scorecard_of(known, request.user),
        "badge": scorecard_selectors.badge_of(known),
    }
    if not tool["locked"]:
        context |= _record(request, tool)
        context["runs"] = selectors.counts_of(known, request.user)
        context["judged"] = by_tool.lines_of(known) if by_tool.can_be_judged(known) else None
        context["sets"] = _sets(known, context["symbol"])
        context["faulty"] = any(run.get("faults") for run in context["runs"])
    return render(request, "tools/detail.html", context)


@require_GET
@entitled("tools.view")
def scorecards(request: HttpRequest) -> HttpResponse:
    """Show the record of every tool on one source, with its uncertainty."""
    tools = selectors.tool_payloads(request.user)
    cards = scorecard_selectors.scorecards_for(request.user)
    counts = dict.fromkeys(SOURCES, 0)
    for card in cards:
        counts[card["source"]] += card["signals"]
    fullest = next((source for source in SOURCES if counts[source]), SOURCES[-1])
    source = choice(request, "source", (fullest, *SOURCES))
    words, tier = request.GET.get("q", "")[:80], choice(request, "tier", TIERS)
    badge = choice(request, "badge", BADGES)
    found = {card["tool"]["id"]: card for card in cards if card["source"] == source}
    rows = [
        {**tool, "card": found.get(tool["id"]), "badge": found.get(tool["id"], UNJUDGED)}
        for tool in tools
    ]
    shown = matching(rows, words=words, tier=tier, badge=badge)
    names = {card.value: card.label for card in Scorecard.Source}
    context = {
        "page": "tools",
        "rows": shown,
        "total": len(tools),
        "source": source,
        "source_name": names[source],
        "has_signals": counts[source] > 0,
        "sources": [(key, names[key], counts[key]) for key in SOURCES],
        "words": words,
        "tier": tier,
        "badge": badge,
    }
    return render(request, "tools/scorecards.html", context)


def _sets(tool: Tool, symbol: str | None) -> list[dict[str, Any]]:
    """Return the parameters in use on a symbol's minutes, where they are searched for."""
    if tool.id not in SEARCHED or symbol is None:
        return []
    return in_use(tool, symbol=symbol, timeframe=LIVE, regimes=list(Regime))


def _record(request: HttpRequest, tool: dict[str, Any]) -> dict[str, Any]:
    """Return a tool's signals of the chosen symbol and the prices they are drawn on."""
    symbol = chosen_symbol(request, market.symbols())
    if symbol is None:
        return {"signals": [], "symbol": None, "prices": None}
    reach = reach_of(request.user)
    quote = market.quote_payload(symbol, reach)
    run = quote["run"] if quote else None
    return {
        "symbol": symbol,
        "quote": quote,
        "signals": selectors.signal_payloads(
            request.user, tool=tool["slug"], symbol=symbol, run=run, limit=HISTORY
        ),
        "prices": market.price_series(run, reach) if run is not None else None,
    }
