"""REST of the optimizer: parameters in use, and searches asked for, followed and stopped."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.permissions import PlanRequired
from record.access import REPORT
from record.rest import IdempotentMixin
from tools_app.api import tool_or_404
from tools_app.lab.api import AskingMixin, ProgressSerializer, accepted, refusals
from tools_app.models import OptimizeRun
from tools_app.optimize import access, selectors, services
from tools_app.optimize.bars import TIMEFRAMES
from tools_app.optimize.regimes import Regime
from tools_app.payloads import tool_ref
from tools_app.selectors import is_open


class PlaceSerializer(serializers.Serializer[object]):
    """Where parameters are asked for."""

    symbol = serializers.CharField(max_length=32)
    timeframe = serializers.CharField(max_length=4)
    regime = serializers.CharField(max_length=8, required=False)

    def validate_timeframe(self, value: str) -> str:
        """Refuse a timeframe that there is not."""
        return _one_of(value, list(TIMEFRAMES))

    def validate_regime(self, value: str) -> str:
        """Refuse a regime that there is not."""
        return _one_of(value, [one.value for one in Regime])


def _one_of(value: str, known: list[str]) -> str:
    if value not in known:
        raise serializers.ValidationError(f"{value!r} is unknown; give one of {', '.join(known)}.")
    return value


class ToolParameters(APIView):
    """The parameters that a tool uses somewhere."""

    entitlement = "tools.view"

    @extend_schema(
        operation_id="tool_parameters",
        parameters=[
            OpenApiParameter("symbol", required=True, description="Such as GOOG or BTC/USD."),
            OpenApiParameter(
                "timeframe", required=True, description="Of the bars.", enum=list(TIMEFRAMES)
            ),
            OpenApiParameter(
                "regime",
                description="Of the market; left out: each of them.",
                enum=[one.value for one in Regime],
            ),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, key: str) -> Response:
        """Return which parameters are in use at a symbol and timeframe, since when, and why."""
        tool = tool_or_404(key)
        if not is_open(request.user, tool):
            raise PlanRequired(tool.name, opens_with=tool.tier.value)
        asked = PlaceSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        place = asked.validated_data
        symbol, timeframe = place["symbol"].upper(), place["timeframe"]
        regimes = [Regime(place["regime"])] if "regime" in place else list(Regime)
        return Response(
            {
                "tool": tool_ref(tool),
                "symbol": symbol,
                "timeframe": timeframe,
                "parameters": selectors.in_use(
                    tool, symbol=symbol, timeframe=timeframe, regimes=regimes
                ),
            }
        )


class SearchQuestionSerializer(serializers.Serializer[Any]):
    """What a search asks. The bars stored by now are used."""

    tools = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        max_length=60,
        help_text=f"Ids of tools, of {', '.join(map(str, services.TOOLS))}.",
    )
    symbols = serializers.ListField(
        child=serializers.CharField(max_length=32),
        max_length=services.MOST_UNITS,
        help_text="Equities and crypto pairs with stored bars.",
    )
    timeframes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(TIMEFRAMES)),
        default=["1d"],
        help_text="Of the bars.",
    )
    regimes = serializers.ListField(
        child=serializers.ChoiceField(choices=[one.value for one in Regime]),
        default=[one.value for one in Regime],
        help_text="Of the market; each is searched by itself.",
    )
    trials = serializers.IntegerField(
        min_value=2,
        max_value=services.MOST_TRIALS,
        default=50,
        help_text="Settings of each fold, the default among them.",
    )
    folds = serializers.IntegerField(
        min_value=2, max_value=services.MOST_FOLDS, default=services.FOLDS
    )
    seed = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, default=1, help_text="The same seed, the same search."
    )


class SearchPhaseSerializer(serializers.Serializer[Any]):
    """One part of a search."""

    name = serializers.CharField()
    kind = serializers.CharField(allow_null=True)
    done = serializers.IntegerField(help_text="folds")
    total = serializers.IntegerField(help_text="folds")
    settings_done = serializers.IntegerField()
    settings = serializers.IntegerField()


class SearchProgressSerializer(ProgressSerializer):
    """How far a search is."""

    phases = SearchPhaseSerializer(many=True)
    settings_done = serializers.IntegerField(help_text="a fold without enough bars judges none")
    settings = serializers.IntegerField()


class SearchSerializer(serializers.Serializer[OptimizeRun]):
    """A search without its units."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=OptimizeRun.State.choices)
    tools = serializers.ListField(child=serializers.IntegerField())
    symbols = serializers.ListField(child=serializers.CharField())
    timeframes = serializers.ListField(child=serializers.CharField())
    regimes = serializers.ListField(child=serializers.CharField())
    trials = serializers.IntegerField()
    folds = serializers.IntegerField()
    seed = serializers.IntegerField()
    places = serializers.IntegerField(help_text="tools x symbols x timeframes x regimes")
    settings = serializers.IntegerField(help_text="places x folds x trials")
    until = serializers.DateTimeField(help_text="bars that ended by then are used")
    own = serializers.BooleanField(help_text="asked by you")
    created = serializers.DateTimeField()
    finished = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: OptimizeRun) -> dict[str, Any]:
        """Return what the pages show, too."""
        return selectors.run_payload(instance, self.context["request"].user)


