"""The kinds of channels, one file each: what they ask for, and how they send."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from accounts.alerts.kinds.base import Kind
from accounts.alerts.kinds.discord import Discord
from accounts.alerts.kinds.mail import Mail
from accounts.alerts.kinds.push import Push
from accounts.alerts.kinds.slack import Slack
from accounts.alerts.kinds.telegram import Telegram
from accounts.alerts.kinds.webhook import Webhook

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in (Mail(), Push(), Discord(), Slack(), Telegram(), Webhook())}
)
"""The kinds by name, in the order of the pages."""
