"""Tables of orders: what was wanted, what is known of it, and what was filled."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Now

from record.fields import StrictJSONField
from trading.ledger.models import Account, Amount, JournalEntry
from trading.orders.machine import FINAL, Known, News, State


class OrderGroup(models.Model):
    """Orders that depend on each other: exits of which one cancels the other, after an entry."""

    class Kind(models.TextChoices):
        """How they depend."""

        OCO = "oco", "one cancels the other"
        BRACKET = "bracket", "an entry with exits"

    class Keeper(models.TextChoices):
        """Who sees to it that one exit fills, and no more. Once it is the house, it stays so."""

        UNDECIDED = "", "not decided: nothing was sent as one"
        BROKER = "broker", "the broker, to which they were sent as one"
        HOUSE = "house", "this house"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="groups")
    intent_id = models.CharField(max_length=80)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    keeper = models.CharField(max_length=6, choices=Keeper.choices, blank=True)
    created = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=("account",), condition=Q(keeper="broker"), name="group_at_broker"),
        ]
        constraints = [
            models.UniqueConstraint(fields=("account", "intent_id"), name="group_intent_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.intent_id}"


class Order(models.Model):
    """One order. Its state follows from the columns that say what is known (`machine.Known`)."""

    class Role(models.TextChoices):
        """What it is in its group."""

        ENTRY = "entry", "entry"
        EXIT = "exit", "exit"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="orders")
    intent_id = models.CharField(max_length=80)
    intent = StrictJSONField(help_text="what was wanted, exact numbers as text")
    origin = models.CharField(max_length=80)
    group = models.ForeignKey(
        OrderGroup, on_delete=models.PROTECT, null=True, related_name="orders"
    )
    role = models.CharField(max_length=5, choices=Role.choices, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="replaced_by"
    )
    kind = models.CharField(max_length=13)
    time_in_force = models.CharField(max_length=3)
    quantity = Amount()
    limit_price = Amount(null=True)
    stop_price = Amount(null=True)
    trail = Amount(null=True)
    state = models.CharField(
        max_length=16, choices=[(one.value, one.value.replace("_", " ")) for one in State]
    )
    reason = models.CharField(max_length=300, blank=True, help_text="why it was refused or ended")
    best = Amount(null=True, help_text="best price that a trailing stop saw")
    triggered_at = models.DateTimeField(null=True, help_text="when its price was reached here")
    sent = models.PositiveIntegerField(default=0, help_text="newest attempt that was begun")
    unanswered = models.PositiveIntegerField(default=0, help_text="newest without an answer")
    retracted = models.PositiveIntegerField(default=0, help_text="newest that never arrived")
    absent_since = models.DateTimeField(null=True, help_text="first answer that it is not there")
    accepted = models.BooleanField(default=False)
    working = models.BooleanField(default=False)
    cancels = models.PositiveIntegerField(default=0)
    refusals = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    ended_as = models.CharField(max_length=10, blank=True)
    venue_order_id = models.CharField(max_length=80, blank=True)
    filled_quantity = Amount(default=0, help_text="units filled in every leg")
    excess = Amount(default=0, help_text="filled beyond the quantity; the venue wins")
    hold = Amount(default=0, help_text="what the whole order holds")
    held = Amount(default=0, help_text="what it still holds")
    created = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("account", "state"), name="order_by_state"),
            models.Index(fields=("account", "venue_order_id"), name="order_at_venue"),
            models.Index(fields=("account", "-id"), name="order_newest"),
            models.Index(fields=("account", "-created", "-id"), name="order_by_time"),
        ]
        constraints = [
            models.UniqueConstraint(fields=("account", "intent_id"), name="order_intent_once"),
            models.CheckConstraint(
                name="order_filled_within",
                condition=Q(filled_quantity__gte=0, filled_quantity__lte=F("quantity")),
            ),
            models.CheckConstraint(
                name="order_held_within", condition=Q(held__gte=0, held__lte=F("hold"))
            ),
            models.CheckConstraint(
                name="order_ended_holds_nothing",
                condition=~Q(state__in=sorted(FINAL)) | Q(held=0),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.state}"

    def known(self, legs: list[OrderLeg]) -> Known:
        """Return what is known of it, given its legs by number."""
        end = (self.ended_at, News(self.ended_as)) if self.ended_at else None
        return Known(
            self.quantity, tuple(abs(leg.ratio) for leg in legs),
            tuple(leg.filled for leg in legs), self.sent, self.unanswered, self.retracted,
            self.accepted, self.working, self.cancels, self.refusals, end,
        )  # fmt: skip

    def take(self, known: Known, held: Decimal) -> None:
        """Write what is known into the columns."""
        for name in ("sent", "unanswered", "retracted", "accepted", "working", "cancels"):
            setattr(self, name, getattr(known, name))
        self.refusals = known.refusals
        self.ended_at, self.ended_as = known.end or (None, "")
        self.state, self.held = known.state, held
        self.filled_quantity, self.excess = known.done, known.excess


class OrderLeg(models.Model):
    """One instrument of an order."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="legs")
    number = models.PositiveSmallIntegerField()
    symbol = models.CharField(max_length=32)
    ratio = models.IntegerField(help_text="below zero: sold")
    multiplier = Amount()
    filled = Amount(default=0, help_text="without sign")
    value = Amount(default=0, help_text="sum of quantity x price; over `filled` the average price")

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=("order", "number"), name="leg_once"),
            models.UniqueConstraint(fields=("order", "symbol"), name="leg_symbol_once"),
        ]

    def __str__(self) -> str:
        return f"{self.ratio} {self.symbol}"