class WholeSearchSerializer(SearchSerializer):
    """A search with its progress and its units."""

    progress = SearchProgressSerializer()
    units = serializers.ListField(
        child=serializers.DictField(),
        allow_null=True,
        help_text=(
            "null until the search is done; each with verdict, reasons, figures, and the "
            "parameters found beside the default. A locked tool has its name and the plan that "
            "opens it."
        ),
    )

    def to_representation(self, instance: OptimizeRun) -> dict[str, Any]:
        """Add progress and units."""
        return selectors.whole_payload(instance, self.context["request"].user)


def _whole(request: Request, run: OptimizeRun) -> dict[str, Any]:
    return dict(WholeSearchSerializer(run, context={"request": request}).data)


def _asked(request: Request, run: OptimizeRun) -> Response:
    done = run.state == OptimizeRun.State.DONE
    where = reverse("api-search", args=[run.pk])
    return accepted(_whole(request, run), done=done, where=where)


class SearchList(IdempotentMixin, AskingMixin, generics.ListAPIView[OptimizeRun]):
    """Searches: the list, and asking for one."""

    entitlement = access.VIEW
    key_scope = REPORT
    asking = access.RUN
    serializer_class = SearchSerializer
    queryset = OptimizeRun.objects.none()

    @extend_schema(operation_id="searches")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the searches that you may see, newest first, by cursor."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="search_ask", request=SearchQuestionSerializer,
        responses={200: WholeSearchSerializer, 202: WholeSearchSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Ask for a search: 202 while it is at work, 200 when the same was answered before."""
        asked = SearchQuestionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals("search_at_work"):
            run = access.ask_for(request.user, **asked.validated_data)
        return _asked(request, run)

    def get_queryset(self) -> QuerySet[OptimizeRun]:
        """Return the searches that the caller sees."""
        return access.visible(self.request.user)


class SearchDetail(APIView):
    """One search."""

    entitlement = access.VIEW

    @extend_schema(operation_id="search", responses=WholeSearchSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        """Return a search with its progress and, once it is done, its units."""
        return Response(_whole(request, access.LAB.run_of(request.user, run_id)))


class SearchCancel(IdempotentMixin, APIView):
    """Stopping a search."""

    entitlement = access.VIEW
    key_scope = REPORT

    @extend_schema(operation_id="search_cancel", request=None, responses=WholeSearchSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        """Stop a search of yours; its folds stay, and resuming goes on from there."""
        access.cancel_for(request.user, access.LAB.run_of(request.user, run_id))
        return Response(_whole(request, access.LAB.run_of(request.user, run_id)))


class SearchResume(IdempotentMixin, APIView):
    """Letting a search go on."""

    entitlement = access.RUN
    key_scope = REPORT

    @extend_schema(
        operation_id="search_resume", request=None,
        responses={200: WholeSearchSerializer, 202: WholeSearchSerializer},
    )  # fmt: skip
    def post(self, request: Request, run_id: int) -> Response:
        """Go on from the folds that are there; more bars since, or changed tools, make another."""
        with refusals("search_at_work"):
            run = access.resume_for(request.user, access.LAB.run_of(request.user, run_id))
        return _asked(request, run)
