"""Tables of strategies: each with its versions, what it decided at each row, and its trades."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from market.models import FeedRun
from record.fields import StrictJSONField
from trading.ledger.models import Account, Amount
from trading.orders.models import Order


class Strategy(models.Model):
    """A bot that runs here, on one account. It is never removed: one that is over is ended."""

    class State(models.TextChoices):
        """What it does with new rows."""

        RUNNING = "running", "running"
        PAUSED = "paused", "paused: opens nothing, leaves what is open by its exits"
        ENDED = "ended", "ended"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="strategies"
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="strategies")
    name = models.CharField(max_length=60)
    state = models.CharField(max_length=7, choices=State.choices, default=State.PAUSED)
    reason = models.CharField(max_length=300, blank=True, help_text="why it is in that state")
    since = models.DateTimeField(db_default=Now())
    created = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "strategies"
        constraints = [
            models.UniqueConstraint("owner", Lower("name"), name="strategy_name_of_owner"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def origin(self) -> str:
        """What its orders say of who made them."""
        return f"strategy:{self.pk}"


class StrategyVersion(models.Model):
    """One configuration of a strategy. Never changed."""

    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField(help_text="canonical JSON, RFC 8785")
    config_hash = models.CharField(max_length=64, help_text="SHA-256 of the text")
    created = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=("strategy", "number"), name="strategyversion_once"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id} v{self.number}"


class StrategyTrade(models.Model):
    """One trade of a strategy, from its entry's order to flat. One is open at a time.

    Prices are $ a unit of the underlying, net over the legs: above 0 paid, below 0 received.
    """

    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="trades")
    version = models.ForeignKey(StrategyVersion, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    reading = models.CharField(max_length=20)
    kind = models.CharField(max_length=20, help_text="structure")
    legs = StrictJSONField(help_text="[symbol, ratio, multiplier as text]")
    settles = models.DateTimeField(help_text="settlement of its legs")
    loss = Amount(help_text="$ that a unit can lose")
    entry = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=20, blank=True, help_text="what said that it is left")
    asked_at = models.DateTimeField(help_text="market time of the row that entered")
    entered_at = models.DateTimeField(null=True, help_text="market time of its first fill")
    best = models.FloatField(default=0.0, help_text="best result, as a share of the loss")
    now = models.FloatField(null=True, help_text="newest result, as a share of the loss")
    ended_at = models.DateTimeField(null=True, help_text="market time")
    end = models.CharField(max_length=200, blank=True, help_text="how it ended")

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("strategy", "number"), name="strategytrade_once"),
            models.UniqueConstraint(
                fields=("strategy",), condition=Q(ended_at=None), name="strategytrade_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id}/{self.number}"


class StrategyDecision(models.Model):
    """What a strategy decided at one row, taken or not, with its reasons. Never changed.

    `seen` is what it was decided on: spot, votes, quotes, result, equity. What the risk gate said
    of the order stands with the order.
    """

    class Kind(models.TextChoices):
        """What was decided."""

        ENTER = "enter", "enter"
        STAY_OUT = "stay_out", "stay out"
        HOLD = "hold", "hold"
        LEAVE = "leave", "leave"
        WAIT = "wait", "wait for an order"
        END = "end", "trade over"

    version = models.ForeignKey(StrategyVersion, on_delete=models.PROTECT, related_name="decisions")
    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="decisions")
    run = models.ForeignKey(FeedRun, on_delete=models.PROTECT, related_name="+")
    row = models.BigIntegerField(help_text="of the market's frame")
    at = models.DateTimeField(help_text="market time of the row")
    session = models.DateField()
    made_at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=8, choices=Kind.choices)
    taken = models.BooleanField(help_text="an order came of it, and the gate let it pass")
    reasons = StrictJSONField(help_text="sentences, the decisive one first")
    seen = StrictJSONField(default=dict)
    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, null=True, related_name="of_strategy"
    )
    trade = models.ForeignKey(
        StrategyTrade, on_delete=models.PROTECT, null=True, related_name="decisions"
    )

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("strategy", "run", "row"), name="decision_once"),
        ]
        indexes = [
            models.Index(fields=("strategy", "-id"), name="decision_of_strategy"),
            models.Index(
                fields=("strategy", "-id"), condition=Q(taken=True), name="decision_taken"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id} {self.kind} at {self.at:%Y-%m-%d %H:%M}"
