"""REST of the boards: who stands where, and where one bot stands."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from leaderboard.models import Bot, Trade
from leaderboard.ranking import selectors
from leaderboard.ranking.models import HOURS, METRICS
from leaderboard.rest import GatedMixin, bot_or_404, whole
from tools_app.api import one_of, plain

OBJECT = OpenApiTypes.OBJECT
PAGE: Final = 100
HOURS_HELP: Final = "Window that ends now: 24, 168, 720, 2160 or 8760; 0, the default, for all."


class Leaderboard(GatedMixin, APIView):
    """A board."""

    @extend_schema(
        operation_id="leaderboard",
        parameters=[
            OpenApiParameter("metric", enum=METRICS, default="skill"),
            OpenApiParameter("hours", OpenApiTypes.INT, enum=tuple(HOURS), description=HOURS_HELP),
            OpenApiParameter("market", enum=Bot.Market.values, default=Bot.Market.REAL.value),
            OpenApiParameter(
                "tier", enum=Trade.Tier.values, default=selectors.DEFAULT_TIER,
                description="Trades of this tier and above count.",
            ),
            OpenApiParameter("name", description="Part of a bot's name."),
            OpenApiParameter("least_trades", OpenApiTypes.INT, description="In the window."),
            OpenApiParameter("limit", OpenApiTypes.INT, description=f"1 to {selectors.MOST}."),
            OpenApiParameter("cursor", OpenApiTypes.INT, description="As `next` gives it."),
        ],
        responses={200: OBJECT},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Rank entries by a metric: ranked ones first, then provisional, flagged, idle, excluded.

        Every figure is computed here from the log of trades, with its sample and uncertainty.
        """
        metric = one_of(request, "metric", METRICS) or "skill"
        market = one_of(request, "market", Bot.Market.values) or Bot.Market.REAL.value
        tier = one_of(request, "tier", Trade.Tier.values) or selectors.DEFAULT_TIER
        hours = _hours(request)
        offset = whole(request, "cursor") or 0
        limit = _limit(request)
        rows = selectors.board(
            metric=metric,
            hours=hours,
            market=market,
            tier=tier,
            name=plain(request, "name"),
            least_trades=whole(request, "least_trades") or 0,
            offset=offset,
            limit=limit + 1,
        )
        return Response(
            {
                "metric": metric,
                "hours": hours,
                "market": market,
                "tier": tier,
                "groups": selectors.board_counts(market, tier, hours),
                "next": _page(request, offset + limit) if len(rows) > limit else None,
                "previous": _page(request, max(offset - limit, 0)) if offset else None,
                "results": selectors.payloads(rows[:limit]),
            }
        )


def _hours(request: Request) -> int:
    hours = whole(request, "hours") or 0
    if hours not in HOURS:
        raise ValidationError({"hours": [f"Give one of {', '.join(map(str, HOURS))}."]})
    return hours


def _limit(request: Request) -> int:
    limit = whole(request, "limit")
    if limit is None:
        return PAGE
    if not 1 <= limit < selectors.MOST:
        raise ValidationError({"limit": [f"Give 1 to {selectors.MOST - 1}."]})
    return limit


def _page(request: Request, offset: int) -> str:
    return replace_query_param(request.build_absolute_uri(), "cursor", offset)


class BotStandings(GatedMixin, APIView):
    """Where a bot stands."""

    @extend_schema(
        operation_id="bot_standings",
        parameters=[
            OpenApiParameter("hours", OpenApiTypes.INT, enum=tuple(HOURS), description=HOURS_HELP)
        ],
        responses={200: OBJECT},
    )
    def get(self, request: Request, bot_id: int) -> Response:
        """Return the standings of a bot's entries on every board, with their places by skill."""
        bot: Any = bot_or_404(bot_id)
        rows = selectors.standings_of(bot, _hours(request))
        return Response({"results": selectors.payloads(rows)})
