"""Tables of what must outlive a crash. What they mean is said here; the rules stand elsewhere."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from record.fields import EncryptedField, StrictJSONField


class Epoch(models.Model):
    """One row: changes only when history was lost or restored, so that clients begin anew."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    value = models.CharField(max_length=32)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(name="epoch_is_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return self.value


class Stream(models.Model):
    """A log channel and its newest number, allocated under this row's lock."""

    channel = models.CharField(max_length=100, unique=True)
    head = models.BigIntegerField(default=0)
    pruned = models.BigIntegerField(default=0, help_text="newest number that retention removed")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="stream_prunes_its_past",
                condition=Q(pruned__gte=0, pruned__lte=models.F("head")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} at {self.head}"


class StreamEvent(models.Model):
    """One event of a log channel. Kept 7 days, at most 100,000 of a stream."""

    class Op(models.TextChoices):
        """What happened to the thing that `key` names."""

        ADD = "add", "added"
        UPDATE = "upd", "updated"
        DELETE = "del", "deleted"

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    op = models.CharField(max_length=3, choices=Op.choices, default=Op.ADD)
    key = models.CharField(max_length=100)
    data = StrictJSONField(null=True, help_text="empty when the thing is gone")
    created = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=("stream", "seq"), name="stream_seq_once")]

    def __str__(self) -> str:
        return f"{self.stream_id}/{self.seq} {self.op} {self.key}"


class OutboxRow(models.Model):
    """Work that a transaction promised. Done rows are kept 3 days, failed ones until handled."""

    class State(models.TextChoices):
        """Where the work stands."""

        PENDING = "pending", "pending"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        DISCARDED = "discarded", "discarded by an operator"

    task = models.CharField(max_length=100)
    args = StrictJSONField(default=list)
    queue = models.CharField(max_length=32)
    key = models.CharField(max_length=200, null=True, blank=True, unique=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    sends = models.PositiveSmallIntegerField(default=1)
    send_at = models.DateTimeField(help_text="when the sweep sends it again")
    leased_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created = models.DateTimeField(db_default=Now())
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "outbox row"
        indexes = [
            models.Index(fields=("send_at",), condition=Q(state="pending"), name="outbox_pending"),
            models.Index(fields=("state", "finished"), name="outbox_by_state"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.task}"


class Job(models.Model):
    """Long work that shows progress, can be cancelled and survives a restart. Kept 90 days."""

    class State(models.TextChoices):
        """Where the job stands."""

        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    FINAL = (State.DONE, State.FAILED, State.CANCELLED)

    kind = models.CharField(max_length=60)
    owner = models.BigIntegerField(null=True, blank=True, help_text="user id; empty: the platform")
    args = StrictJSONField(default=dict)
    queue = models.CharField(max_length=32)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    progress = StrictJSONField(default=dict)
    checkpoint = StrictJSONField(null=True, blank=True)
    result = StrictJSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    cancel_requested = models.BooleanField(default=False)
    token = models.BigIntegerField(default=0, help_text="fencing token: one more with each claim")
    crashes = models.PositiveSmallIntegerField(default=0, help_text="leases lost since progress")
    leased_until = models.DateTimeField(null=True, blank=True)
    sends = models.PositiveSmallIntegerField(default=1)
    send_at = models.DateTimeField(help_text="when the sweep sends it again")
    created = models.DateTimeField(db_default=Now())
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=("owner", "-id"), name="job_of_owner"),
            models.Index(
                fields=("send_at",), condition=Q(state__in=("queued", "running")), name="job_open"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind}"


class IdempotencyKey(models.Model):
    """A request that was answered, with its answer. Kept 24 hours."""

    owner = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    answer = EncryptedField(bind=("owner", "key"), help_text="status, headers and body as JSON")
    created = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("owner", "key"), name="idempotency_once")]

    def __str__(self) -> str:
        return f"{self.owner} {self.key}"


class AuditChain(models.Model):
    """Head of an audit chain: the lock under which it grows, and what its end must be."""

    name = models.CharField(max_length=80, unique=True)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.name} at {self.seq}"


class AuditEntry(models.Model):
    """One audited act. Kept for good: the database refuses to change or delete it."""

    chain = models.CharField(max_length=80)
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=120)
    action = models.CharField(max_length=80)
    subject = models.CharField(max_length=200)
    detail = models.TextField(help_text="canonical JSON")
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [models.UniqueConstraint(fields=("chain", "seq"), name="audit_seq_once")]
        indexes = [
            models.Index(fields=("subject", "-at"), name="audit_subject"),
            models.Index(fields=("-at",), name="audit_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.chain}/{self.seq} {self.action} {self.subject}"
