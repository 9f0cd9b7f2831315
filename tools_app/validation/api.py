"""REST of the validation lab: asking, following, stopping, reading the table."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from record.access import REPORT
from record.rest import IdempotentMixin
from tools_app.lab.api import (
    AskingMixin,
    ProgressSerializer,
    accepted,
    refusals,
)
from tools_app.models import ValidationRun
from tools_app.validation import access, selectors
from tools_app.validation.blocks import EFFECTS
from tools_app.validation.services import MOST_PATHS


class QuestionSerializer(serializers.Serializer[Any]):
    """What a validation asks."""

    effect = serializers.ChoiceField(
        choices=list(EFFECTS), default="on", help_text="Planted effects on, off or reversed."
    )
    paths = serializers.IntegerField(
        min_value=1, max_value=MOST_PATHS, help_text="Simulated paths of each kind."
    )
    seed = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, default=1, help_text="The same seed, the same table."
    )
    tools = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        required=False, allow_null=True, max_length=60,
        help_text="Ids of tools; all that paths can judge when left out.",
    )  # fmt: skip


class PhaseSerializer(serializers.Serializer[Any]):
    """One part of a run."""

    name = serializers.CharField()
    kind = serializers.CharField(allow_null=True)
    done = serializers.IntegerField(help_text="blocks")
    total = serializers.IntegerField(help_text="blocks")
    paths_done = serializers.IntegerField()
    paths = serializers.IntegerField()


class ValidationProgressSerializer(ProgressSerializer):
    """How far a validation is."""

    phases = PhaseSerializer(many=True)
    paths_done = serializers.IntegerField()
    paths = serializers.IntegerField()


class RunSerializer(serializers.Serializer[ValidationRun]):
    """A validation without its table."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=ValidationRun.State.choices)
    effect = serializers.ChoiceField(choices=list(EFFECTS))
    seed = serializers.IntegerField()
    paths = serializers.IntegerField()
    tools = serializers.ListField(child=serializers.IntegerField())
    own = serializers.BooleanField(help_text="asked by you")
    created = serializers.DateTimeField()
    finished = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: ValidationRun) -> dict[str, Any]:
        """Return what the pages show, too."""
        return selectors.run_payload(instance, self.context["request"].user)


class WholeRunSerializer(RunSerializer):
    """A validation with its progress and its table."""

    progress = ValidationProgressSerializer()
    table = serializers.DictField(
        allow_null=True,
        help_text=(
            "null until the run is done; lines (a locked tool has its name and the plan that opens "
            "it), family with its probability by kind, fans by tool, and a summary in words"
        ),
    )

    def to_representation(self, instance: ValidationRun) -> dict[str, Any]:
        """Add progress and table."""
        return selectors.whole_payload(instance, self.context["request"].user)


class ValidationList(IdempotentMixin, AskingMixin, generics.ListAPIView[ValidationRun]):
    """Validations: the list, and asking for one."""

    entitlement = access.VIEW
    key_scope = REPORT
    asking = access.RUN
    serializer_class = RunSerializer
    queryset = ValidationRun.objects.none()

    @extend_schema(operation_id="validations")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the validations that you may see, newest first, by cursor."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="validation_ask", request=QuestionSerializer,
        responses={200: WholeRunSerializer, 202: WholeRunSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Ask for a validation: 202 while it is at work, 200 when the same was answered before."""
        asked = QuestionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals("validation_at_work"):
            run = access.ask_for(request.user, **{"tools": None, **asked.validated_data})
        body = WholeRunSerializer(run, context={"request": request}).data
        done = run.state == ValidationRun.State.DONE
        return accepted(body, done=done, where=reverse("api-validation", args=[run.pk]))

    def get_queryset(self) -> QuerySet[ValidationRun]:
        """Return the runs that the caller sees."""
        return access.visible(self.request.user).defer("table")


class ValidationDetail(APIView):
    """One validation."""

    entitlement = access.VIEW

    @extend_schema(operation_id="validation", responses=WholeRunSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        """Return a validation with its progress and, once it is done, its table."""
        run = access.LAB.run_of(request.user, run_id)
        return Response(WholeRunSerializer(run, context={"request": request}).data)


class ValidationCancel(IdempotentMixin, APIView):
    """Stopping a validation."""

    entitlement = access.VIEW
    key_scope = REPORT

    @extend_schema(operation_id="validation_cancel", request=None, responses=WholeRunSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        """Stop a validation of yours; its blocks stay, and asking again goes on from there."""
        access.cancel_for(request.user, access.LAB.run_of(request.user, run_id))
        run = access.LAB.run_of(request.user, run_id)
        return Response(WholeRunSerializer(run, context={"request": request}).data)
