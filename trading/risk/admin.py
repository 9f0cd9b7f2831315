"""Limits that operators give to everything in a scope."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from trading.actors import operator
from trading.ledger.book import plain
from trading.models import LimitSetting
from trading.risk import limits, services
from trading.risk.limits import LimitError
from trading.scopes import KINDS, Scope

_KINDS = tuple(one for one in KINDS if one != "account")


class ScopeLimitForm(forms.ModelForm[LimitSetting]):
    """A limit of a scope, checked as the gate knows limits."""

    kind = forms.ChoiceField(choices=[(one, one) for one in _KINDS])
    name = forms.ChoiceField(choices=[(one, one.replace("_", " ")) for one in limits.TABLE])

    class Meta:
        model = LimitSetting
        fields = ("kind", "target", "name", "value")
        help_texts = {
            "target": "The id of the user, bot or strategy, or the symbol; none for global.",
            "value": "It only ever lowers what plans and owners allow. 0 lets nothing open.",
        }

    def clean(self) -> dict[str, Any]:
        """Refuse a scope that cannot be, and a value that no plan allows."""
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        kind, target, name = (
            given.get(one, getattr(self.instance, one)) for one in ("kind", "target", "name")
        )
        target = target.strip().upper() if kind == "symbol" else target.strip()
        try:
            services.check_scope_limit(Scope(kind, target), name, given["value"])
        except LimitError as error:
            self.add_error("target" if error.field == "scope" else "value", str(error))
        if "target" in given:
            given["target"] = target
        return given


@admin.register(LimitSetting)
class LimitSettingAdmin(admin.ModelAdmin[LimitSetting]):
    """All limits that somebody set. Those of accounts are their owners' and are only seen here."""

    form = ScopeLimitForm
    list_display = ("kind", "target", "name", "amount", "actor", "since")
    list_filter = ("kind", "name")
    search_fields = ("target", "actor")
    list_per_page = 50
    show_full_result_count = False

    @admin.display(description="value", ordering="value")
    def amount(self, row: LimitSetting) -> str:
        """Return the value without padding."""
        return plain(row.value)

    def get_readonly_fields(self, request: HttpRequest, obj: LimitSetting | None = None) -> Any:
        """Keep what a limit is of; another is another row."""
        return () if obj is None else ("kind", "target", "name")

    def has_change_permission(self, request: HttpRequest, obj: LimitSetting | None = None) -> bool:
        """Refuse those of accounts."""
        return super().has_change_permission(request, obj) and not _is_owners(obj)

    def has_delete_permission(self, request: HttpRequest, obj: LimitSetting | None = None) -> bool:
        """Refuse those of accounts."""
        return super().has_delete_permission(request, obj) and not _is_owners(obj)

    def get_actions(self, request: HttpRequest) -> Any:
        """Leave out the removal of several at once."""
        return {}

    def save_model(self, request: HttpRequest, obj: LimitSetting, form: Any, change: bool) -> None:
        """Set it as the gate's own service does: audited, and told to whom it binds."""
        actor = operator(request.user.pk)
        services.set_scope_limit(obj.scope, obj.name, obj.value, actor=actor)
        # The service writes the row; the admin's own history asks for its number.
        obj.pk = LimitSetting.objects.get(kind=obj.kind, target=obj.target, name=obj.name).pk

    def delete_model(self, request: HttpRequest, obj: LimitSetting) -> None:
        """Lift it."""
        services.lift_scope_limit(obj.scope, obj.name, actor=operator(request.user.pk))


def _is_owners(one: LimitSetting | None) -> bool:
    return one is not None and one.kind == "account"
