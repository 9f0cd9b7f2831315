"""Tables of the ledger. Entries and postings are added alone; balances follow from them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from record.fields import StrictJSONField
from trading.ledger.book import PLACES, Side

DIGITS = 48


class Amount(models.DecimalField):  # type: ignore[type-arg]
    """Money or a quantity, exact."""

    def __init__(self, **more: object) -> None:
        super().__init__(**{"max_digits": DIGITS, "decimal_places": PLACES} | more)  # type: ignore[arg-type]


class Account(models.Model):
    """A brokerage account, on paper or live. Its row is the lock of everything that it owns."""

    class Mode(models.TextChoices):
        """Whether money is real: a broker's practice accounts are paper too."""

        PAPER = "paper", "paper"
        LIVE = "live", "live"

    class Method(models.TextChoices):
        """Which cost a closed quantity had."""

        FIFO = "fifo", "first in, first out"
        AVERAGE = "average", "average cost"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="brokerage_accounts",
    )
    name = models.CharField(max_length=60)
    mode = models.CharField(max_length=5, choices=Mode.choices)
    broker = models.CharField(max_length=20, help_text="paper, or the broker's name")
    currency = models.CharField(max_length=8, default="USD")
    method = models.CharField(max_length=7, choices=Method.choices, default=Method.FIFO)
    credit = Amount(default=0, help_text="how far holds may go beyond the cash")
    seq = models.BigIntegerField(default=0, help_text="number of its newest journal entry")
    created = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                name="account_paper_apart",
                condition=Q(mode="paper") | Q(mode="live") & ~Q(broker="paper"),
            ),
            models.CheckConstraint(name="account_credit", condition=Q(credit__gte=0)),
            models.UniqueConstraint(fields=("owner", "name"), name="account_name_of_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.mode})"


class JournalEntry(models.Model):
    """One fact in the books of an account: balanced postings under one number. Never changed.

    `facts` is what happened, exact numbers as text; the postings follow from it.
    """

    class Kind(models.TextChoices):
        """What happened."""

        FILL = "fill", "fill"
        FEE = "fee", "fee"
        DEPOSIT = "deposit", "deposit"
        WITHDRAWAL = "withdrawal", "withdrawal"
        DIVIDEND = "dividend", "dividend"
        INTEREST = "interest", "interest"
        EXERCISE = "exercise", "exercise"
        ASSIGNMENT = "assignment", "assignment"
        EXPIRY = "expiry", "expiry"
        SETTLEMENT = "settlement", "cash settlement"
        ADJUSTMENT = "adjustment", "adjustment"
        HOLD = "hold", "hold"
        REVERSAL = "reversal", "reversal"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries")
    seq = models.BigIntegerField()
    source = models.CharField(max_length=40, help_text="who says so")
    external_id = models.CharField(max_length=120, help_text="the fact's id there")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField(help_text="when it happened")
    booked_at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=300, blank=True)
    facts = StrictJSONField()
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="reversed_by"
    )

    class Meta:
        ordering = ("account", "seq")
        verbose_name_plural = "journal entries"
        constraints = [
            models.UniqueConstraint(fields=("account", "seq"), name="entry_seq_once"),
            models.UniqueConstraint(
                fields=("account", "source", "external_id"), name="entry_fact_once"
            ),
            models.CheckConstraint(
                name="entry_says_why",
                condition=~Q(kind__in=("adjustment", "reversal")) | ~Q(reason=""),
            ),
            models.CheckConstraint(
                name="entry_reverses", condition=Q(kind="reversal") ^ Q(reverses=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.seq} {self.kind}"


class Posting(models.Model):
    """An amount on one account of the books, in the currency or in an instrument's units."""

    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="postings")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="postings")
    side = models.CharField(max_length=12, choices=[(one.value, one.value) for one in Side])
    unit = models.CharField(max_length=32, help_text="the currency or an instrument")
    instrument = models.CharField(max_length=32, blank=True, help_text="of a cost or a profit")
    amount = Amount()

    class Meta:
        constraints = [
            models.CheckConstraint(name="posting_moves", condition=~Q(amount=0)),
        ]
        indexes = [
            models.Index(
                name="posting_of_a_loss", fields=["account"], include=["entry", "instrument"],
                condition=Q(side=Side.REALISED.value, amount__gt=0),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.side} {self.amount} {self.unit}"


class Balance(models.Model):
    """The sum of the postings of one account of the books; the database keeps it."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="balances")
    side = models.CharField(max_length=12)
    unit = models.CharField(max_length=32)
    instrument = models.CharField(max_length=32, blank=True)
    amount = Amount()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("account", "side", "unit", "instrument"), name="balance_once"
            ),
            models.CheckConstraint(
                name="holds_from_zero", condition=~Q(side="holds") | Q(amount__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.side} {self.amount} {self.unit}"


class Position(models.Model):
    """What an account holds of one instrument, with its lots; written with each entry."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="positions")
    symbol = models.CharField(max_length=32)
    multiplier = Amount()
    quantity = Amount(help_text="below zero when short")
    cost = Amount(help_text="below zero when short")
    realised = Amount(default=0, help_text="earned by closing, before fees")
    lots = StrictJSONField(default=list, help_text="[quantity, cost] as text, oldest first")

    class Meta:
        ordering = ("symbol",)
        constraints = [
            models.UniqueConstraint(fields=("account", "symbol"), name="position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.quantity} {self.symbol}"
