"""Operators' view of the record. Rows are read; the actions say in the audit trail who acted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from record import jobs, outbox
from record.models import (
    AuditChain,
    AuditEntry,
    Epoch,
    IdempotencyKey,
    Job,
    OutboxRow,
    Stream,
    StreamEvent,
)


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows that no hand changes."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes rows by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody removes rows by hand."""
        return False


def actor_of(request: HttpRequest) -> str:
    """Return how the audit trail names the person who acts."""
    return f"user:{request.user.pk}"


class OperatedAdmin(ReadOnlyAdmin):
    """Rows with actions of their own."""

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        opts = self.model._meta
        return request.user.has_perm(f"{opts.app_label}.change_{opts.model_name}")

    def apply(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        act: Callable[..., bool],
        *,
        done: str,
    ) -> None:
        """Do `act` to each row and say to how many it was done."""
        actor = actor_of(request)
        changed = sum(act(pk, actor=actor) for pk in rows.values_list("pk", flat=True))
        level = messages.SUCCESS if changed else messages.WARNING
        self.message_user(request, f"{changed} of {rows.count()} {done}.", level)


@admin.register(OutboxRow)
class OutboxAdmin(OperatedAdmin):
    """Work that transactions promised."""

    list_display = ("id", "task", "queue", "state", "attempts", "created", "finished", "error")
    list_filter = ("state", "queue", "task")
    search_fields = ("task", "key")
    actions = ("replay", "discard")

    @admin.action(description="Run the failed rows again", permissions=["operate"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        """Run failed rows again."""
        self.apply(request, queryset, outbox.replay, done="rows will run again")

    @admin.action(description="Give the failed rows up", permissions=["operate"])
    def discard(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        """Give failed rows up."""
        self.apply(request, queryset, outbox.discard, done="rows were given up")


@admin.register(Job)
class JobAdmin(OperatedAdmin):
    """Long work."""

    list_display = ("id", "kind", "owner", "state", "crashes", "created", "finished", "error")
    list_filter = ("state", "kind", "queue")
    search_fields = ("=owner", "kind")
    actions = ("cancel", "requeue")

    @admin.action(description="Cancel the jobs", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Cancel jobs."""
        self.apply(request, queryset, jobs.cancel_by_operator, done="jobs end")

    @admin.action(description="Let failed or cancelled jobs go on", permissions=["operate"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Let jobs go on from their checkpoints."""
        self.apply(request, queryset, jobs.requeue, done="jobs go on")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """What was done, by whom."""

    list_display = ("chain", "seq", "at", "actor", "action", "subject")
    list_filter = ("chain", "action")
    search_fields = ("actor", "subject")
    ordering = ("-at",)


@admin.register(AuditChain)
class AuditChainAdmin(ReadOnlyAdmin):
    """Where the audit chains end."""

    list_display = ("name", "seq", "hash")


@admin.register(Epoch)
class EpochAdmin(ReadOnlyAdmin):
    """Since when history is whole."""

    list_display = ("value", "since")


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    """Log channels."""

    list_display = ("channel", "head", "pruned")
    search_fields = ("channel",)


@admin.register(StreamEvent)
class StreamEventAdmin(ReadOnlyAdmin):
    """Events of log channels."""

    list_display = ("stream", "seq", "op", "key", "created")
    list_select_related = ("stream",)
    search_fields = ("stream__channel", "=key")
    ordering = ("-id",)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Requests that were answered; the answers themselves stay sealed."""

    list_display = ("owner", "key", "created")
    search_fields = ("owner",)
    fields = ("owner", "key", "request_hash", "created")
