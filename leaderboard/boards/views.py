"""Pages of the rankings. Everybody sees them."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET
from scipy.special import ndtri

from leaderboard.boards import comparing, filters, reading, sheet, words, worked
from leaderboard.ranking.models import RISING
from leaderboard.ranking.skill import RULE
from leaderboard.rest import VIEW
from record.access import entitled

COLUMNS: Final = (
    ("skill", "Skill"), ("return_share", "Return"), ("sharpe", "Sharpe"),
    ("drawdown", "Drawdown"), ("profit_factor", "Factor"), ("win_rate", "Win rate"),
    ("trades", "Trades"),
)  # fmt: skip
HEADS: Final = {"pnl": "Profit", "sortino": "Sortino", "calmar": "Calmar", "exposure": "Exposure"}
"""Metrics without a column of their own."""
API_NAMES: Final = ("metric", "hours", "market", "tier", "name", "least_trades")


@require_GET
@entitled(VIEW)
def board(request: HttpRequest) -> HttpResponse:
    """Show one board; htmx gets the table and what goes with it alone."""
    asked = filters.read(request.GET)
    found = reading.page(asked)
    context = {
        "page": "leaderboard",
        "asked": asked,
        "found": found,
        "nothing": words.nothing_fits(asked, found["everybody"]),
        "now": timezone.now(),
        "windows": filters.WINDOWS,
        "markets": filters.MARKETS,
        "tiers": filters.TIERS,
        "metrics": filters.METRIC_NAMES,
        "parts": _wants_parts(request),
        "here": reverse("bots:board"),
        "api_path": f"/api/v1/leaderboard?{urlencode(_asked_of_api(asked))}",
        "rule": RULE,
        "z": float(ndtri(RULE.confidence)),
        **_places(asked, found),
        **_columns(asked),
    }
    template = "boards/parts.html" if context["parts"] else "boards/board.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _wants_parts(request: HttpRequest) -> bool:
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.history_restore_request


def _asked_of_api(asked: filters.Filter) -> dict[str, Any]:
    """Return the filter as the REST interface takes it; it gives all groups in their order."""
    given = {name: getattr(asked, name) for name in API_NAMES}
    return {name: value for name, value in given.items() if value or name == "hours"}


def _columns(asked: filters.Filter) -> dict[str, Any]:
    """Return the columns; a metric that has none of its own gets one when it orders the board.

    Places gained are those by skill over the whole record, so they stand beside nothing else.
    """
    shown = list(COLUMNS)
    if asked.metric not in dict(shown):
        shown.insert(1, (asked.metric, HEADS[asked.metric]))
    columns = [
        {
            "metric": name,
            "head": head,
            "label": filters.METRIC_NAMES[name],
            "order": "ascending" if name in RISING else "descending",
        }
        for name, head in shown
    ]
    change = asked.metric == "skill" and not asked.hours and not asked.narrowed
    return {"columns": columns, "shows_change": change, "span": len(columns) + 6 + change}


def _places(asked: filters.Filter, found: dict[str, Any]) -> dict[str, Any]:
    """Return where the page stands in its list, and the pages beside it."""
    return {
        "market_name": filters.MARKETS[asked.market],
        "tier_name": _lower_first(filters.TIERS[asked.tier]),
        "total": None if asked.name or asked.least_trades else _total(asked, found),
        "first": asked.offset + 1,
        "last": asked.offset + found["shown"],
        "previous": max(0, asked.offset - filters.PAGE),
        "next": asked.offset + filters.PAGE,
    }


def _total(asked: filters.Filter, found: dict[str, Any]) -> int:
    return int(found["counts"][asked.group] if asked.group else found["everybody"])


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


@require_GET
@entitled(VIEW)
def board_csv(request: HttpRequest) -> HttpResponseBase:
    """Return the entries of the current filter as CSV."""
    asked = filters.read(request.GET)
    response = StreamingHttpResponse(sheet.lines(asked), content_type="text/csv; charset=utf-8")
    name = f"leaderboard-{asked.market}-{asked.tier}-{filters.WINDOWS[asked.hours]}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name.replace(" ", "").lower()}"'
    return response


@require_GET
@entitled(VIEW)
def compare(request: HttpRequest) -> HttpResponse:
    """Show two entries beside each other, or ask which."""
    context = {
        "page": "leaderboard",
        "tiers": filters.TIERS,
        **comparing.compared(request.GET, request.user),
    }
    return render(request, "boards/compare.html", context)


@require_GET
@entitled(VIEW)
def rules(request: HttpRequest) -> HttpResponse:
    """Say how the ranking works, with numbers that its own functions compute now."""
    return render(request, "boards/rules.html", {"page": "leaderboard", **worked.examples()})
