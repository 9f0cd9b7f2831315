"""REST of tools on demand: one on a frame, and several voting on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import PlanRequired
from record.access import READ
from record.remote import call
from tools_app import selectors, third_party
from tools_app.api import tool_or_404
from tools_app.consensus import AGREEMENT, CONFIDENCE
from tools_app.contract import Tool
from tools_app.registry import FIRST_ID, LAST_ID, catalogue

MOST_TOOLS = 60
HEAVIEST = 100.0
ROWS = '{"time": [...], "columns": {name: [...]}}'


class ExecuteSerializer(serializers.Serializer[Any]):
    """What `execute` takes."""

    tool_id = serializers.IntegerField(
        min_value=FIRST_ID,
        max_value=third_party.LAST_ID,
        help_text=f"Id of the tool: {FIRST_ID} to {LAST_ID}, or from {third_party.FIRST_ID} on "
        "where a third party brings it.",
    )
    symbol = serializers.CharField(
        required=False, max_length=32, help_text="Run on the newest frame of this underlying."
    )
    data = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text=f"Run on these rows instead: {ROWS}."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a request that names neither a symbol nor rows."""
        if not attrs.get("symbol") and attrs.get("data") is None:
            raise ValidationError({"symbol": ["Give a symbol, or rows in data."]})
        return attrs


class ToolFailed(APIException):
    """The tool itself did not answer as a tool must."""

    status_code = 502
    default_code = "tool_failed"


class ToolRests(APIException):
    """The tool failed several times in a row and is not asked for a while."""

    status_code = 503
    default_code = "tool_rests"

    def __init__(self, detail: str, wait: int) -> None:
        super().__init__(detail)
        self.wait = wait


class Execute(APIView):
    """One tool on one frame."""

    entitlement = "execute.run"
    key_scope = READ

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
        if "failed" in body:
            told, wait = f"{tool.name}: {body['failed']}", body["retry_after"]
            raise ToolFailed(told) if wait is None else ToolRests(told, wait)
        return answered(body)


class ConsensusSerializer(serializers.Serializer[Any]):
    """What `consensus` takes."""

    tool_ids = serializers.ListField(
        child=serializers.IntegerField(),
        min_length=1,
        max_length=MOST_TOOLS,
        help_text="Ids of the tools that vote, each once.",
    )
    symbol = serializers.CharField(
        required=False, max_length=32, help_text="Vote on the newest frames of this underlying."
    )
    data = serializers.DictField(  # type: ignore[assignment]
        required=False,
        help_text=(
            f"Vote on these rows instead: {ROWS}; where tools read minutes and days, one such "
            'object each under "intraday" and "daily".'
        ),
    )
    weights = serializers.DictField(
        child=serializers.FloatField(min_value=0.0, max_value=HEAVIEST),
        required=False,
        help_text="Weight by the id of a tool; 1 where none is given.",
    )
    vetoes = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Ids among them that do not vote but stop an entry while they fire. "
        "Left out: those of them that only warn.",
    )
    agreement = serializers.FloatField(
        default=AGREEMENT, min_value=0.0, max_value=1.0, help_text="Share of tools that must agree."
    )
    confidence = serializers.FloatField(
        default=CONFIDENCE, min_value=0.0, max_value=1.0, help_text="Confidence that is needed."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what names no rows, a tool twice, or a tool that does not vote."""
        ids = attrs["tool_ids"]
        faults: dict[str, list[str]] = {}
        if not attrs.get("symbol") and attrs.get("data") is None:
            faults["symbol"] = ["Give a symbol, or rows in data."]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            faults["tool_ids"] = [f"Tool {twice[0]} is named twice; name each once."]
        wrong = [key for key in attrs.get("weights", {}) if key not in map(str, ids)]
        if wrong:
            faults["weights"] = [f"{wrong[0]!r} is not the id of a tool in tool_ids."]
        strange = [one for one in attrs.get("vetoes", []) if one not in ids]
        if strange:
            faults["vetoes"] = [f"Tool {strange[0]} is not in tool_ids."]
        if faults:
            raise ValidationError(faults)
        return attrs


class Consensus(APIView):
    """Several tools, one answer."""

    entitlement = "execute.run"
    key_scope = READ
    call_cost = 5

    @extend_schema(
        operation_id="consensus", request=ConsensusSerializer, responses={200: OpenApiTypes.OBJECT}
    )
    def post(self, request: Request) -> Response:
        """Let tools vote on the newest row, and explain the decision and every weight."""
        asked = ConsensusSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        tools = opened(request, given["tool_ids"])
        weights = {int(key): value for key, value in given.get("weights", {}).items()}
        body = call(
            "tools_app.consensus",
            {
                "tool_ids": given["tool_ids"],
                "symbol": given.get("symbol"),
                "data": given.get("data"),
                "weights": list(weights.items()),
                "vetoes": given.get("vetoes", [tool.id for tool in tools if tool.only_warns]),
                "agreement": given["agreement"],
                "confidence": given["confidence"],
            },
            user_id=request.user.pk,
        )
        return answered(body)


def opened(request: Request, ids: Sequence[int]) -> list[Tool]:
    """Return the tools asked for; 400 names the one that is unknown, 403 the plan of one locked."""
    tools = []
    for place, number in enumerate(ids):
        try:
            tools.append(catalogue().get(number))
        except LookupError:
            text = f"No tool {number}; GET /api/v1/tools lists them."
            raise ValidationError({f"tool_ids/{place}": [text]}) from None
    for tool in tools:
        if not selectors.is_open(request.user, tool):
            raise PlanRequired(tool.name, opens_with=tool.tier.value)
    return tools


def answered(body: Mapping[str, Any]) -> Response:
    """Return the worker's answer, or 400 with what it found wrong in the request."""
    if "faults" in body:
        raise ValidationError(
            {item["path"].strip("/"): [item["detail"]] for item in body["faults"]}
        )
    return Response(body)
