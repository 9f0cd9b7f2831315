"""Tables of the tools: what fired and how far each run has been evaluated."""

from __future__ import annotations

from django.db import models


class Side(models.IntegerChoices):
    """How a signal reads."""

    SHORT = -1, "short"
    NONE = 0, "volatility, no side"
    LONG = 1, "long"


class Signal(models.Model):
    """One firing of a tool in one run of a feed. Kept for good: it is the tools' record."""

    run = models.ForeignKey("market.FeedRun", on_delete=models.CASCADE, related_name="signals")
    row = models.ForeignKey(
        "market.FrameRow", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    tool_id = models.PositiveSmallIntegerField()
    tool_slug = models.SlugField()
    tool_tier = models.CharField(max_length=16)
    tool_version = models.CharField(max_length=16)
    params_digest = models.CharField(max_length=64)
    symbol = models.CharField(max_length=32)
    time = models.DateTimeField(help_text="market time of the frame row that fired")
    score = models.FloatField()
    threshold = models.FloatField()
    side = models.SmallIntegerField(choices=Side.choices)
    price = models.FloatField(null=True, help_text="underlying at that row")
    reasons = models.JSONField(help_text="conditions with their values, as shown")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # A repeated task finds the row that it made the first time.
            models.UniqueConstraint(fields=("run", "tool_id", "time"), name="signal_once"),
        ]
        indexes = [
            models.Index(fields=("symbol", "-time"), name="signal_symbol_time"),
            models.Index(fields=("tool_id", "-time"), name="signal_tool_time"),
        ]

    def __str__(self) -> str:
        return f"{self.tool_slug} {self.symbol} {self.time:%Y-%m-%d %H:%M}"


class Cursor(models.Model):
    """How far a run's frame rows of one kind have been evaluated, and what was seen there."""

    run = models.ForeignKey("market.FeedRun", on_delete=models.CASCADE, related_name="cursors")
    kind = models.CharField(max_length=16)
    through = models.DateTimeField(null=True, help_text="time of the last row that was evaluated")
    rows = models.PositiveIntegerField(default=0)
    tallies = models.JSONField(
        default=dict, help_text="{tool id: {rows, scored, fired, missing: {reason: rows}}}"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=("run", "kind"), name="cursor_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.kind} through {self.through}"
