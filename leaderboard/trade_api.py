"""REST of trades: reported, read, verified, and the heads that are published each day."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any, Final

from django.core.cache import cache
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.keys.lean import Asked, LeanMixin
from leaderboard import chain, reports, selectors
from leaderboard import serializers as shapes
from leaderboard.claims import ACTIONS
from leaderboard.models import Bot, PublishedDay, Trade
from leaderboard.rest import (
    Conflict,
    FieldError,
    GatedMixin,
    bars,
    bot_or_404,
    own_bot_or_404,
    refusals,
    sentence,
    whole,
)
from market.api import instant
from market.reach import reach_of
from tools_app.api import one_of, plain

OBJECT = OpenApiTypes.OBJECT
VERIFIED_FOR_S: Final = 30
ANSWERED: Final = ("seq", "received_at", "market", "tier", "reasons", "hash")
"""What a report is answered with."""
FILTERS: Final = [
    OpenApiParameter("version", OpenApiTypes.INT, description="Entry, by its configuration."),
    OpenApiParameter("tier", enum=Trade.Tier.values),
    OpenApiParameter("action", enum=list(ACTIONS)),
    OpenApiParameter("symbol", description="Its beginning."),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="Received from this on."),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Received before this."),
]


class BotTrade(GatedMixin, LeanMixin, APIView):
    """One trade."""

    @extend_schema(
        operation_id="bot_trade", request=shapes.TradeSerializer,
        responses={200: shapes.TradeAnswerSerializer, 201: shapes.TradeAnswerSerializer},
    )  # fmt: skip
    def post(self, request: Request, bot_id: int) -> Response:
        """Report a trade: 201 when it is stored, 200 with the same answer when it was before."""
        code, body = reported(request, bot_id)
        return Response(body, status=code)

    def lean_post(self, asked: Asked, **kwargs: Any) -> tuple[int, Any]:
        """Report a trade by a key."""
        return reported(asked, kwargs["bot_id"])


def reported(asked: Request | Asked, bot_id: int) -> tuple[int, Any]:
    """Take one report and return the status and the body of its answer."""
    row = taken(asked, bot_id, [asked.data])[0]
    if row.trade is None:
        raise FieldError(row.faults)
    if row.status == reports.CONFLICT:
        raise Conflict(_conflict(row), "client_trade_id_reused", differences=_differences(row))
    told = selectors.trade_payload(row.trade, reach_of(asked.user))
    body = {"status": row.status, **{name: told[name] for name in ANSWERED}}
    stored = row.status == reports.STORED
    return status.HTTP_201_CREATED if stored else status.HTTP_200_OK, body


def taken(asked: Request | Asked, bot_id: int, bodies: list[Any]) -> list[reports.Row]:
    """Report trades of a bot of the caller; another's is as if it did not exist."""
    if bars(asked, bot_id):
        own_bot_or_404(asked, bot_id)
    try:
        with refusals():
            return reports.report(bot_id, bodies, owner=asked.user.pk)
    except Bot.DoesNotExist:
        raise Http404 from None


def _conflict(row: reports.Row) -> str:
    name, (stored, given) = next(iter(row.differences.items()))
    return (
        f"The trade {row.client_trade_id} is stored with another {name}: {stored}, not {given}. "
        "Stored trades never change; report a new one under a new client_trade_id."
    )


def _differences(row: reports.Row) -> list[dict[str, Any]]:
    return [
        {"field": name, "stored": stored, "given": given}
        for name, (stored, given) in row.differences.items()
    ]


class TradeBody(serializers.BaseSerializer[Trade]):
    """A trade as it was stored."""

    def to_representation(self, instance: Trade) -> Any:
        """Return the trade's body."""
        return selectors.trade_payload(instance, reach_of(self.context["request"].user))


