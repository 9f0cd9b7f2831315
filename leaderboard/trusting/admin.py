"""The operators' trust queue: what was found, the trades side by side, and what was decided."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import linebreaksbr
from django.utils.html import format_html, format_html_join

from accounts.operating import ReasonForm, operator
from accounts.services import AccountError
from leaderboard.models import Appeal, Likeness
from leaderboard.trusting import selectors, services
from record.admin import OperatedAdmin, ReadOnlyAdmin


class WaitingFilter(admin.SimpleListFilter):
    """Pairs to which an owner waits for an answer."""

    title = "appeal"
    parameter_name = "appeal"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("waits", "waits for an answer"), ("none", "none that waits")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the pairs of the choice."""
        value = self.value()
        return queryset if value is None else queryset.filter(waits=value == "waits")


@admin.register(Likeness)
class LikenessAdmin(OperatedAdmin):
    """Pairs, those to be decided first."""

    action_form = ReasonForm
    actions = ("confirm", "dismiss")
    list_display = (
        "id", "kind", "state", "bots", "in_short", "appeal_waits", "weight", "found_at",
        "decided_at", "decided_by",
    )  # fmt: skip
    list_filter = ("state", WaitingFilter, "kind")
    list_select_related = ("decided_by",)
    search_fields = ("first__name", "second__name", "first__owner__email", "second__owner__email")
    fields = (
        "kind", "state", "bots", "owners", "in_words", "trades_side_by_side", "appeals_in_words",
        "found_at", "seen_at", "decided_at", "decided_by", "note",
    )  # fmt: skip
    readonly_fields = ("bots", "owners", "in_words", "trades_side_by_side", "appeals_in_words")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the pairs with what a row shows."""
        return selectors.queue()

    @admin.display(description="bots")
    def bots(self, row: Likeness) -> str:
        """Return both bots with their pages."""
        parts = (
            (f"/bots/{bot.pk}/", bot.pk, bot.name, bot.created.date())
            for bot in (row.first, row.second)
        )
        form = '<a href="{}">{} {}</a>, since {}'
        return format_html_join(" — ", form, parts)

    @admin.display(description="owners")
    def owners(self, row: Likeness) -> str:
        """Return whose they are."""
        return " — ".join(str(bot.owner or bot.owner_mark) for bot in (row.first, row.second))

    @admin.display(description="evidence")
    def in_short(self, row: Likeness) -> str:
        """Return the first sentence of the evidence."""
        return selectors.says(row)[0]

    @admin.display(description="evidence")
    def in_words(self, row: Likeness) -> str:
        """Return the evidence in sentences."""
        return format_html_join("", "<p>{}</p>", ((text,) for text in selectors.says(row)))

    @admin.display(description="first matching trades")
    def trades_side_by_side(self, row: Likeness) -> str:
        """Return the first matching trades as a table."""
        pairs = selectors.side_by_side(row)
        lines = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td></tr>",
            ((selectors.trade_says(one.first), selectors.trade_says(one.second)) for one in pairs),
        )
        head = format_html(
            "<thead><tr><th>bot {}</th><th>bot {}</th></tr></thead>", row.first_id, row.second_id
        )
        whole = format_html("<table>{}<tbody>{}</tbody></table>", head, lines)
        return whole if pairs else "none: the pair was found by its daily profits alone"

    @admin.display(description="appeals")
    def appeals_in_words(self, row: Likeness) -> str:
        """Return what the owners said, and what was answered."""
        parts = (
            (
                one.bot_id,
                f"{one.at:%Y-%m-%d %H:%M}",
                linebreaksbr(one.text),
                one.answer or "not answered yet",
            )
            for one in row.appeals.all()
        )
        form = "<p>Bot {}, {}: {}<br><b>{}</b></p>"
        return format_html_join("", form, parts) or "none"

    @admin.display(boolean=True, description="appeal waits")
    def appeal_waits(self, row: Any) -> bool:
        """Return whether an appeal waits for its answer."""
        return bool(row.waits)

    @admin.action(description="Confirm: the younger bot is flagged", permissions=["operate"])
    def confirm(self, request: HttpRequest, queryset: QuerySet[Likeness]) -> None:
        """Confirm the chosen pairs; the reason answers their appeals."""
        self._decide(request, queryset, confirmed=True)

    @admin.action(description="Dismiss", permissions=["operate"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Likeness]) -> None:
        """Dismiss the chosen pairs; the reason answers their appeals."""
        self._decide(request, queryset, confirmed=False)

    def _decide(self, request: HttpRequest, rows: QuerySet[Likeness], *, confirmed: bool) -> None:
        """Decide on all or on none, and say how many it touched."""
        try:
            with transaction.atomic():
                touched = sum(
                    services.decide(
                        pk,
                        confirmed=confirmed,
                        operator=operator(request),
                        note=request.POST.get("reason", ""),
                    )
                    for pk in sorted(rows.values_list("pk", flat=True))
                )
        except AccountError as error:
            self.message_user(request, f"Nothing was changed: {error}.", messages.ERROR)
        else:
            done = "confirmed" if confirmed else "dismissed"
            self.message_user(request, f"{touched} {done}.", messages.SUCCESS)


@admin.register(Appeal)
class AppealAdmin(ReadOnlyAdmin):
    """Appeals, newest first; deciding on the pair answers them."""

    list_display = ("id", "likeness", "bot", "at", "answered")
    list_filter = ("answered",)
    list_select_related = ("likeness", "bot")
    search_fields = ("text", "bot__name")
