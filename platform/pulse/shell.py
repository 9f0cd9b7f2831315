"""The frame around every signed-in page: its market and what the command palette offers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from market import selectors
from market.reach import reach_of
from market.views import chosen_symbol
from tools_app import selectors as tools


def market_of(
    request: HttpRequest, *, symbol: str | None = None, quote: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the symbols, the chosen one and its quote, reading only what is not given."""
    known = selectors.symbols()
    symbol = symbol or chosen_symbol(request, known)
    if quote is None and symbol is not None:
        quote = selectors.quote_payload(symbol, reach_of(request.user))
    return {"symbols": [item["symbol"] for item in known], "symbol": symbol, "quote": quote}


def palette(request: HttpRequest) -> list[dict[str, str]]:
    """Return the palette's entries; the browser filters them."""
    pages = [
        ("Dashboard", "dashboard", "g d"),
        ("Exposure", "market:exposure_home", "g e"),
        ("Option chain", "market:chain_home", "g c"),
        ("Volatility surface", "market:surface_home", "g v"),
        ("Data quality", "market:quality_home", ""),
        ("Tools", "tools:catalogue", "g t"),
        ("Scorecards of the tools", "tools:scorecards", ""),
        ("Validation lab", "tools:lab", ""),
        ("Optimizer lab", "tools:optimizer", ""),
        ("Accounts", "trading:home", ""),
        ("Orders", "trading:orders", "g o"),
        ("New order", "trading:ticket", "g n"),
        ("Positions", "trading:positions", ""),
        ("Trade history", "trading:history", ""),
        ("Ledger", "trading:ledger", ""),
        ("Risk and kill switch", "trading:risk", "g r"),
        ("Broker connections", "trading:connections", ""),
        ("Leaderboard", "bots:board", "g l"),
        ("Compare two bots", "bots:compare", ""),
        ("How ranking works", "bots:rules", ""),
        ("Strategies", "strategies:home", ""),
        ("Bots", "bots:home", ""),
        ("Feeds and replay", "market:feed", "g f"),
        ("Alerts", "accounts:alerts", "g a"),
        ("API keys", "accounts:keys", ""),
        ("Billing", "accounts:billing", ""),
        ("REST API", "api-docs", ""),
        ("Conventions of the numbers", "conventions", ""),
        ("Licences", "licences", ""),
    ]
    found = [
        {"text": text, "kind": keys or "Page", "href": reverse(name)} for text, name, keys in pages
    ]
    found += [
        {
            "text": f"{item['symbol']} {what}",
            "kind": "Symbol",
            "href": reverse(name, args=[item["symbol"]]),
        }
        for item in selectors.symbols()
        for what, name in (
            ("exposure", "market:exposure"),
            ("option chain", "market:chain"),
            ("volatility surface", "market:surface"),
        )
    ]
    found += [
        {
            "text": f"{tool['id']:02d} {tool['name']}",
            "kind": "Tool",
            "href": reverse("tools:detail", args=[tool["slug"]]),
        }
        for tool in tools.tool_payloads(request.user)
    ]
    return found
