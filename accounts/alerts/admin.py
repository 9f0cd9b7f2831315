"""Operators' view of alerts: who sends where by kind and with what result, never an address."""

from __future__ import annotations

from django.contrib import admin

from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule
from record.admin import ReadOnlyAdmin


@admin.register(AlertChannel)
class AlertChannelAdmin(ReadOnlyAdmin):
    """Channels with their state."""

    list_display = ("id", "user", "kind", "state", "failures", "failing_since", "why")
    list_filter = ("kind", "state")
    list_select_related = ("user",)
    exclude = ("config", "shown")


@admin.register(AlertRule)
class AlertRuleAdmin(ReadOnlyAdmin):
    """Rules."""

    list_display = ("id", "user", "name", "active", "digest_minutes", "created")
    list_filter = ("active",)
    list_select_related = ("user",)


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin):
    """Deliveries, newest first."""

    list_display = ("id", "user", "channel", "kind", "state", "tries", "created", "receipt")
    list_filter = ("state", "kind", "channel__kind")
    list_select_related = ("user", "channel")
    ordering = ("-pk",)
