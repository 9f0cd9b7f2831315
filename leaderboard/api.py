"""REST of bots: registered, configured, heard of, delisted. Trades: `leaderboard.trade_api`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.models import User
from leaderboard import configs, selectors, services
from leaderboard import serializers as shapes
from leaderboard.models import Bot, ConfigVersion
from leaderboard.rest import (
    GatedMixin,
    bars,
    bot_or_404,
    check_bot,
    own_bot_or_404,
    refusals,
    viewer,
    whole,
)
from record.access import SESSION_ONLY
from record.rest import IdempotentMixin
from tools_app.api import one_of, plain

OBJECT = OpenApiTypes.OBJECT
SESSION_ONLY_TO_CHANGE = MappingProxyType({"PATCH": SESSION_ONLY})
VERSION = OpenApiParameter(
    "version", OpenApiTypes.INT, description="Number of the configuration; left out: the newest."
)


class BotSerializer(serializers.BaseSerializer[Bot]):
    """A bot as every interface gives it."""

    def to_representation(self, instance: Bot) -> Any:
        """Return the bot's body."""
        return selectors.bot_payload(instance, viewer(self.context["request"], instance))


class BotRegister(GatedMixin, IdempotentMixin, APIView):
    """Registration."""

    @extend_schema(
        operation_id="bot_register", request=shapes.RegisterSerializer,
        responses={200: OBJECT, 201: OBJECT},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Register a bot: 201 with its id and `config_hash`, 200 when it is there already."""
        asked = shapes.RegisterSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return _registered(request, asked.validated_data)


class BotImport(GatedMixin, IdempotentMixin, APIView):
    """Replication."""

    @extend_schema(
        operation_id="bot_import", request=shapes.ImportSerializer,
        responses={200: OBJECT, 201: OBJECT},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a bot of an exported configuration; it has the same hash as the original."""
        asked = shapes.ImportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        if given["format"] != configs.FORMAT:
            raise ValidationError({"format": [f"Give {configs.FORMAT!r}, as an export has it."]})
        return _registered(request, given)


def _registered(request: Request, given: Mapping[str, Any]) -> Response:
    if bars(request, None):  # such a key may only find its own bot again
        named = Bot.objects.filter(owner=request.user.pk, name__iexact=given["name"].strip())
        check_bot(request, named.values_list("pk", flat=True).first())
    with refusals():
        bot, fresh = services.register(
            cast(User, request.user),
            name=given["name"],
            owner_name=given["owner"],
            config=given["config"],
            config_hash=given["config_hash"],
            market=given["market"],
        )
    body = {
        **selectors.bot_payload(bot, request.user),
        "config_hash": services.newest(bot).config_hash,
    }
    code = status.HTTP_201_CREATED if fresh else status.HTTP_200_OK
    return Response(body, status=code, headers={"Location": reverse("api-bot", args=[bot.pk])})


class BotList(GatedMixin, generics.ListAPIView[Bot]):
    """All bots."""

    serializer_class = BotSerializer
    queryset = Bot.objects.none()

    @extend_schema(
        operation_id="bots",
        parameters=[
            OpenApiParameter("owner", description="Mark of an owner, or `me`."),
            OpenApiParameter("market", enum=Bot.Market.values),
            OpenApiParameter("delisted", enum=["yes", "no"], description="Left out: all."),
            OpenApiParameter("name", description="A part of the name."),
        ],
        responses={200: OBJECT},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List bots, newest first, by cursor; delisted ones stay in the list."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Bot]:
        """Return the bots that the query asks for."""
        owner = plain(self.request, "owner")
        delisted = one_of(self.request, "delisted", ["yes", "no"])
        found = selectors.bots(
            owner="" if owner == "me" else owner,
            market=one_of(self.request, "market", Bot.Market.values),
            delisted=None if not delisted else delisted == "yes",
            name=plain(self.request, "name"),
        )
        return found.filter(owner=self.request.user.pk or 0) if owner == "me" else found


class BotDetail(GatedMixin, APIView):
    """One bot."""

    key_scope = SESSION_ONLY_TO_CHANGE

    @extend_schema(operation_id="bot", responses={200: OBJECT})
    def get(self, request: Request, bot_id: int) -> Response:
        """Return a bot with its entries and downtimes; private parts are for its owner."""
        found = bot_or_404(bot_id)
        return Response(selectors.whole_payload(found, viewer(request, found)))

    @extend_schema(
        operation_id="bot_publish", request=shapes.PublishSerializer, responses={200: OBJECT}
    )
    def patch(self, request: Request, bot_id: int) -> Response:
        """Show the configurations of a bot of yours to everybody, or to you alone."""
        bot = own_bot_or_404(request, bot_id)
        asked = shapes.PublishSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        services.publish_config(bot.pk, public=asked.validated_data["config_public"])
        return Response(selectors.bot_payload(own_bot_or_404(request, bot_id), request.user))


class BotDelist(GatedMixin, APIView):
    """Leaving the competition. It cannot be undone, so no key may do it."""

    key_scope = SESSION_ONLY

    @extend_schema(operation_id="bot_delist", request=None, responses={200: OBJECT})
    def post(self, request: Request, bot_id: int) -> Response:
        """Delist a bot of yours. Its record stays, and counts as a try of yours for ever."""
        services.delist(own_bot_or_404(request, bot_id).pk)
        return Response(selectors.bot_payload(own_bot_or_404(request, bot_id), request.user))


class BotConfig(GatedMixin, IdempotentMixin, APIView):
    """The configuration of a bot."""

    @extend_schema(operation_id="bot_config", parameters=[VERSION], responses={200: OBJECT})
    def get(self, request: Request, bot_id: int) -> Response:
        """Return a configuration, if it is yours or published."""
        return Response(selectors.version_payload(_version(request, bot_id), seen=True))

    @extend_schema(
        operation_id="bot_configure", request=shapes.ConfigureSerializer,
        responses={200: OBJECT, 201: OBJECT},
    )  # fmt: skip
    def put(self, request: Request, bot_id: int) -> Response:
        """Change the configuration: 201 with a new entry and an empty record, 200 if the same."""
        bot = own_bot_or_404(request, bot_id)
        asked = shapes.ConfigureSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals():
            version, fresh = services.configure(bot.pk, **asked.validated_data)
        code = status.HTTP_201_CREATED if fresh else status.HTTP_200_OK
        return Response(selectors.version_payload(version, seen=True), status=code)


class BotConfigExport(GatedMixin, APIView):
    """The configuration as a document."""

    @extend_schema(operation_id="bot_config_export", parameters=[VERSION], responses={200: OBJECT})
    def get(self, request: Request, bot_id: int) -> Response:
        """Return a configuration to import elsewhere, if it is yours or published."""
        version = _version(request, bot_id)
        return Response(selectors.export(version.bot, version))


class BotConfigChanges(GatedMixin, APIView):
    """Differences between configurations."""

    @extend_schema(
        operation_id="bot_config_changes",
        parameters=[
            OpenApiParameter("before", OpenApiTypes.INT, required=True),
            OpenApiParameter("after", OpenApiTypes.INT, required=True),
        ],
        responses={200: OBJECT},
    )
    def get(self, request: Request, bot_id: int) -> Response:
        """Return where two configurations differ, by JSON pointer."""
        before, after = (_version(request, bot_id, name) for name in ("before", "after"))
        found = configs.differences(json.loads(before.text), json.loads(after.text))
        return Response(
            {
                "before": before.number,
                "after": after.number,
                "changes": [change._asdict() for change in found],
            }
        )


def _version(request: Request, bot_id: int, name: str = "version") -> ConfigVersion:
    """Return a configuration that the caller may see; any other is as if it did not exist."""
    bot = bot_or_404(bot_id)
    if not selectors.sees_config(viewer(request, bot), bot):
        raise Http404
    number = whole(request, name)
    if number is None and name != "version":
        raise ValidationError({name: ["Give the number of a configuration."]})
    found = services.newest(bot) if number is None else bot.versions.filter(number=number).first()
    if found is None:
        raise Http404
    return found


class BotHeartbeat(GatedMixin, APIView):
    """Signs of life."""

    @extend_schema(
        operation_id="bot_heartbeat", request=shapes.HeartbeatSerializer, responses={200: OBJECT}
    )
    def post(self, request: Request, bot_id: int) -> Response:
        """Say that a bot of yours is alive."""
        bot = own_bot_or_404(request, bot_id)
        asked = shapes.HeartbeatSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals():
            beat = services.heartbeat(bot.pk, **asked.validated_data)
        return Response({"every_s": beat.every_s, "received_at": beat.last_at.isoformat()})


class BotMetrics(GatedMixin, APIView):
    """A bot's own numbers."""

    @extend_schema(
        operation_id="bot_metrics", request=shapes.MetricsSerializer, responses={200: OBJECT}
    )
    def post(self, request: Request, bot_id: int) -> Response:
        """Keep the newest values of a bot's own numbers. You alone see them."""
        bot = own_bot_or_404(request, bot_id)
        asked = shapes.MetricsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with refusals():
            kept = services.report_metrics(bot.pk, asked.validated_data["metrics"])
        return Response({"kept": kept})
