"""What the REST of the labs shares: refusals, answers, and the shape of progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from tools_app.lab.access import BusyError, NotInPlanError
from tools_app.sharing import QuestionError


def sentence(error: QuestionError) -> str:
    """Return what is wrong as a sentence."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


class Busy(APIException):
    """The caller's last run is still at work."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, error: BusyError, code: str) -> None:
        super().__init__(sentence(error), code)
        self.problem = {"run": error.run}


class BeyondPlan(APIException):
    """A larger plan opens what was asked: 403 with the plan's name."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "plan_required"

    def __init__(self, error: NotInPlanError) -> None:
        super().__init__({error.field: [sentence(error)]})
        self.problem = {"opens_with": error.opens_with}

    def get_codes(self) -> str:
        """Return the one code of this refusal."""
        return self.default_code


@contextmanager
def refusals(busy: str) -> Iterator[None]:
    """Turn what is wrong with a question into problems; `busy` is the code of one at work."""
    try:
        yield
    except BusyError as error:
        raise Busy(error, busy) from error
    except NotInPlanError as error:
        raise BeyondPlan(error) from error
    except QuestionError as error:
        raise ValidationError({error.field: [sentence(error)]}) from error


class AskingMixin:
    """Lets the gate see that asking needs more than reading. Stands before APIView in the bases."""

    entitlement: str
    asking: str

    def check_permissions(self, request: Request) -> None:
        """Check the entitlement of what is asked."""
        if request.method == "POST":
            self.entitlement = self.asking
        super().check_permissions(request)  # type: ignore[misc]


def accepted(body: Any, *, done: bool, where: str) -> Response:
    """Return a run that was asked for: 202 while it is at work, 200 when it was answered before."""
    code = status.HTTP_200_OK if done else status.HTTP_202_ACCEPTED
    return Response(body, status=code, headers={"Location": where})


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a run is."""

    done = serializers.IntegerField(help_text="parts of all phases")
    total = serializers.IntegerField()
    unit = serializers.CharField(help_text="what a part is called")
    rate = serializers.FloatField(allow_null=True, help_text="things a second")
    eta_s = serializers.ListField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="seconds to go, from and to; null while not known",
    )
    updated = serializers.DateTimeField(allow_null=True)
    age_s = serializers.FloatField(allow_null=True, help_text="of the last update")
    workers = serializers.IntegerField(help_text="parts that are being computed")
    waiting = serializers.BooleanField(help_text="no worker has taken it up")
    stopped = serializers.CharField(allow_null=True, help_text="why its jobs ended early")
