"""What a person's plan carries: tools, kinds of channels, and how many of each thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from accounts.alerts.models import AlertChannel
from accounts.entitlements import allows, limits_of


def opens(user: Any, signal: Mapping[str, Any]) -> bool:
    """Return whether a user's plan opens the tool of a signal."""
    return allows(user, f"tools.{signal['tool']['tier']}").allowed


def open_channels(user: Any, channels: Iterable[AlertChannel]) -> list[AlertChannel]:
    """Return those of a user's channels that the plan carries: its kinds, the oldest ones."""
    limits = limits_of(user)
    carried = [channel for channel in channels if channel.kind in limits.alert_kinds]
    return sorted(carried, key=lambda channel: channel.pk)[: limits.alert_channels]
