"""Operators' view of market data. Records are read; events can be edited; each act is audited.

Bars have a composite key, which the admin cannot list by itself: an instrument leads to its bars.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from market import bars
from market.models import (
    Bar,
    ChainLayout,
    Event,
    FeedRun,
    FrameRow,
    FrameSchema,
    ImportBatch,
    ImportReject,
    Instrument,
    SimulatedDay,
    Snapshot,
    TradeRecord,
)
from record import audit
from record.admin import ReadOnlyAdmin

BARS_A_PAGE = 200
INTERVALS = (60, 300, 3_600, 86_400)
END_OF_TIME = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def _asked(request: HttpRequest) -> tuple[str, int, dt.datetime]:
    """Return price, interval and the instant to go back from; what is no such thing is ignored."""
    price = request.GET.get("price", "")
    interval = request.GET.get("interval", "")
    try:
        before = dt.datetime.fromisoformat(request.GET.get("before", ""))
    except ValueError:
        before = END_OF_TIME
    return (
        price if price in Bar.Price.values else Bar.Price.TRADE.value,
        int(interval) if interval in map(str, INTERVALS) else INTERVALS[-1],
        before if timezone.is_aware(before) else END_OF_TIME,
    )


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
        """Say which bars are stored, and lead to them."""
        address = reverse("admin:market_instrument_bars", args=[row.pk])
        lines = [
            (address, price, interval, f"{count} bars, {first:%Y-%m-%d} to {last:%Y-%m-%d}")
            for price, interval, first, last, count in bars.coverage(row.symbol)
        ]
        form = '<a href="{0}?price={1}&amp;interval={2}">{1}, {2} s</a>: {3}'
        return format_html_join(mark_safe("<br>"), form, lines) or "none"

    def get_urls(self) -> list[Any]:
        """Add the page of an instrument's bars."""
        page = self.admin_site.admin_view(self.bars_page)
        return [path("<int:pk>/bars/", page, name="market_instrument_bars"), *super().get_urls()]

    def bars_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """List stored versions of bars, newest first, from an instant back."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = get_object_or_404(Instrument, pk=pk)
        price, interval, before = _asked(request)
        found = bars.versions(
            row.symbol, price=price, interval=interval, before=before, most=BARS_A_PAGE
        )
        context = {
            **self.admin_site.each_context(request),
            "title": f"Bars of {row.symbol}: {price}, {interval} s",
            "instrument": row,
            "price": price,
            "interval": interval,
            "rows": found,
            "older": found[-1].time.isoformat() if len(found) == BARS_A_PAGE else None,
        }
        return TemplateResponse(request, "admin/market/bars.html", context)


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


@admin.register(SimulatedDay)
class SimulatedDayAdmin(ReadOnlyAdmin):
    """Sessions that the simulator has walked."""

    list_display = ("id", "symbol", "index", "market")
    list_filter = ("symbol",)
    ordering = ("-id",)


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
