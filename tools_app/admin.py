"""Operators' view of signals and of how far runs have been evaluated."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from record import audit, outbox
from record.admin import ReadOnlyAdmin
from tools_app.models import Cursor, Scorecard, Signal, Watched


@admin.register(Signal)
class SignalAdmin(ReadOnlyAdmin):
    """Signals, newest first."""

    list_display = ("id", "time", "symbol", "tool_slug", "side", "score", "price", "run")
    list_filter = ("symbol", "tool_slug", "tool_tier", "side")
    date_hierarchy = "time"
    list_select_related = ("run",)


@admin.register(Cursor)
class CursorAdmin(ReadOnlyAdmin):
    """How far runs have been evaluated, with an action that queues the rest."""

    list_display = ("run", "kind", "through", "rows")
    list_select_related = ("run",)
    actions = ("evaluate_again",)

    @admin.action(description="Queue the evaluation of rows that are still to do")
    def evaluate_again(self, request: HttpRequest, rows: QuerySet[Cursor]) -> None:
        """Order the evaluation of each chosen run."""
        for run_id in set(rows.values_list("run_id", flat=True)):
            outbox.enqueue("tools_app.evaluate_run", run_id, None)
            audit.write(
                "operators",
                actor=str(request.user),
                action="tools.evaluate",
                subject=f"run {run_id}",
                detail={},
            )
        messages.success(request, f"{rows.count()} queued.")


@admin.register(Scorecard)
class ScorecardAdmin(ReadOnlyAdmin):
    """What the record of each tool says."""

    list_display = ("tool_id", "source", "symbol", "badge", "as_of", "computed")
    list_filter = ("source", "badge")


@admin.register(Watched)
class WatchedAdmin(ReadOnlyAdmin):
    """Sessions that runs have watched to their end."""

    list_display = ("run", "kind", "session_date", "horizon", "rows", "up", "down")
    list_filter = ("kind", "horizon")
    list_select_related = ("run",)
