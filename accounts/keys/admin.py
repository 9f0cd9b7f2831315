"""Operators' view of keys: whose they are and what they may do, never a hash; and ending them."""

from __future__ import annotations

from contextlib import suppress

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.keys import services
from accounts.keys.models import ApiKey
from accounts.operating import ReasonForm, operator
from accounts.services import AccountError, reason_of
from record.admin import OperatedAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(OperatedAdmin):
    """Keys, newest first."""

    action_form = ReasonForm
    actions = ("revoke",)
    list_display = (
        "prefix", "user", "name", "scopes", "bot", "created", "last_used", "expires", "revoked",
    )  # fmt: skip
    list_filter = ("revoked", "expires")
    list_select_related = ("user",)
    search_fields = ("prefix", "user__email", "name")
    ordering = ("-pk",)
    exclude = ("digest", "old_digest", "pepper_id", "old_pepper_id")

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End the chosen keys at once; those that are revoked already stay as they are."""
        try:
            reason = reason_of(request.POST.get("reason", ""))
        except AccountError as error:
            self.message_user(request, f"Nothing was changed: {error}.", messages.ERROR)
            return
        done = 0
        for row in queryset.filter(revoked=None).select_related("user"):
            with suppress(services.KeyGoneError):  # its owner was faster
                services.key_revoke(row.user, row.pk, actor=operator(request), reason=reason)
                done += 1
        self.message_user(request, f"{done} revoked.", messages.SUCCESS)
