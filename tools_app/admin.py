"""Operators' view of signals and of how far runs have been evaluated."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from record import audit, outbox
from tools_app.models import Cursor, Signal


class ReadOnly(admin.ModelAdmin[Any]):
    """Rows that no hand may change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(Signal)
class SignalAdmin(ReadOnly):
    """Signals, newest first."""

    list_display = ("id", "time", "symbol", "tool_slug", "side", "score", "price", "run")
    list_filter = ("symbol", "tool_slug", "tool_tier", "side")
    date_hierarchy = "time"
    list_select_related = ("run",)


@admin.register(Cursor)
class CursorAdmin(ReadOnly):
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