class BotTrades(GatedMixin, generics.ListAPIView[Trade]):
    """The log of trades."""

    serializer_class = TradeBody
    queryset = Trade.objects.none()

    @extend_schema(operation_id="bot_trades", parameters=FILTERS, responses={200: OBJECT})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List trades with all that their hashes cover, newest first, by cursor."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="bot_report_trades", request=shapes.TradesSerializer,
        responses={200: shapes.TradesAnswerSerializer},
    )  # fmt: skip
    def post(self, request: Request, bot_id: int) -> Response:
        """Report up to 1,000 trades; the answer tells row by row what became of each."""
        given = request.data.get("trades") if isinstance(request.data, dict) else None
        if not isinstance(given, list) or not 1 <= len(given) <= reports.MOST_ROWS:
            own_bot_or_404(request, bot_id)
            raise ValidationError({"trades": [f"Give a list of 1 to {reports.MOST_ROWS:,}."]})
        rows = taken(request, bot_id, given)
        counts = [row.status for row in rows]
        stored, repeated = counts.count(reports.STORED), counts.count(reports.REPEATED)
        return Response(
            {
                "stored": stored,
                "repeated": repeated,
                "refused": len(rows) - stored - repeated,
                "results": [_result(row) for row in rows],
            }
        )

    def get_queryset(self) -> QuerySet[Trade]:
        """Return the trades that the query asks for."""
        return selectors.trades(
            bot_or_404(self.kwargs["bot_id"]),
            version=whole(self.request, "version"),
            tier=one_of(self.request, "tier", Trade.Tier.values),
            action=one_of(self.request, "action", ACTIONS),
            symbol=plain(self.request, "symbol"),
            since=instant(self.request, "since"),
            until=instant(self.request, "until"),
        )


def _result(row: reports.Row) -> dict[str, Any]:
    errors = [
        {"path": f"/trades/{row.index}/{name}".rstrip("/"), "detail": sentence(text)}
        for name, text in row.faults.items()
    ]
    if row.status == reports.CONFLICT:
        errors = [{"path": f"/trades/{row.index}/client_trade_id", "detail": _conflict(row)}]
    return {
        "index": row.index,
        "client_trade_id": row.client_trade_id,
        "status": row.status,
        "seq": None if row.trade is None else row.trade.seq,
        "tier": None if row.trade is None else row.trade.tier,
        "errors": errors,
    }


class BotPerformance(GatedMixin, APIView):
    """What a bot earned."""

    @extend_schema(
        operation_id="bot_performance",
        parameters=[FILTERS[0]],
        responses={200: OBJECT},
    )
    def get(self, request: Request, bot_id: int) -> Response:
        """Return profit, equity and drawdown of an entry, computed here from its legs."""
        bot = bot_or_404(bot_id)
        number = whole(request, "version")
        versions = bot.versions.order_by("-number")
        version = (versions if number is None else versions.filter(number=number)).first()
        if version is None:
            raise Http404
        return Response({"version": version.number, **selectors.record(bot, version)})


class BotVerify(GatedMixin, APIView):
    """Whether a log is as it was written."""

    @extend_schema(operation_id="bot_verify", responses={200: OBJECT})
    def get(self, request: Request, bot_id: int) -> Response:
        """Walk a bot's chain of trades and name the first row that was altered, if one was."""
        return Response(verified(bot_or_404(bot_id)))


def verified(bot: Bot) -> dict[str, Any]:
    """Return what a walk over a bot's chain finds; asked again at once, the same walk answers."""
    key = f"leaderboard.verify:{bot.pk}:{bot.head_seq}:{bot.head_hash}"
    known: dict[str, Any] | None = cache.get(key)
    if known is None:
        found = chain.verify(bot)
        known = {
            "sound": found.fault is None,
            "trades": found.trades,
            "head": {"seq": bot.head_seq, "hash": bot.head_hash},
            "first_altered": None if found.fault is None else asdict(found.fault),
            "checked": timezone.now().isoformat(),
        }
        cache.set(key, known, VERIFIED_FOR_S)
    return known


class DayBody(serializers.BaseSerializer[PublishedDay]):
    """A day's heads."""

    def to_representation(self, instance: PublishedDay) -> Any:
        """Return the day with the digest of its heads."""
        return {
            "day": instance.day.isoformat(),
            "digest": instance.digest,
            "chains": instance.chains,
            "published": instance.made_at.isoformat(),
        }


class HeadDays(GatedMixin, generics.ListAPIView[PublishedDay]):
    """Days whose heads were published."""

    serializer_class = DayBody
    queryset = PublishedDay.objects.all()

    @extend_schema(operation_id="bot_head_days", responses={200: OBJECT})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the days, newest first. Note a digest elsewhere to hold this log to it."""
        return super().get(request, *args, **kwargs)


class HeadsOfDay(GatedMixin, APIView):
    """The heads of one day."""

    @extend_schema(operation_id="bot_heads", responses={200: OBJECT})
    def get(self, request: Request, day: dt.date) -> Response:
        """Return where each chain ended; `digest` is the SHA-256 of `heads` as canonical JSON."""
        found = PublishedDay.objects.filter(day=day).first()
        if found is None:
            raise Http404
        heads = found.heads.order_by("bot_id").values_list("bot_id", "seq", "hash")
        return Response({**DayBody(found).data, "heads": [list(head) for head in heads]})
