"""REST of strategies: made, configured, started, paused, ended, with all that they decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.keys.verifying import Grant
from accounts.models import User
from market.reach import reach_of
from record.access import SAFE_METHODS, TRADE
from record.rest import IdempotentMixin
from tools_app.api import one_of
from trading.ledger.book import LedgerError
from trading.models import Strategy, StrategyDecision
from trading.strategies import selectors, services
from trading.strategies.config import ConfigError

PAPER: Final = "trading.paper"
OBJECT = OpenApiTypes.OBJECT
STEPS: Final = {"start": services.start, "pause": services.pause, "end": services.end}


class StrategyMixin:
    """Lets the gates see what a view needs: writing needs a key with `trade`, of no other bot."""

    entitlement = PAPER
    key_scope = TRADE

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a key that acts for one bot: a strategy is another."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        grant = request.auth
        changes = request.method not in SAFE_METHODS
        if changes and isinstance(grant, Grant) and grant.bot is not None:
            raise PermissionDenied(f"This key acts for bot {grant.bot} alone, and no strategy.")


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a service refuses into problems that name the field."""
    try:
        yield
    except ConfigError as error:
        faults: dict[str, Any] = {}
        for path, text in error.faults.items():
            _put(faults, ["config", *filter(None, path.split("/"))], text)
        raise ValidationError(faults) from error
    except LedgerError as error:
        found: dict[str, Any] = {}
        _put(found, error.field.split("/") if error.field else ["non_field_errors"], str(error))
        raise ValidationError(found) from error


def _put(faults: dict[str, Any], path: list[str], text: str) -> None:
    """Put a fault where its path leads; one above it says enough."""
    for part in path[:-1]:
        inner = faults.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        faults = inner
    faults.setdefault(path[-1], [text])


def own_or_404(request: Request, strategy_id: int) -> Strategy:
    """Return a strategy of the caller; another's is as if it did not exist."""
    found = selectors.own(cast(User, request.user)).filter(pk=strategy_id).first()
    if found is None:
        raise Http404
    return found


def actor(request: Request) -> str:
    """Return who acts, as the audit names them: a key is no person."""
    grant = request.auth
    return f"key {grant.key_id}" if isinstance(grant, Grant) else f"user {request.user.pk}"


def _told(request: Request, strategy: Strategy) -> dict[str, Any]:
    return selectors.as_json(strategy, reach_of(request.user))


class CreateSerializer(serializers.Serializer[Any]):
    """A strategy to make."""

    name = serializers.CharField(max_length=60)
    account = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    config = serializers.JSONField(help_text="What it leaves out has its default.")


class ConfigSerializer(serializers.Serializer[Any]):
    """A configuration."""

    config = serializers.JSONField()


class StepSerializer(serializers.Serializer[Any]):
    """What a strategy is to do."""

    do = serializers.ChoiceField(choices=tuple(STEPS))


class StrategyList(StrategyMixin, IdempotentMixin, generics.GenericAPIView[Strategy]):
    """Strategies."""

    queryset = Strategy.objects.none()

    @extend_schema(operation_id="strategies", responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        """List your strategies, newest first, by cursor."""
        page = self.paginate_queryset(selectors.own(cast(User, request.user)))
        reach = reach_of(request.user)
        return self.get_paginated_response(selectors.all_json(page or [], reach))

    @extend_schema(
        operation_id="strategy_create", request=CreateSerializer,
        responses={200: OBJECT, 201: OBJECT},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a paused strategy on a paper account: 201, or 200 when it is there already."""
        asked = CreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        with refusals():
            strategy, fresh = services.create(
                cast(User, request.user), given["account"], name=given["name"],
                given=given["config"],
            )  # fmt: skip
        code = status.HTTP_201_CREATED if fresh else status.HTTP_200_OK
        where = reverse("api-strategy", args=[strategy.pk])
        return Response(_told(request, strategy), status=code, headers={"Location": where})


class StrategyDetail(StrategyMixin, IdempotentMixin, APIView):
    """One strategy."""

    @extend_schema(operation_id="strategy", responses={200: OBJECT})
    def get(self, request: Request, strategy_id: int) -> Response:
        """Return a strategy of yours with its configuration, its open trade and its record."""
        return Response(_told(request, own_or_404(request, strategy_id)))

    @extend_schema(operation_id="strategy_step", request=StepSerializer, responses={200: OBJECT})
    def post(self, request: Request, strategy_id: int) -> Response:
        """Start, pause or end a strategy of yours. Ending leaves what is open at the next row."""
        strategy = own_or_404(request, strategy_id)
        asked = StepSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals():
            STEPS[asked.validated_data["do"]](strategy.pk, actor=actor(request))
        return Response(_told(request, own_or_404(request, strategy_id)))

    @extend_schema(
        operation_id="strategy_configure", request=ConfigSerializer,
        responses={200: OBJECT, 201: OBJECT},
    )  # fmt: skip
    def put(self, request: Request, strategy_id: int) -> Response:
        """Change the configuration: 201 with a new version and an empty record, 200 if the same."""
        strategy = own_or_404(request, strategy_id)
        asked = ConfigSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals():
            _, fresh = services.configure(
                strategy.pk, given=asked.validated_data["config"], actor=actor(request)
            )
        code = status.HTTP_201_CREATED if fresh else status.HTTP_200_OK
        return Response(_told(request, own_or_404(request, strategy_id)), status=code)


class DecisionSerializer(serializers.BaseSerializer[StrategyDecision]):
    """A decision as every interface gives it."""

    def to_representation(self, instance: StrategyDecision) -> Any:
        """Return the decision's body."""
        return selectors.decision_json(instance, reach_of(self.context["request"].user))


class StrategyDecisions(StrategyMixin, generics.ListAPIView[StrategyDecision]):
    """What a strategy decided."""

    serializer_class = DecisionSerializer
    queryset = StrategyDecision.objects.none()

    @extend_schema(
        operation_id="strategy_decisions",
        parameters=[OpenApiParameter("taken", enum=["yes", "no"], description="Left out: all.")],
        responses={200: OBJECT},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List what a strategy of yours decided at each row, newest first, with its reasons."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[StrategyDecision]:
        """Return the decisions that the query asks for."""
        taken = one_of(self.request, "taken", ["yes", "no"])
        strategy = own_or_404(self.request, self.kwargs["strategy_id"])
        return selectors.decisions(strategy, taken=None if not taken else taken == "yes")
