"""Tables of execution: where each account stands, and who may act for it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from trading.execution.states import Standing
from trading.ledger.models import Account
from trading.scopes import KINDS


class AccountState(models.Model):
    """Where an account stands towards its broker, and who holds it now. Without a row: disabled.

    The token rises with each holder; the database refuses what an older one would send.
    """

    account = models.OneToOneField(
        Account, on_delete=models.PROTECT, primary_key=True, related_name="standing"
    )
    state = models.CharField(
        max_length=11, choices=[(one.value, one.value) for one in Standing],
        default=Standing.DISABLED.value,
    )  # fmt: skip
    reason = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(db_default=Now())
    token = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    known_from = models.DateTimeField(null=True, help_text="what was before came as its opening")
    reconciled_at = models.DateTimeField(null=True, help_text="start of the newest clean pass")
    ceiling = models.CharField(
        max_length=300,
        blank=True,
        help_text="why it may do no more than reduce, whatever a reconciliation finds",
    )
    accept_actor = models.CharField(max_length=80, blank=True)
    accept_reason = models.CharField(
        max_length=300, blank=True, help_text="why the next pass books what differs"
    )

    def __str__(self) -> str:
        return f"{self.account_id} {self.state}"


class Heartbeat(models.Model):
    """A bot or a person that promised signs of life: silent for too long, its scope is stopped."""

    kind = models.CharField(max_length=8, choices=[(one, one) for one in KINDS])
    target = models.CharField(max_length=64)
    limit_s = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now(), help_text="newest sign of life")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("kind", "target"), name="heartbeat_of_scope"),
            models.CheckConstraint(name="heartbeat_limit", condition=Q(limit_s__gte=5)),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}"
