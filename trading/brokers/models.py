"""The table of connections to brokers. What opens an account lies encrypted."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from record.fields import EncryptedField
from trading.ledger.models import Account


class BrokerConnection(models.Model):
    """The keys of one account at its broker.

    They are sealed for this owner, account, broker and mode: those of a practice account do not
    open in the row of another, nor once the account trades real money.
    """

    class State(models.TextChoices):
        """What the last look at the broker said."""

        WORKING = "working", "working"
        REFUSED = "refused", "the broker refuses the keys"
        AWAY = "away", "the broker was not reached"

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="connection")
    secret = EncryptedField(bind=("identity",), help_text="key and secret as JSON")
    shown = models.CharField(max_length=12, help_text="the end of the key, to tell keys apart")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WORKING)
    why = models.CharField(max_length=300, blank=True, help_text="what the broker said")
    checked = models.DateTimeField(help_text="when the broker was last asked")
    version = models.PositiveIntegerField(default=1, help_text="rises with each new pair of keys")
    venue_account = models.CharField(
        max_length=64, blank=True, help_text="digest of the account's number at the broker"
    )
    created = models.DateTimeField(db_default=Now())

    class Meta:
        # Two that act on one account at a broker take each other's orders for a stranger's.
        constraints = (
            models.UniqueConstraint(
                fields=["venue_account"], condition=~models.Q(venue_account=""),
                name="one_connection_of_a_venue_account",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"account {self.account_id} {self.state}"

    @property
    def identity(self) -> str:
        """What the keys are bound to."""
        account = self.account
        return f"{account.owner_id}|{account.pk}|{account.broker}|{account.mode}"
