"""Tables of the switches: where each stands, and every turn of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from trading.scopes import KINDS, Scope


class SwitchState(models.TextChoices):
    """What a switch lets pass, from the laxest. Cancels always pass."""

    OFF = "off", "trading"
    REDUCING = "reducing", "only what reduces"
    HALTED = "halted", "nothing"


class Turn(models.Model):
    """What a switch and a turn of it have in common: a scope, a state, who and why."""

    kind = models.CharField(max_length=8, choices=[(one, one) for one in KINDS])
    target = models.CharField(max_length=64, blank=True, help_text="the scope's id")
    state = models.CharField(max_length=8, choices=SwitchState.choices)
    actor = models.CharField(max_length=80)
    reason = models.CharField(max_length=300)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.scope} {self.state}"

    @property
    def scope(self) -> Scope:
        """What it acts on."""
        return Scope(self.kind, self.target)


class Switch(Turn):
    """Where the switch of a scope stands now. Without a row it is off."""

    since = models.DateTimeField()

    class Meta:
        verbose_name_plural = "switches"
        constraints = [
            models.UniqueConstraint(fields=("kind", "target"), name="switch_of_scope"),
            models.CheckConstraint(
                name="switch_global_alone", condition=~Q(kind="global") ^ Q(target="")
            ),
            models.CheckConstraint(name="switch_says_why", condition=~Q(reason="")),
        ]


class SwitchChange(Turn):
    """One turn of a switch. Never changed."""

    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=("kind", "target", "-id"), name="switch_history")]
        constraints = [
            models.CheckConstraint(name="switch_change_says_why", condition=~Q(reason="")),
        ]
