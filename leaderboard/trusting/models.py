"""Tables of the trust queue."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

LONGEST_APPEAL = 4_000


class Likeness(models.Model):
    """Two bots of different owners that are alike, with what was found and what was decided.

    `first` has the lower id. `evidence` has the figures of the newest search that found the pair;
    `weight` is how much there is of it, in matching trades or common days, and `decided_weight`
    how much there was when it was decided.
    """

    class Kind(models.TextChoices):
        """How they are alike."""

        CLONE = "clone", "clone"
        MIRROR = "mirror", "mirror"

    class State(models.TextChoices):
        """What operators made of it."""

        OPEN = "open", "open"
        CONFIRMED = "confirmed", "confirmed"
        DISMISSED = "dismissed", "dismissed"

    first = models.ForeignKey("leaderboard.Bot", on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey("leaderboard.Bot", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    evidence = models.JSONField()
    weight = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="newest search that found it")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decided_weight = models.PositiveIntegerField(default=0)
    note = models.TextField(blank=True, help_text="the operator's reason; both owners read it")

    class Meta:
        verbose_name_plural = "likenesses"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=("first", "second"), name="likeness_once"),
            models.CheckConstraint(name="likeness_ordered", condition=Q(first__lt=F("second"))),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("second", "state"), name="likeness_second"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.first_id} and {self.second_id}"


class Appeal(models.Model):
    """What the owner of one of the two says to it, and what an operator answered."""

    likeness = models.ForeignKey(Likeness, on_delete=models.PROTECT, related_name="appeals")
    bot = models.ForeignKey("leaderboard.Bot", on_delete=models.PROTECT, related_name="appeals")
    text = models.TextField(max_length=LONGEST_APPEAL)
    at = models.DateTimeField()
    answer = models.TextField(blank=True)
    answered = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("likeness", "bot"), condition=Q(answered=None), name="appeal_open_once"
            ),
        ]

    def __str__(self) -> str:
        return f"appeal {self.pk} of bot {self.bot_id}"
