"""The view, its serializer and its route."""

from django.shortcuts import get_object_or_404
from django.urls import path
from rest_framework.generics import CreateAPIView
from rest_framework.serializers import BaseSerializer, ModelSerializer

from bench.support.plain_drf.models import Bot, Trade


class TradeSerializer(ModelSerializer[Trade]):
    """A trade, checked field by field."""

    class Meta:
        model = Trade
        fields = (
            "id", "client_trade_id", "received_at", "executed_at", "action", "symbol",
            "quantity", "price", "fee", "pnl",
        )  # fmt: skip


class TradeCreate(CreateAPIView[Trade]):
    """Stores one trade of a bot of the caller."""

    queryset = Trade.objects.all()
    serializer_class = TradeSerializer

    def perform_create(self, serializer: BaseSerializer[Trade]) -> None:
        """Give the trade its bot."""
        mine = Bot.objects.filter(owner=self.request.user)
        serializer.save(bot=get_object_or_404(mine, pk=self.kwargs["bot_id"]))


urlpatterns = [path("api/v1/bots/<int:bot_id>/trade", TradeCreate.as_view())]
