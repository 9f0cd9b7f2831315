"""Shapes of what bots send and are answered, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from leaderboard import reports
from leaderboard.claims import ACTIONS, MOST_LEGS, OPTION_ACTIONS, UNIT_ACTIONS
from leaderboard.models import Bot, Trade

HASH_HELP = "SHA-256 of the canonical JSON (RFC 8785) of the configuration, in hexadecimal."


class RegisterSerializer(serializers.Serializer[Any]):
    """A bot and its first configuration."""

    name = serializers.CharField(max_length=60, help_text="Public, one of a kind among yours.")
    owner = serializers.CharField(
        max_length=40, required=False, allow_blank=True, default="",
        help_text="The name under which you appear; public.",
    )  # fmt: skip
    config = serializers.JSONField(help_text="An object of up to 64 KiB; private until published.")
    config_hash = serializers.CharField(
        max_length=64, required=False, allow_null=True, default=None, help_text=HASH_HELP
    )
    market = serializers.ChoiceField(
        choices=Bot.Market.choices, default=Bot.Market.REAL,
        help_text="Whose prices and clock it trades by; it stays so.",
    )  # fmt: skip


class ImportSerializer(serializers.Serializer[Any]):
    """An exported configuration, to run the same as a bot of one's own."""

    format = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=60, help_text="Of the new bot.")
    owner = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    market = serializers.ChoiceField(choices=Bot.Market.choices, default=Bot.Market.REAL)
    version = serializers.IntegerField(required=False)
    config = serializers.JSONField()
    config_hash = serializers.CharField(max_length=64, help_text=HASH_HELP)


class ConfigureSerializer(serializers.Serializer[Any]):
    """A configuration that replaces the one before."""

    config = serializers.JSONField()
    config_hash = serializers.CharField(
        max_length=64, required=False, allow_null=True, default=None, help_text=HASH_HELP
    )


class PublishSerializer(serializers.Serializer[Any]):
    """Who may see the configurations."""

    config_public = serializers.BooleanField()


class HeartbeatSerializer(serializers.Serializer[Any]):
    """A sign of life."""

    every_s = serializers.IntegerField(
        required=False, allow_null=True, default=None,
        help_text="Seconds until the next one: three times that without one is a downtime.",
    )  # fmt: skip
    status = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")


class MetricsSerializer(serializers.Serializer[Any]):
    """A bot's own numbers. You alone see them."""

    metrics = serializers.DictField(child=serializers.JSONField(), help_text="Numbers by name.")


class LegSerializer(serializers.Serializer[Any]):
    """One leg of a spread."""

    action = serializers.ChoiceField(choices=(*OPTION_ACTIONS, *UNIT_ACTIONS))
    symbol = serializers.CharField(help_text="OCC symbol, stock symbol, or pair such as BTC/USD.")
    quantity = serializers.CharField(help_text="Contracts, shares or coins, above 0.")
    price = serializers.CharField(help_text="Per unit, as quoted.")


class ExecutionSerializer(serializers.Serializer[Any]):
    """Names an execution that a source can confirm."""

    source = serializers.CharField()  # type: ignore[assignment]
    reference = serializers.CharField()


class TradeSerializer(serializers.Serializer[Any]):
    """A trade as a bot reports it. Numbers are best sent as text."""

    client_trade_id = serializers.CharField(
        help_text="1 to 64 visible characters, one of a kind in the bot: repeats change nothing."
    )
    action = serializers.ChoiceField(choices=ACTIONS)
    symbol = serializers.CharField(
        required=False, help_text="OCC symbol of an option, stock symbol, or pair such as BTC/USD."
    )
    quantity = serializers.CharField(required=False, help_text="Above 0; a spread has it by leg.")
    price = serializers.CharField(required=False, help_text="Per unit; a spread has it by leg.")
    legs = LegSerializer(many=True, required=False, help_text=f"2 to {MOST_LEGS}, of a SPREAD.")
    fee = serializers.CharField(required=False, help_text="Paid for all of it, US dollars.")
    executed_at = serializers.DateTimeField(
        required=False, help_text="With its zone; left out, it is the receipt."
    )
    pnl = serializers.CharField(required=False, help_text="Your own figure: kept as a claim only.")
    execution = ExecutionSerializer(required=False)


class TradesSerializer(serializers.Serializer[Any]):
    """Many trades at once."""

    trades = TradeSerializer(many=True, help_text=f"1 to {reports.MOST_ROWS:,}, in their order.")


class TradeAnswerSerializer(serializers.Serializer[Any]):
    """What became of a trade."""

    status = serializers.ChoiceField(choices=(reports.STORED, reports.REPEATED))
    seq = serializers.IntegerField(help_text="Its number in the bot's chain.")
    hash = serializers.CharField()
    tier = serializers.ChoiceField(choices=Trade.Tier.choices)
    reasons = serializers.ListField(
        child=serializers.CharField(), help_text="Why it did not reach a higher tier."
    )
    received_at = serializers.DateTimeField(help_text="The server's clock.")


class RowAnswerSerializer(serializers.Serializer[Any]):
    """What became of one row of many."""

    index = serializers.IntegerField()
    client_trade_id = serializers.CharField()
    status = serializers.ChoiceField(
        choices=(reports.STORED, reports.REPEATED, reports.CONFLICT, reports.REFUSED)
    )
    seq = serializers.IntegerField(allow_null=True)
    tier = serializers.CharField(allow_null=True)
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField()
    )


class TradesAnswerSerializer(serializers.Serializer[Any]):
    """What became of many trades; those that were stored stay stored."""

    stored = serializers.IntegerField()
    repeated = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="Conflicts among them.")
    results = RowAnswerSerializer(many=True)
