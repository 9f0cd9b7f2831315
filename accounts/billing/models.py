"""Tables of billing: copies of what Stripe says, its events as they came, and operators' grants."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from record.fields import StrictJSONField


class BillingCustomer(models.Model):
    """A person as Stripe knows them. The row is locked while Stripe's state is fetched."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="billing"
    )
    stripe_id = models.CharField(max_length=255, unique=True)
    gone = models.BooleanField(default=False, help_text="Stripe does not know it any more")
    checkout_id = models.CharField(max_length=255, blank=True, help_text="the newest checkout")
    checkouts = models.PositiveIntegerField(default=0, help_text="how many were begun")
    digest = models.CharField(max_length=64, blank=True, help_text="of the state last applied")
    synced = models.DateTimeField(null=True, help_text="when Stripe was last asked")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.stripe_id


class BillingSubscription(models.Model):
    """A copy of one of Stripe's subscriptions. Kept for as long as the account."""

    customer = models.ForeignKey(
        BillingCustomer, on_delete=models.CASCADE, related_name="subscriptions"
    )
    stripe_id = models.CharField(max_length=255, unique=True)
    status = models.CharField(max_length=32)
    hold = models.CharField(max_length=16, blank=True, help_text="what became of the payment")
    keeps = models.CharField(max_length=16, blank=True, help_text="open while an upgrade is held")
    plan = models.CharField(max_length=16)
    interval = models.CharField(max_length=8)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3)
    period_end = models.DateTimeField(null=True)
    trial_end = models.DateTimeField(null=True)
    ends = models.DateTimeField(null=True, help_text="when a cancellation takes effect")
    next_plan = models.CharField(max_length=16, blank=True)
    next_interval = models.CharField(max_length=8, blank=True)
    started = models.DateTimeField()

    class Meta:
        ordering = ("-started", "-stripe_id")

    def __str__(self) -> str:
        return f"{self.stripe_id} {self.status}"


class BillingInvoice(models.Model):
    """A copy of one of Stripe's invoices, for the page of the person who paid it."""

    customer = models.ForeignKey(BillingCustomer, on_delete=models.CASCADE, related_name="invoices")
    stripe_id = models.CharField(max_length=255, unique=True)
    number = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=16)
    total = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3)
    issued = models.DateTimeField()
    page = models.URLField(max_length=1000, blank=True)

    class Meta:
        ordering = ("-issued", "-stripe_id")

    def __str__(self) -> str:
        return f"{self.number} {self.status}"


class StripeEvent(models.Model):
    """That Stripe told of something, once for each event. Kept for ever; the table is append-only.

    What the event says is not kept: its objects are asked for anew, so nothing personal lies here.
    """

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    created = models.DateTimeField(help_text="by Stripe's clock, to the second")
    api_version = models.CharField(max_length=40, blank=True)
    customer = models.CharField(max_length=255, blank=True)
    charge = models.CharField(max_length=255, blank=True, help_text="where no customer is named")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the body")
    received = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=("customer", "-id"), name="stripe_event_customer")]

    def __str__(self) -> str:
        return f"{self.event_id} {self.type}"


class PlanGrant(models.Model):
    """A plan that an operator gave somebody, until a date or until it is taken back."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="plan_grants"
    )
    plan = models.CharField(max_length=16)
    begun = models.DateTimeField(auto_now_add=True)
    ends = models.DateTimeField(null=True, blank=True, help_text="empty: until it is taken back")
    ended = models.DateTimeField(null=True, editable=False)
    reason = models.CharField(max_length=500)

    class Meta:
        indexes = [
            models.Index(
                fields=("ends",),
                name="plan_grant_due",
                condition=models.Q(ended__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan} for user {self.user_id}"


class BillingReconciliation(models.Model):
    """What one comparison of all customers with Stripe found so far. Kept for ever."""

    class Phase(models.TextChoices):
        """What is compared next."""

        CUSTOMERS = "customers", "customers"
        EVENTS = "events", "events"
        STRANGERS = "strangers", "subscriptions of nobody here"
        DONE = "done", "done"

    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.CUSTOMERS)
    cursor = models.CharField(
        max_length=255, blank=True, help_text="the last of the phase that was compared"
    )
    begun = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)
    customers = models.PositiveIntegerField(default=0)
    healed = models.PositiveIntegerField(default=0, help_text="copies that were behind Stripe")
    drifted = StrictJSONField(default=list, help_text="plans that were not what Stripe says")
    lost_events = models.PositiveIntegerField(default=0)
    unknown = StrictJSONField(default=list, help_text="Stripe's subscriptions of nobody here")
    failed = models.PositiveIntegerField(default=0, help_text="customers that were not compared")

    def __str__(self) -> str:
        return f"{self.begun:%Y-%m-%d %H:%M} {self.customers} customers"
