"""Operators' view of bots and their trades."""

from __future__ import annotations

from django.contrib import admin

import leaderboard.trusting.admin  # noqa: F401
from leaderboard.models import Bot, ConfigVersion, Downtime, PublishedDay, Trade
from record.admin import ReadOnlyAdmin


@admin.register(Bot)
class BotAdmin(ReadOnlyAdmin):
    """Bots, newest first."""

    list_display = ("id", "name", "owner", "kind", "market", "head_seq", "created", "delisted_at")
    list_filter = ("kind", "market")
    search_fields = ("name", "owner__email")
    list_select_related = ("owner",)


@admin.register(ConfigVersion)
class ConfigVersionAdmin(ReadOnlyAdmin):
    """Configurations."""

    list_display = ("id", "bot", "number", "config_hash", "created")
    list_select_related = ("bot",)


@admin.register(Trade)
class TradeAdmin(ReadOnlyAdmin):
    """Reported trades, newest first."""

    list_display = ("id", "bot", "seq", "received_at", "action", "symbol", "tier", "market")
    list_filter = ("tier", "market", "action")
    list_select_related = ("bot",)


@admin.register(Downtime)
class DowntimeAdmin(ReadOnlyAdmin):
    """Silences of bots."""

    list_display = ("bot", "started", "ended")
    list_select_related = ("bot",)


@admin.register(PublishedDay)
class PublishedDayAdmin(ReadOnlyAdmin):
    """Days whose heads were published."""

    list_display = ("day", "chains", "digest", "made_at")
