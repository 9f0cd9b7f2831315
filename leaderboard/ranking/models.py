"""Tables of the rankings. All of it follows from the log of trades and the marks of days."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from leaderboard.ranking.groups import NAMES

HOURS = {24: "24 h", 168: "7 d", 720: "30 d", 2160: "90 d", 8760: "1 y", 0: "all"}
"""Windows by their hours; 0 is the whole record."""
METRICS = (
    "skill", "pnl", "return_share", "sharpe", "sortino", "calmar", "drawdown", "profit_factor",
    "win_rate", "exposure", "trades",
)  # fmt: skip
"""What a board can be ordered by: columns of `Standing`, the best first."""
RISING = ("drawdown", "exposure")
"""Metrics of which less is better."""


class Folded(models.Model):
    """How far a bot's log is folded into its cells."""

    bot = models.OneToOneField("leaderboard.Bot", on_delete=models.PROTECT, related_name="folded")
    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.bot_id} through {self.seq}"


class Cell(models.Model):
    """One entry on one board: a configuration, a market, a trust tier and those above it.

    `state` is the book as JSON, from which the next trade goes on. `due_at` is the instant, on
    the market's own clock, from which its standings are no longer those of now.
    """

    bot = models.ForeignKey("leaderboard.Bot", on_delete=models.PROTECT, related_name="cells")
    version = models.ForeignKey(
        "leaderboard.ConfigVersion", on_delete=models.PROTECT, related_name="cells"
    )
    market = models.CharField(max_length=9)
    tier = models.CharField(max_length=16)
    state = models.JSONField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(help_text="of its newest trade, on the market's clock")
    trades = models.PositiveIntegerField(default=0)
    below = models.PositiveIntegerField(default=0, help_text="trades of the entry below the tier")
    committed = models.DecimalField(
        max_digits=24, decimal_places=8, help_text="most that was at work at one time, US dollars"
    )
    capital = models.DecimalField(
        max_digits=24, decimal_places=8, help_text="as the configuration states it, US dollars"
    )
    due_at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("version", "market", "tier"), name="cell_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("market", "due_at"), name="cell_due"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.market} {self.tier}"


class Bucket(models.Model):
    """What a cell did in one hour or one day (UTC, the market's clock). US dollars.

    `profit` is the change of equity, `high` and `low` its extremes counted from the bucket's
    opening, `fall` the deepest fall within it. Where nothing happened there is no bucket.
    """

    class Span(models.TextChoices):
        """How long it is. Hours are kept for two days."""

        HOUR = "h", "hour"
        DAY = "d", "day"

    cell = models.ForeignKey(Cell, on_delete=models.CASCADE, related_name="buckets")
    span = models.CharField(max_length=1, choices=Span.choices)
    start = models.DateTimeField()
    profit = models.DecimalField(max_digits=24, decimal_places=8)
    high = models.DecimalField(max_digits=24, decimal_places=8)
    low = models.DecimalField(max_digits=24, decimal_places=8)
    fall = models.DecimalField(max_digits=24, decimal_places=8)
    fees = models.DecimalField(max_digits=24, decimal_places=8)
    spread = models.DecimalField(
        max_digits=24, decimal_places=8, help_text="paid against the middle of bid and offer"
    )
    trades = models.PositiveIntegerField()
    closings = models.PositiveIntegerField()
    wins = models.PositiveIntegerField()
    gains = models.DecimalField(max_digits=24, decimal_places=8)
    losses = models.DecimalField(max_digits=24, decimal_places=8)
    best = models.DecimalField(max_digits=24, decimal_places=8, help_text="largest single gain")
    exposed_s = models.FloatField(help_text="seconds with something open")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("cell", "span", "start"), name="bucket_once"),
        ]

    def __str__(self) -> str:
        return f"{self.cell_id} {self.span} {self.start:%Y-%m-%d %H}"


class Mark(models.Model):
    """A price that the server looked up once, for everybody and for ever; null: it had none."""

    market = models.CharField(max_length=9)
    instrument = models.CharField(max_length=32)
    at = models.DateTimeField()
    price = models.DecimalField(max_digits=24, decimal_places=8, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("market", "instrument", "at"), name="mark_once"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.at:%Y-%m-%d %H:%M}"


class Standing(models.Model):
    """The figures of a cell over one window, ready to be ordered. Null: not known.

    Sharpe and Sortino ratios are for a year. `skill` is the lower bound of the Sharpe ratio
    after the luck of all the owner's entries; `yesterday` its place by it a day ago.
    """

    cell = models.ForeignKey(Cell, on_delete=models.CASCADE, related_name="standings")
    market = models.CharField(max_length=9)
    tier = models.CharField(max_length=16)
    hours = models.PositiveIntegerField()
    group = models.PositiveSmallIntegerField(choices=list(NAMES.items()))
    flags = models.JSONField(default=list)
    skilled = models.BooleanField(default=False)
    trials = models.PositiveIntegerField(help_text="all entries of the owner")
    days = models.PositiveIntegerField(help_text="days with a trade or a change of equity")
    periods = models.PositiveIntegerField(help_text="days of the window since its first trade")
    skill = models.FloatField(null=True)
    pnl = models.DecimalField(max_digits=24, decimal_places=8)
    fees = models.DecimalField(max_digits=24, decimal_places=8)
    spread = models.DecimalField(max_digits=24, decimal_places=8)
    return_share = models.FloatField(null=True)
    sharpe = models.FloatField(null=True)
    sharpe_error = models.FloatField(null=True)
    sortino = models.FloatField(null=True)
    calmar = models.FloatField(null=True)
    drawdown = models.FloatField(null=True, help_text="share of the peak")
    profit_factor = models.FloatField(null=True)
    win_rate = models.FloatField(null=True)
    win_low = models.FloatField()
    win_high = models.FloatField()
    exposure = models.FloatField(null=True, help_text="share of time with something open")
    trades = models.PositiveIntegerField()
    closings = models.PositiveIntegerField()
    yesterday = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("cell", "hours"), name="standing_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                "market", "tier", "hours", "group",
                (F(name).asc if name in RISING else F(name).desc)(nulls_last=True), "cell",
                name=f"standing_{name}", condition=Q(days__gt=0),
            )
            for name in METRICS
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.cell_id} {HOURS[self.hours]}"
