"""Tables of the alerts: where messages go, what a person wants, and what became of each."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.alerts.rules import SOURCES
from record.fields import EncryptedField, StrictJSONField


def all_sources() -> list[str]:
    """Return every source of signals, the default of a rule."""
    return list(SOURCES)


class AlertChannel(models.Model):
    """A place that messages go to. Its address is a secret and lies encrypted."""

    class State(models.TextChoices):
        """Whether messages go there."""

        UNVERIFIED = "unverified", "not tested yet"
        ACTIVE = "active", "active"
        PAUSED = "paused", "paused"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alert_channels"
    )
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=60)
    config = EncryptedField(bind=("user_id", "kind"))
    shown = models.CharField(max_length=120, help_text="the address without its secret")
    state = models.CharField(max_length=12, choices=State.choices, default=State.UNVERIFIED)
    failures = models.PositiveIntegerField(default=0, help_text="weighted, in a row")
    failing_since = models.DateTimeField(null=True)
    hold_until = models.DateTimeField(null=True, help_text="nothing goes there before")
    why = models.CharField(max_length=300, blank=True, help_text="why it is paused or failing")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("user", "name"), name="alert_channel_name"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class AlertRule(models.Model):
    """What a person wants to be told, where and when. An empty list takes all of its kind."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alert_rules"
    )
    name = models.CharField(max_length=60)
    active = models.BooleanField(default=True)
    channels = models.ManyToManyField(AlertChannel, related_name="rules")
    tools = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    symbols = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    sides = ArrayField(models.SmallIntegerField(), default=list, blank=True)
    sources = ArrayField(models.CharField(max_length=12), default=all_sources, blank=True)
    least_score = models.FloatField(default=0.0)
    session_from = models.TimeField(null=True, blank=True, help_text="New York")
    session_to = models.TimeField(null=True, blank=True)
    quiet_from = models.TimeField(null=True, blank=True, help_text="in the time zone of the rule")
    quiet_to = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    digest_minutes = models.PositiveSmallIntegerField(default=0)
    follow_up = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("user", "name"), name="alert_rule_name")]

    def __str__(self) -> str:
        return self.name


class AlertDelivery(models.Model):
    """One message to one channel, with its receipt. Kept for 30 days after its end."""

    class Kind(models.TextChoices):
        """What it tells."""

        SIGNAL = "signal", "signal"
        OUTCOME = "outcome", "outcome"
        DIGEST = "digest", "digest"
        TEST = "test", "test"
        WARNING = "warning", "warning"

    class State(models.TextChoices):
        """Where it stands; the last four are final."""

        HELD = "held", "held for a digest or the end of quiet hours"
        WAITING = "waiting", "waiting"
        SENT = "sent", "delivered"
        BUNDLED = "bundled", "in a digest"
        SKIPPED = "skipped", "not sent"
        FAILED = "failed", "failed"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="alert_deliveries"
    )
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="deliveries")
    rule = models.ForeignKey(AlertRule, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    key = models.CharField(max_length=96, unique=True, help_text="what makes it this message")
    signal_id = models.BigIntegerField(null=True)
    payload = StrictJSONField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField()
    receipt = models.CharField(max_length=400, blank=True)
    created = models.DateTimeField(default=timezone.now)
    counted = models.DateTimeField(null=True, help_text="when it was charged to the day's limit")
    sent_at = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    follow_up_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    bundle = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="bundled")

    class Meta:
        indexes = [
            models.Index(
                fields=("next_try",),
                name="alert_delivery_due",
                condition=models.Q(state__in=("waiting", "held")),
            ),
            models.Index(fields=("user", "-id"), name="alert_delivery_user"),
            models.Index(fields=("user", "counted"), name="alert_delivery_counted"),
            models.Index(fields=("signal_id",), name="alert_delivery_signal"),
            models.Index(fields=("finished",), name="alert_delivery_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} {self.state}"


class PushKey(models.Model):
    """The platform's own key by which push services know it; there is one, made when needed."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    private = EncryptedField(bind=("id",), help_text="P-256 private key, PEM")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="push_key_one")]

    def __str__(self) -> str:
        return "push key"
