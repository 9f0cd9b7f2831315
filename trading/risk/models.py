"""Tables of the gate: what owners and operators set, the days of accounts, the breakers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from trading.ledger.models import Account, Amount
from trading.scopes import KINDS, Scope


class LimitSetting(models.Model):
    """A limit that somebody set for a scope; of several that an order is in the least holds."""

    kind = models.CharField(max_length=8, choices=[(one, one) for one in KINDS])
    target = models.CharField(max_length=64, blank=True, help_text="the scope's id")
    name = models.CharField(max_length=24, help_text="of the table in trading.risk.limits")
    value = Amount()
    actor = models.CharField(max_length=80)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("kind", "target", "name"), name="limit_of_scope"),
            models.CheckConstraint(name="limit_from_zero", condition=Q(value__gte=0)),
            models.CheckConstraint(
                name="limit_global_alone", condition=~Q(kind="global") ^ Q(target="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.name} {self.value}"

    @property
    def scope(self) -> Scope:
        """What it acts on."""
        return Scope(self.kind, self.target)


class RiskProfile(models.Model):
    """What the owner of an account agreed to. Without a row: nothing."""

    account = models.OneToOneField(
        Account, on_delete=models.PROTECT, primary_key=True, related_name="risk"
    )
    market_orders = models.BooleanField(default=False)
    accepted = models.CharField(max_length=20, blank=True, help_text="version of the risks")
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="risk_accepted_when", condition=Q(accepted="") ^ Q(accepted_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.accepted or 'nothing accepted'}"


class AccountDay(models.Model):
    """An account's day on its market's clock. Profit is equity less what came from outside.

    It begins where the day before ended, so that a night's loss is the day's.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="days")
    day = models.DateField()
    first_equity = Amount()
    first_profit = Amount()
    highest_profit = Amount(help_text="of this day and all before")
    profit = Amount(help_text="newest")
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("account", "day"), name="account_day_once"),
            models.CheckConstraint(
                name="account_day_highest", condition=Q(highest_profit__gte=models.F("profit"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"


class Breaker(models.Model):
    """A breaker that opened: of one underlying in an account, or of the account.

    `until` it lets nothing pass; then one order may try, and closes it or opens it again. One on
    a loss lets pass what lowers risk, to the end of the day.
    """

    class Kind(models.TextChoices):
        """What it watches."""

        LOSS = "loss", "loss"
        SLIPPAGE = "slippage", "slippage"
        STALE = "stale", "stale market"

    class State(models.TextChoices):
        """What it lets pass."""

        OPEN = "open", "nothing"
        REDUCING = "reducing", "what lowers risk"
        HALF_OPEN = "half-open", "one order"
        TRYING = "trying", "nothing until that order ends"
        CLOSED = "closed", "everything"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="breakers")
    symbol = models.CharField(max_length=32, blank=True, help_text="underlying; none: all of it")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    reason = models.CharField(max_length=300)
    opened_at = models.DateTimeField()
    until = models.DateTimeField()
    times = models.PositiveIntegerField(default=1, help_text="opened in a row: each waits double")
    after = models.BigIntegerField(null=True, help_text="order before the one that tries")

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("account", "symbol", "kind"), condition=~Q(state="closed"),
                name="breaker_open_once",
            ),
            models.CheckConstraint(
                name="breaker_tries_after", condition=~Q(state="trying") | Q(after__isnull=False)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.what} {self.state}"

    @property
    def what(self) -> str:
        """What it is of, in words."""
        return f"{self.get_kind_display()} of {self.symbol or 'the account'}"
