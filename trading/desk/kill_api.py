"""REST of the kill switch."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import second_factor
from accounts.keys.verifying import Grant
from accounts.models import User
from trading.desk import stopping
from trading.desk.rest import TradingMixin, actor, refusals
from trading.scopes import KINDS

OBJECT = OpenApiTypes.OBJECT


class KillSerializer(serializers.Serializer[Any]):
    """What to stop, or to let go on."""

    scope = serializers.ChoiceField(
        choices=(stopping.OWN, *KINDS), default=stopping.OWN,
        help_text="own: all accounts of yours. Only operators stop what is not theirs.",
    )  # fmt: skip
    id = serializers.CharField(max_length=64, required=False, default="", allow_blank=True)
    state = serializers.ChoiceField(
        choices=("halted", "off"), default="halted", help_text="off lets it go on; no key may."
    )
    reason = serializers.CharField(max_length=200)


class KillSwitch(TradingMixin, APIView):
    """The kill switch."""

    @extend_schema(operation_id="kill_switch_state", responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        """List the switches that are set and stop you."""
        user, operator = cast(User, request.user), stopping.is_operator(request)
        return Response({"results": stopping.set_switches(user, operator=operator)})

    @extend_schema(operation_id="kill_switch", request=KillSerializer, responses={200: OBJECT})
    def post(self, request: Request) -> Response:
        """Stop: block new orders and ask for the cancel of working ones. To repeat it is harmless.

        `complete` is false when a part could not be done, which `failed` then says; what could be
        was done. Letting go on is a person's, and reconciles first.
        """
        sent = KillSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        given, user = sent.validated_data, cast(User, request.user)
        off = given["state"] == "off"
        if off and isinstance(request.auth, Grant):
            raise PermissionDenied("No key may let trading go on. Sign in with a browser to do it.")
        with refusals():
            scope = stopping.scope_of(
                user, given["scope"], given["id"], operator=stopping.is_operator(request)
            )
            who = stopping.actor_of(user, scope, actor(request))
            told = {"actor": who, "reason": given["reason"]}
            report = (
                stopping.go_on(scope, proved_at=second_factor.proved_at(request), **told)
                if off
                else stopping.stop(scope, **told)
            )
        return Response(
            {
                "scope": scope.kind, "id": scope.id, "state": given["state"],
                "complete": not report.failed, "done": report.done, "failed": report.failed,
            }
        )  # fmt: skip
