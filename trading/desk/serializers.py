"""Shapes of what REST takes; exact numbers as text or JSON numbers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from trading.brokers.symbols import usual_time
from trading.ledger.models import DIGITS
from trading.models import Account
from trading.orders.intents import KINDS, LONGEST_INTENT, MOST_LEGS, TIMES

_PLACES = 12
MOST_RATIO = 1000


class Number(serializers.DecimalField):
    """An exact number."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"max_digits": DIGITS, "decimal_places": _PLACES} | more)


class OpenSerializer(serializers.Serializer[Any]):
    """A paper account to open."""

    name = serializers.CharField(max_length=60)
    cash = Number(default=Decimal(100_000), help_text="US dollars that it begins with.")
    market = serializers.CharField(
        max_length=40, help_text="Whose quotes fill its orders: simulator:SYMBOL or replay:RUN."
    )
    method = serializers.ChoiceField(
        choices=Account.Method.choices, default=Account.Method.FIFO,
        help_text="Which cost a closed quantity had.",
    )  # fmt: skip


class OrderLegSerializer(serializers.Serializer[Any]):
    """One instrument of an order."""

    symbol = serializers.CharField(
        max_length=32, help_text="A share's, a coin pair's, or an option's OCC symbol."
    )
    ratio = serializers.IntegerField(
        min_value=-MOST_RATIO, max_value=MOST_RATIO,
        help_text="How many a unit buys; below zero: sells.",
    )  # fmt: skip


class PricedSerializer(serializers.Serializer[Any]):
    """What an order may say of its price and time."""

    limit_price = Number(
        required=False, allow_null=True,
        help_text="Of a unit. A package's is net: above zero paid, below zero received.",
    )  # fmt: skip
    stop_price = Number(required=False, allow_null=True)
    trail = Number(
        required=False, allow_null=True, help_text="How far a trailing stop stays behind."
    )


class PairSerializer(serializers.Serializer[Any]):
    """A stop beside a limit order that leaves a position: one cancels the other."""

    stop_loss = Number(required=False, allow_null=True, help_text="The price that triggers it.")
    trail = Number(
        required=False, allow_null=True,
        help_text="In its place: how far the stop stays behind the best price.",
    )  # fmt: skip


class BracketSerializer(PairSerializer):
    """Exits that an order's fill sets free; a fill of one cancels the other."""

    take_profit = Number(
        required=False, allow_null=True,
        help_text="Read like the order's own price: of a package what the whole is worth.",
    )  # fmt: skip


class WantedSerializer(PricedSerializer):
    """What is wanted, without an id."""

    account = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    legs = OrderLegSerializer(
        many=True, help_text=f"1 to {MOST_LEGS}; they fill together or not at all."
    )
    quantity = Number(help_text="Units; above zero.")
    kind = serializers.ChoiceField(choices=tuple(KINDS), default="limit")
    time_in_force = serializers.ChoiceField(
        choices=TIMES, required=False, help_text="Left out: day, and gtc for coins."
    )
    bracket = BracketSerializer(required=False, allow_null=True)
    oco = PairSerializer(required=False, allow_null=True)

    def validate_legs(self, value: list[Mapping[str, Any]]) -> list[tuple[str, int]]:
        """Return the legs as pairs."""
        return [(one["symbol"], one["ratio"]) for one in value]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return what was sent, with the time that its instrument usually has."""
        first = next((symbol for symbol, _ in attrs["legs"]), "")
        return {"time_in_force": usual_time(first), **attrs}


class PlaceSerializer(WantedSerializer):
    """An order to place."""

    intent_id = serializers.CharField(
        max_length=LONGEST_INTENT, required=False, default="", allow_blank=True,
        help_text="Yours, of one thing that you want: sent again, it is the order that is there. "
        "Left out, it follows from the Idempotency-Key.",
    )  # fmt: skip


class ReplaceSerializer(PricedSerializer):
    """What shall be different of an order."""

    quantity = Number(required=False, allow_null=True)
    time_in_force = serializers.ChoiceField(choices=TIMES, required=False)
    intent_id = serializers.CharField(
        max_length=LONGEST_INTENT, required=False, default="", allow_blank=True
    )
