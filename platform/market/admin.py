"""Operators' view of market data. Records are read; events can be edited; each act is audited.

Bars have a composite key, which the admin cannot show by itself: an instrument lists its series.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from market import bars
from market.models import (
    ChainLayout,
    Event,
    FeedRun,
    FrameRow,
    FrameSchema,
    ImportBatch,
    ImportReject,
    Instrument,
    Snapshot,
    TradeRecord,
)
from record import audit
from record.admin import ReadOnlyAdmin


def _audit(request: HttpRequest, action: str, subject: str, detail: dict[str, Any]) -> None:
    audit.write(
        audit.OPERATORS, actor=str(request.user), action=action, subject=subject, detail=detail
    )


@admin.register(Instrument)
class InstrumentAdmin(ReadOnlyAdmin):
    """Instruments, each with the bar series that are stored."""

    list_display = (
        "symbol",
        "kind",
        "name",
        "underlying",
        "expiry",
        "strike",
        "right",
        "simulated",
    )
    list_filter = ("kind", "simulated", "settlement")
    search_fields = ("symbol", "name")
    list_select_related = ("underlying",)
    readonly_fields = ("bar_series",)

    @admin.display(description="stored bars")
    def bar_series(self, row: Instrument) -> str:
        """Say which bars are stored: price, interval, span, count."""
        lines = [
            f"{price} {interval} s: {count} bars, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
            for price, interval, first, last, count in bars.coverage(row.symbol)
        ]
        return "; ".join(lines) or "none"


@admin.register(ChainLayout)
class ChainLayoutAdmin(ReadOnlyAdmin):
    """Layouts of chains; their payload is binary and stays out of sight."""

    list_display = ("id", "underlying", "contracts", "digest")
    list_select_related = ("underlying",)
    exclude = ("payload",)


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    """Snapshots, newest first."""

    list_display = ("id", "underlying", "source", "run", "time", "known_at", "last", "rows")
    list_filter = ("source", "underlying__symbol")
    list_select_related = ("underlying", "run")
    date_hierarchy = "time"
    ordering = ("-time", "-id")
    exclude = ("payload",)
    show_full_result_count = False


@admin.register(FeedRun)
class FeedRunAdmin(ReadOnlyAdmin):
    """Runs of feeds, with an action that asks them to stop."""

    list_display = (
        "id", "symbol", "source", "state", "desired", "speed", "position", "snapshots", "rows",
        "lag_ms", "heartbeat_at",
    )  # fmt: skip
    list_filter = ("source", "state", "symbol")
    actions = ("stop",)

    @admin.action(description="Ask the chosen runs to stop")
    def stop(self, request: HttpRequest, rows: QuerySet[FeedRun]) -> None:
        """Set what is wanted; the feed process follows at its next step."""
        ended = (FeedRun.State.FINISHED, FeedRun.State.FAILED, FeedRun.State.STOPPED)
        for run in rows.exclude(state__in=ended).exclude(desired=FeedRun.Desired.STOPPED):
            with transaction.atomic():
                run.desired = FeedRun.Desired.STOPPED
                run.save(update_fields=["desired"])
                _audit(request, "market.feed.stop", f"run {run.pk}", {"symbol": run.symbol})
            messages.success(request, f"{run} was asked to stop.")


@admin.register(FrameSchema)
class FrameSchemaAdmin(ReadOnlyAdmin):
    """Column sets of stored rows."""

    list_display = ("id", "digest", "columns")

    @admin.display(description="columns")
    def columns(self, row: FrameSchema) -> int:
        """Return how many columns there are."""
        return len(row.names)


@admin.register(FrameRow)
class FrameRowAdmin(ReadOnlyAdmin):
    """Rows of observations."""

    list_display = ("id", "run", "kind", "symbol", "time", "missing")
    list_filter = ("kind", "symbol")
    list_select_related = ("run",)
    ordering = ("-id",)
    show_full_result_count = False

    @admin.display(description="missing columns")
    def missing(self, row: FrameRow) -> int:
        """Return how many columns are missing."""
        return len(row.reasons)


@admin.register(Event)
class EventAdmin(admin.ModelAdmin[Event]):
    """The event calendar. An event is cancelled, never deleted: the past knew of it."""

    list_display = ("scheduled_at", "kind", "name", "symbol", "known_at", "source", "cancelled_at")
    list_filter = ("kind", "source", "symbol")
    search_fields = ("name", "symbol")
    date_hierarchy = "scheduled_at"
    readonly_fields = ("source",)
    actions = ("cancel",)

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """Refuse: cancel instead."""
        return False

    def save_model(
        self, request: HttpRequest, obj: Event, form: ModelForm[Event], change: bool
    ) -> None:
        """Save what an operator entered or changed, and say so in the audit trail."""
        if not change:
            obj.source = Event.Source.ADMIN
        super().save_model(request, obj, form, change)
        values = {name: str(form.cleaned_data.get(name)) for name in form.changed_data}
        action = "market.event.change" if change else "market.event.add"
        _audit(request, action, f"event {obj.pk}", values)

    @admin.action(description="Cancel the chosen events, known from now")
    def cancel(self, request: HttpRequest, rows: QuerySet[Event]) -> None:
        """Mark events as not taking place."""
        for event in rows.filter(cancelled_at__isnull=True):
            with transaction.atomic():
                event.cancelled_at = timezone.now()
                event.save(update_fields=["cancelled_at"])
                _audit(request, "market.event.cancel", f"event {event.pk}", {"name": event.name})
            messages.success(request, f"{event} is cancelled.")


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    """Imported files and what became of their rows."""

    list_display = ("id", "format", "name", "state", "accepted", "rejected", "finished_at")
    list_filter = ("format", "state")
    search_fields = ("name", "sha256")


@admin.register(ImportReject)
class ImportRejectAdmin(ReadOnlyAdmin):
    """Every refused row."""

    list_display = ("batch", "file", "line", "field", "reason", "value")
    list_filter = ("batch__format", "field")
    search_fields = ("file", "reason")
    list_select_related = ("batch",)


@admin.register(TradeRecord)
class TradeRecordAdmin(ReadOnlyAdmin):
    """Recorded trading of others."""

    list_display = ("time", "book", "kind", "symbol", "quantity", "price", "amount")
    list_filter = ("kind", "book")
    search_fields = ("symbol",)
