"""Tables of the paper venue. They are its own: the books beside them say what this house knows."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import F, Max, Q
from django.db.models.functions import Now

from market import calendars
from market.models import FeedRun
from quant.kernels.fill_codes import Reason, State
from record.fields import StrictJSONField
from trading.ledger.models import Account, Amount, JournalEntry


class PaperAccount(models.Model):
    """An account at the paper venue: which market it follows, how far, and by which rules.

    A simulated market is told by its symbol and what made it, and goes on through the runs that
    play it one after the other; so does the live market of a symbol, a run a day. A replayed day
    is one run.
    """

    class Market(models.TextChoices):
        """Whose rows fill its orders."""

        SIMULATOR = "simulator", "simulated market"
        REPLAY = "replay", "replayed day, for practice"
        LIVE = "live", "live market"

    account = models.OneToOneField(
        Account, on_delete=models.PROTECT, primary_key=True, related_name="paper"
    )
    market = models.CharField(max_length=9, choices=Market.choices)
    symbol = models.CharField(max_length=32, help_text="the underlying that is traded there")
    world = StrictJSONField(default=dict, help_text="parameters that make a simulated market")
    run = models.ForeignKey(FeedRun, on_delete=models.PROTECT, null=True, related_name="+")
    latency_ms = models.PositiveIntegerField(default=250)
    half_spreads = models.FloatField(default=1.0, help_text="of the way from middle to touch")
    impact = models.FloatField(default=0.0, help_text="of the square-root law, on shares")
    through = models.DateTimeField(help_text="market time of the last row that it has seen")
    day = models.DateField(null=True, help_text="session of that row")
    swept = models.DateField(null=True, help_text="last session with its sweep done")
    night = models.DateField(null=True, help_text="last session with its night done")
    taken = StrictJSONField(default=dict, help_text="displayed size that its orders took")
    suspended = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="paper_has_its_market",
                condition=Q(market__in=("simulator", "live"), run=None)
                | Q(market="replay", run__isnull=False),
            ),
            # Harder than usual is anybody's choice, easier is nobody's.
            models.CheckConstraint(
                name="paper_is_no_easier",
                condition=Q(half_spreads__gte=1, half_spreads__lte=3, impact__gte=0, impact__lte=5)
                & Q(latency_ms__gte=250, latency_ms__lt=1_000),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} on {self.market} {self.symbol}"


class PaperOrder(models.Model):
    """An order as the venue has it, with how far it is on the rows. Instants are ns UTC."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="paper_orders")
    client_order_id = models.CharField(max_length=48, unique=True)
    own = models.BooleanField(default=False, help_text="the venue's own, of no client")
    intent = StrictJSONField(help_text="what is wanted, exact numbers as text")
    sent = models.BigIntegerField()
    latency = models.BigIntegerField()
    until = models.BigIntegerField()
    sigma = models.FloatField(null=True, help_text="of a day, where there is impact")
    daily_volume = models.FloatField(null=True)
    cancel_at = models.BigIntegerField(null=True)
    state = models.PositiveSmallIntegerField(choices=[(one.value, one.name) for one in State])
    reason = models.PositiveSmallIntegerField(choices=[(one.value, one.name) for one in Reason])
    progress = StrictJSONField(help_text="of quant.fills, to the bit")
    matches = models.PositiveIntegerField(default=0, help_text="rows that brought it a fill")
    ended = models.BigIntegerField(null=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="replaced_by"
    )
    created = models.DateTimeField(db_default=Now())
    changed = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        indexes = [
            models.Index(
                fields=("account",), condition=Q(state__lt=State.FILLED.value), name="paper_open"
            ),
            models.Index(fields=("account", "changed"), name="paper_changed"),
        ]
        constraints = [
            models.CheckConstraint(
                name="paper_order_ends",
                condition=Q(state__lt=State.FILLED.value, ended=None)
                | Q(state__gte=State.FILLED.value, ended__isnull=False),
            ),
            models.CheckConstraint(name="paper_order_time", condition=Q(until__gt=F("sent"))),
        ]

    def __str__(self) -> str:
        return f"{self.venue_order_id} {State(self.state).name.lower()}"

    @property
    def venue_order_id(self) -> str:
        """The venue's own id."""
        return f"paper-{self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.state < State.FILLED


class PaperFill(models.Model):
    """One leg's execution, with what its price came from. Never changed.

    `why` has the row's quote, the snapshot, what filled it and the rule in words.
    """

    order = models.ForeignKey(PaperOrder, on_delete=models.PROTECT, related_name="executions")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="paper_fills")
    execution_id = models.CharField(max_length=40, unique=True)
    symbol = models.CharField(max_length=32)
    quantity = Amount(help_text="below zero: sold")
    price = Amount()
    multiplier = Amount()
    fee = Amount()
    fees = StrictJSONField(help_text="by name, exact as text")
    at = models.DateTimeField(help_text="market time")
    day = models.DateField(help_text="session")
    why = StrictJSONField()
    created = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        indexes = [models.Index(fields=("account", "day"), name="paper_fill_day")]

    def __str__(self) -> str:
        return f"{self.execution_id}: {self.quantity} {self.symbol}"


class PaperActivity(models.Model):
    """What happened to an account without an order. Never changed.

    `cash` is all that the account received by it. Those of one `group` are one fact of the books.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="activities")
    activity_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=JournalEntry.Kind.choices)
    at = models.DateTimeField(help_text="market time")
    symbol = models.CharField(max_length=32, blank=True)
    quantity = Amount(default=0)
    price = Amount(null=True)
    multiplier = Amount(default=1)
    cash = Amount(default=0)
    group = models.CharField(max_length=120, blank=True)
    text = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("account", "activity_id"), name="activity_once"),
        ]

    def __str__(self) -> str:
        return self.activity_id


class Instruction(models.Model):
    """What a holder wants of a long option in the coming night; one a contract and session."""

    class Kind(models.TextChoices):
        """What is wanted."""

        KEEP = "keep", "do not exercise"
        EXERCISE = "exercise", "exercise"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="instructions")
    symbol = models.CharField(max_length=32)
    day = models.DateField(help_text="session after which it holds")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    contracts = models.PositiveIntegerField(help_text="0: taken back")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("account", "symbol", "day"), name="instruction_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.contracts} {self.symbol}"


class ShareDividend(models.Model):
    """What a share pays to those who hold it before a day; entered by an operator."""

    symbol = models.CharField(max_length=32)
    ex_date = models.DateField()
    amount = Amount()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("symbol", "ex_date"), name="share_dividend_once"),
            models.CheckConstraint(name="share_dividend_pays", condition=Q(amount__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.ex_date} {self.amount}"

    @property
    def booked(self) -> bool:
        """Whether an account on the share has the night behind it in which this is paid."""
        rows = PaperAccount.objects.filter(symbol=self.symbol)
        night: dt.date | None = rows.aggregate(latest=Max("night"))["latest"]
        return night is not None and calendars.next_session(night).date >= self.ex_date
