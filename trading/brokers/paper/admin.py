"""Operators' view of the paper venue, and the dividends of shares that they enter for it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from market import calendars
from market.models import Instrument, InstrumentKind
from record import audit
from record.admin import ReadOnlyAdmin, actor_of
from trading.brokers.paper.models import (
    Instruction,
    PaperAccount,
    PaperActivity,
    PaperFill,
    PaperOrder,
    ShareDividend,
)
from trading.ledger.book import plain


class ShareDividendForm(forms.ModelForm[ShareDividend]):
    """A dividend, checked against the instruments and the calendar that are stored."""

    class Meta:
        model = ShareDividend
        fields = ("symbol", "ex_date", "amount")
        help_texts = {
            "ex_date": "Who holds the share before this day is paid.",
            "amount": "In dollars for each share.",
        }

    def clean_symbol(self) -> str:
        """Return the symbol of a share that is known here."""
        symbol: str = self.cleaned_data["symbol"].strip().upper()
        if not Instrument.objects.filter(symbol=symbol, kind=InstrumentKind.EQUITY).exists():
            raise forms.ValidationError("No such share is stored: give the symbol of one.")
        return symbol

    def clean_ex_date(self) -> Any:
        """Return a day on which the market trades."""
        day = self.cleaned_data["ex_date"]
        try:
            trades = calendars.session(day) is not None
        except calendars.CalendarError as error:
            raise forms.ValidationError(f"{error}.") from error
        if not trades:
            raise forms.ValidationError("The market is closed on that day: give a session.")
        return day

    def clean_amount(self) -> Any:
        """Return an amount above 0."""
        if self.cleaned_data["amount"] <= 0:
            raise forms.ValidationError("Give more than 0 dollars.")
        return self.cleaned_data["amount"]

    def clean(self) -> dict[str, Any]:
        """Refuse a day whose night is booked: what was not paid then would never be."""
        given = super().clean() or self.cleaned_data
        if "ex_date" in given and "symbol" in given and ShareDividend(**given).booked:
            self.add_error("ex_date", "An account has that night behind it: give a later day.")
        return given


@admin.register(ShareDividend)
class ShareDividendAdmin(admin.ModelAdmin[ShareDividend]):
    """Dividends of shares. What was booked stays as it was; each act is on record."""

    form = ShareDividendForm
    list_display = ("symbol", "ex_date", "each")
    list_filter = ("symbol",)
    search_fields = ("symbol",)
    date_hierarchy = "ex_date"
    ordering = ("-ex_date", "symbol")
    list_per_page = 50

    @admin.display(description="amount", ordering="amount")
    def each(self, row: ShareDividend) -> str:
        """Return the amount without padding."""
        return plain(row.amount)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse what was booked: the books would say otherwise."""
        return super().has_change_permission(request, obj) and not (obj and obj.booked)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse what was booked."""
        return super().has_delete_permission(request, obj) and not (obj and obj.booked)

    def get_actions(self, request: HttpRequest) -> Any:
        """Leave out the removal of several at once, which asks about none of them."""
        return {}

    def save_model(self, request: HttpRequest, obj: ShareDividend, form: Any, change: bool) -> None:
        """Save, with an audit row that says what it was and is."""
        before = {name: str(form.initial[name]) for name in form.changed_data if change}
        super().save_model(request, obj, form, change)
        _audit(request, "change" if change else "add", obj, before)

    def delete_model(self, request: HttpRequest, obj: ShareDividend) -> None:
        """Delete, with an audit row."""
        _audit(request, "delete", obj, {})
        super().delete_model(request, obj)


def _audit(request: HttpRequest, action: str, obj: ShareDividend, before: dict[str, str]) -> None:
    audit.write(
        audit.OPERATORS, actor=actor_of(request), action=f"trading.dividend.{action}",
        subject=f"dividend {obj.symbol} {obj.ex_date}",
        detail={"amount": plain(obj.amount), "before": before},
    )  # fmt: skip


@admin.register(PaperAccount)
class PaperAccountAdmin(ReadOnlyAdmin):
    """Accounts at the venue."""

    list_display = ("account", "market", "symbol", "through", "day", "night", "suspended")
    list_filter = ("market", "symbol", "suspended")
    search_fields = ("account__name", "account__owner__email")
    list_select_related = ("account",)


@admin.register(PaperOrder)
class PaperOrderAdmin(ReadOnlyAdmin):
    """Orders as the venue has them."""

    list_display = ("id", "account", "client_order_id", "state", "reason", "own", "created")
    list_filter = ("state", "own", "created")
    search_fields = ("account__name", "account__owner__email", "client_order_id")
    list_select_related = ("account",)
    ordering = ("-id",)


@admin.register(PaperFill)
class PaperFillAdmin(ReadOnlyAdmin):
    """Executions, each with the quote that it was made of."""

    list_display = ("id", "account", "order_id", "execution_id", "symbol", "at", "day")
    list_filter = ("day",)
    search_fields = ("account__name", "account__owner__email", "symbol", "execution_id")
    list_select_related = ("account",)
    ordering = ("-id",)


@admin.register(PaperActivity)
class PaperActivityAdmin(ReadOnlyAdmin):
    """What happened without an order."""

    list_display = ("id", "account", "kind", "at", "symbol", "text")
    list_filter = ("kind",)
    search_fields = ("account__name", "account__owner__email", "symbol", "activity_id")
    list_select_related = ("account",)
    ordering = ("-id",)


@admin.register(Instruction)
class InstructionAdmin(ReadOnlyAdmin):
    """What owners said of the night to come."""

    list_display = ("account", "symbol", "day", "kind", "contracts")
    list_filter = ("kind", "day")
    search_fields = ("account__name", "account__owner__email", "symbol")
    list_select_related = ("account",)
