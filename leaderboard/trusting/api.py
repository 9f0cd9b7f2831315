"""REST of appeals: the pairs that a bot of one's own is in, and what one says to them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from leaderboard.models import Likeness
from leaderboard.rest import OWN, GatedMixin, own_bot_or_404, refusals
from leaderboard.trusting import selectors, services
from leaderboard.trusting.models import LONGEST_APPEAL
from record.rest import IdempotentMixin

OBJECT = OpenApiTypes.OBJECT


class AppealSerializer(serializers.Serializer[Any]):
    """An appeal."""

    pair = serializers.IntegerField(help_text="Its id in the list.")
    text = serializers.CharField(max_length=LONGEST_APPEAL, help_text="Why the two are not alike.")


class PairBody(serializers.BaseSerializer[Likeness]):
    """A pair as the owner of one of its bots sees it."""

    def to_representation(self, instance: Likeness) -> Any:
        """Return the pair's body."""
        return selectors.pair_payload(instance, self.context["view"].bot)


class BotAppeals(GatedMixin, IdempotentMixin, generics.ListAPIView[Likeness]):
    """Pairs of a bot, and appeals."""

    entitlement = OWN
    serializer_class = PairBody
    queryset = Likeness.objects.none()

    @extend_schema(operation_id="bot_appeals", responses={200: OBJECT})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the pairs that a bot of yours is in, with what was found and your appeals."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="bot_appeal", request=AppealSerializer, responses={200: OBJECT, 201: OBJECT}
    )
    def post(self, request: Request, bot_id: int) -> Response:
        """Appeal: 201 with the appeal, 200 when the same one waits for its answer already."""
        bot = own_bot_or_404(request, bot_id)
        asked = AppealSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        try:
            with refusals():
                made, fresh = services.appeal(bot.pk, given["pair"], given["text"])
        except Likeness.DoesNotExist as error:
            raise Http404 from error
        code = status.HTTP_201_CREATED if fresh else status.HTTP_200_OK
        return Response(selectors.appeal_payload(made), status=code)

    def get_queryset(self) -> QuerySet[Likeness]:
        """Return the pairs of a bot of the caller."""
        self.bot = own_bot_or_404(self.request, self.kwargs["bot_id"])
        return selectors.of_bot(self.bot)
