"""REST of the tools and their signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from market.api import instant
from tools_app import scorecard_selectors, selectors
from tools_app.badges import Badge
from tools_app.contract import Tool
from tools_app.models import Scorecard, Signal
from tools_app.payloads import signal_payload
from tools_app.registry import catalogue


def tool_or_404(key: int | str) -> Tool:
    """Return a tool by id or slug, or raise 404."""
    try:
        return catalogue().get(key)
    except LookupError:
        raise NotFound(f"No tool {key!r}; GET /api/v1/tools lists them.") from None


class ToolList(APIView):
    """The catalogue."""

    entitlement = "tools.view"

    @extend_schema(operation_id="tools", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List every tool; a locked one says which plan opens it."""
        return Response({"results": selectors.tool_payloads(request.user)})


class ToolDetail(APIView):
    """One tool."""

    entitlement = "tools.view"

    @extend_schema(operation_id="tool", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, key: str) -> Response:
        """Return one tool by its id or slug, with what it did in the newest runs."""
        tool = tool_or_404(key)
        body = selectors.tool_payload_of(tool.id, request.user)
        return Response({**body, "runs": selectors.counts_of(tool, request.user)})


SYMBOL = OpenApiParameter(
    "symbol", description="The record on this underlying alone; by default on all together."
)


class ToolScorecard(APIView):
    """What a tool's finished signals say, by source."""

    entitlement = "tools.view"

    @extend_schema(
        operation_id="tool_scorecard", parameters=[SYMBOL], responses={200: OpenApiTypes.OBJECT}
    )
    def get(self, request: Request, key: str) -> Response:
        """Return a tool's record live, on replayed days and in simulation, never added up.

        Badge and sample size are given to everybody, figures to whom the tool is open.
        """
        cards = scorecard_selectors.scorecard_of(
            tool_or_404(key), request.user, symbol=plain(request, "symbol")
        )
        return Response({"results": cards})


class ScorecardList(APIView):
    """The scorecards of all tools."""

    entitlement = "tools.view"

    @extend_schema(
        operation_id="scorecards",
        parameters=[
            OpenApiParameter("source", enum=Scorecard.Source.values),
            OpenApiParameter("badge", enum=[badge.value for badge in Badge]),
            SYMBOL,
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List the scorecards that exist, one for each tool and source."""
        cards = scorecard_selectors.scorecards_for(
            request.user,
            source=one_of(request, "source", Scorecard.Source.values),
            badge=one_of(request, "badge", [badge.value for badge in Badge]),
            symbol=plain(request, "symbol"),
        )
        return Response({"results": cards})


def plain(request: Request, name: str) -> str:
    """Return a query parameter, blank when it is not given; refuse one that no table can hold."""
    value = request.query_params.get(name, "")
    if "\0" in value:
        raise ValidationError({name: ["Give text without null characters."]})
    return value


def one_of(request: Request, name: str, allowed: Sequence[str]) -> str:
    """Return a query parameter, blank when it is not given; refuse one that is not allowed."""
    value = request.query_params.get(name, "")
    if value and value not in allowed:
        raise ValidationError({name: [f"Give one of {', '.join(allowed)}."]})
    return value


class SignalSerializer(serializers.BaseSerializer[Signal]):
    """A signal as every interface gives it."""

    def to_representation(self, instance: Signal) -> Any:
        """Return the signal's body."""
        return signal_payload(instance)


class SignalList(generics.ListAPIView[Signal]):
    """Signals of the tools that the caller's plan opens."""

    entitlement = "signals.view"
    serializer_class = SignalSerializer
    queryset = Signal.objects.none()

    @extend_schema(
        operation_id="signals",
        parameters=[
            OpenApiParameter("tool", description="Id or slug."),
            OpenApiParameter("symbol", description="Underlying, such as GOOG."),
            OpenApiParameter("run", OpenApiTypes.INT, description="Run of a feed."),
            OpenApiParameter(
                "since", OpenApiTypes.DATETIME, description="Market time of the oldest one."
            ),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List signals with their reasons, newest first, by cursor."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        """Return the signals that the query asks for and the plan opens."""
        query = self.request.query_params
        run = query.get("run")
        if run is not None and not (run.isascii() and run.isdecimal() and len(run) < 18):
            raise ValidationError({"run": ["Give the number of a run."]})
        tool = query.get("tool")
        return selectors.signals_for(
            self.request.user,
            tool=None if tool is None else tool_or_404(tool).id,
            symbol=query.get("symbol"),
            run=None if run is None else int(run),
            since=instant(self.request, "since"),
        )