class ClientOrderId(models.Model):
    """An id under which an attempt is sent; committed before it is. Never changed."""

    text = models.CharField(max_length=48, unique=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="client_ids")
    attempt = models.PositiveIntegerField()
    token = models.BigIntegerField(default=0, help_text="of whoever held the account")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("order", "attempt"), name="attempt_once"),
        ]

    def __str__(self) -> str:
        return self.text


class GateDecision(models.Model):
    """What the gate said of an order, with its reasons. Never changed."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="decision")
    at = models.DateTimeField(db_default=Now())
    allowed = models.BooleanField()
    rule = models.CharField(max_length=60)
    text = models.CharField(max_length=300)
    value = models.CharField(max_length=60, blank=True)
    limit = models.CharField(max_length=60, blank=True)
    hold = Amount(default=0)
    facts = StrictJSONField(default=dict)
    # What the gate asks of earlier decisions, so that it need not unpack their facts.
    notional = models.GeneratedField(
        expression=KT("facts__notional"), output_field=models.TextField(null=True), db_persist=True
    )
    opening = models.GeneratedField(
        expression=KT("facts__opening"), output_field=models.TextField(null=True), db_persist=True
    )

    def __str__(self) -> str:
        return f"{self.order_id} {self.rule}"


class OrderEvent(models.Model):
    """What was heard of an order or done with it, once by its id. Never changed."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="order_events")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="events")
    source = models.CharField(max_length=40)
    event_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()
    heard_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=16, blank=True, help_text="of the order after it")
    alert = models.CharField(max_length=300, blank=True, help_text="what a person must hear of")
    body = StrictJSONField(default=dict)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=("account", "source", "event_id"), name="order_event_once"
            ),
        ]
        indexes = [
            models.Index(fields=("account", "-id"), condition=~Q(alert=""), name="order_alerts"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.kind}"


class Fill(models.Model):
    """An execution, unique by the venue's id, with its journal entry. Never changed.

    Without an order it is of nobody here: it is booked all the same.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="fills")
    source = models.CharField(max_length=40)
    execution_id = models.CharField(max_length=120)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="fills")
    leg = models.ForeignKey(OrderLeg, on_delete=models.PROTECT, null=True, related_name="fills")
    symbol = models.CharField(max_length=32)
    quantity = Amount(help_text="below zero: sold")
    price = Amount()
    multiplier = Amount()
    fee = Amount(default=0)
    at = models.DateTimeField()
    late = models.BooleanField(default=False, help_text="the order had ended")
    entry = models.OneToOneField(JournalEntry, on_delete=models.PROTECT, related_name="fill")

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=("account", "source", "execution_id"), name="fill_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.symbol} at {self.price}"
