"""REST of the tools and their signals."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import PlanRequired
from market.api import instant
from record.remote import call
from tools_app import selectors
from tools_app.contract import Tool
from tools_app.models import Signal
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


class ExecuteSerializer(serializers.Serializer[Any]):
    """What `execute` takes."""

    tool_id = serializers.IntegerField(min_value=1, max_value=52, help_text="Id of the tool.")
    symbol = serializers.CharField(
        required=False, max_length=32, help_text="Run on the newest frame of this underlying."
    )
    data = serializers.DictField(  # type: ignore[assignment]
        required=False,
        help_text='Run on these rows instead: {"time": [...], "columns": {name: [...]}}.',
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a request that names neither a symbol nor rows."""
        if not attrs.get("symbol") and attrs.get("data") is None:
            raise ValidationError({"symbol": ["Give a symbol, or rows in data."]})
        return attrs


class Execute(APIView):
    """One tool on one frame."""

    entitlement = "execute.run"

    @extend_schema(
        operation_id="execute", request=ExecuteSerializer, responses={200: OpenApiTypes.OBJECT}
    )
    def post(self, request: Request) -> Response:
        """Run a tool on the newest frame of a symbol, or on the rows given, and say why."""
        asked = ExecuteSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        tool = tool_or_404(given["tool_id"])
        if not selectors.is_open(request.user, tool):
            raise PlanRequired(tool.name, opens_with=tool.tier.value)
        body = call(
            "tools_app.execute",
            tool.id,
            given.get("symbol"),
            given.get("data"),
            user_id=request.user.pk,
        )
        if "faults" in body:
            raise ValidationError(
                {item["path"].strip("/"): [item["detail"]] for item in body["faults"]}
            )
        return Response(body)
