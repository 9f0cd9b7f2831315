"""Tables of bots: who competes, with which configuration, and what they reported."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from leaderboard.ranking.models import Bucket, Cell, Folded, Mark, Standing
from leaderboard.trusting.models import Appeal, Likeness

__all__ = (
    "GENESIS", "Appeal", "Bot", "Bucket", "Cell", "ChainHead", "ConfigVersion", "Downtime",
    "Folded", "Heartbeat", "Hosted", "Likeness", "Mark", "Metric", "PublishedDay", "Standing",
    "Trade",
)  # fmt: skip
GENESIS = "0" * 64
"""What stands before the first trade of a chain."""


class Bot(models.Model):
    """A competitor. It is never removed: a bot that its owner deletes is delisted.

    `head_seq` and `head_hash` say where the chain of its trades ends.
    """

    class Kind(models.TextChoices):
        """Where it runs."""

        EXTERNAL = "external", "reports over REST"
        HOSTED = "hosted", "runs here"

    class Market(models.TextChoices):
        """Whose clock and prices it trades by."""

        REAL = "real", "real markets"
        SIMULATED = "simulated", "simulated markets"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="bots"
    )
    owner_mark = models.CharField(
        max_length=16, db_index=True, help_text="tells owners apart in public without naming them"
    )
    owner_name = models.CharField(
        max_length=40, blank=True, help_text="public, chosen by the owner"
    )
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.EXTERNAL)
    market = models.CharField(max_length=9, choices=Market.choices, default=Market.REAL)
    config_public = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)
    delisted_at = models.DateTimeField(null=True)
    head_seq = models.BigIntegerField(default=0)
    head_hash = models.CharField(max_length=64, default=GENESIS)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint("owner", Lower("name"), name="bot_name_of_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class ConfigVersion(models.Model):
    """One configuration of a bot: an entry of its own, with a record of its own. Never changed."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField(help_text="canonical JSON, RFC 8785")
    config_hash = models.CharField(max_length=64, help_text="SHA-256 of the text")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=("bot", "number"), name="configversion_once"),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id} v{self.number}"


class Trade(models.Model):
    """A reported trade as it was received: rows are added alone, each sealed to the one before.

    `executed_at` and `reported_pnl` are the bot's claims; `received_at` is the server's clock.
    `legs` holds action, symbol, kind, quantity and price of each leg, numbers as text.
    """

    class Tier(models.TextChoices):
        """How much of the trade the server knows by itself."""

        SELF_REPORTED = "self_reported", "self-reported"
        CHECKED = "checked", "checked"
        SERVER_PRICED = "server_priced", "server-priced"
        BROKER_VERIFIED = "broker_verified", "broker-verified"

    class Market(models.TextChoices):
        """Which prices it was held against. What was traded on a replayed day ranks nowhere."""

        REAL = "real", "real"
        SIMULATED = "simulated", "simulated"
        REPLAYED = "replayed", "replayed"

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="trades")
    version = models.ForeignKey(ConfigVersion, on_delete=models.PROTECT, related_name="trades")
    seq = models.BigIntegerField()
    client_trade_id = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    executed_at = models.DateTimeField(null=True)
    action = models.CharField(max_length=10)
    symbol = models.CharField(max_length=32)
    legs = models.JSONField()
    fee = models.DecimalField(max_digits=20, decimal_places=8)
    reported_pnl = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    market = models.CharField(max_length=9, choices=Market.choices)
    tier = models.CharField(max_length=16, choices=Tier.choices)
    reasons = models.JSONField(help_text="why it did not reach a higher tier, in words")
    evidence = models.JSONField(help_text="the quotes that the server held it against")
    source = models.CharField(max_length=40, blank=True, help_text="who confirmed the execution")
    reference = models.CharField(max_length=120, blank=True, help_text="its id there")
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("bot", "seq"), name="trade_seq_once"),
            models.UniqueConstraint(fields=("bot", "client_trade_id"), name="trade_client_id_once"),
            models.UniqueConstraint(
                fields=("source", "reference"),
                condition=~Q(source=""),
                name="trade_execution_once",
            ),
            models.CheckConstraint(name="trade_seq_from_one", condition=Q(seq__gte=1)),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("bot", "symbol"), name="trade_symbol"),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id}/{self.seq} {self.action} {self.symbol}"


class Hosted(models.Model):
    """The bot of a strategy that runs here.

    Without a bot, `refused` says why the strategy is on no board.
    """

    strategy = models.OneToOneField(
        "trading.Strategy", on_delete=models.PROTECT, related_name="hosted"
    )
    bot = models.OneToOneField(Bot, on_delete=models.PROTECT, null=True, related_name="hosted")
    refused = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "hosted bots"

    def __str__(self) -> str:
        return f"{self.strategy_id}"


class Heartbeat(models.Model):
    """When a bot was last heard of, and how often it promised to be."""

    bot = models.OneToOneField(Bot, on_delete=models.PROTECT, related_name="heartbeat")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    every_s = models.PositiveIntegerField(default=0, help_text="0: it promised nothing")
    status = models.CharField(max_length=80, blank=True, help_text="in the bot's own words")

    def __str__(self) -> str:
        return f"{self.bot_id} {self.last_at:%Y-%m-%d %H:%M:%S}"


class Downtime(models.Model):
    """A time in which a bot was not heard of for three times as long as it promised."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="downtimes")
    started = models.DateTimeField()
    ended = models.DateTimeField()

    class Meta:
        ordering = ("-started",)

    def __str__(self) -> str:
        return f"{self.bot_id} {self.started:%Y-%m-%d %H:%M}"


class Metric(models.Model):
    """The newest value of a number that a bot reports about itself. For its owner alone."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="metrics")
    name = models.CharField(max_length=40)
    value = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=("bot", "name"), name="metric_once")]

    def __str__(self) -> str:
        return f"{self.bot_id} {self.name}"


class PublishedDay(models.Model):
    """The heads of all chains as one number, published once a day. Rows are added alone."""

    day = models.DateField(unique=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the canonical list of heads")
    chains = models.PositiveIntegerField()
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.day}"


class ChainHead(models.Model):
    """Where the chain of one bot ended when a day was published. Rows are added alone."""

    published = models.ForeignKey(PublishedDay, on_delete=models.PROTECT, related_name="heads")
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="published_heads")
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=("published", "bot"), name="chainhead_once")]

    def __str__(self) -> str:
        return f"{self.bot_id}/{self.seq}"
