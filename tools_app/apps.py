"""App configuration."""

from collections.abc import Mapping
from typing import Any

from django.apps import AppConfig

TIERS = ("free", "pro", "pro_plus")


class ToolsAppConfig(AppConfig):
    """The tools."""

    name = "tools_app"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Ask the feed for new rows, and register the channels of signals."""
        from market.feed import subscribers
        from record.live import topics

        subscribers.subscribe("tools_app.evaluate_run")
        for tier in TIERS:
            topics.register(
                f"signals:{tier}",
                kind="log",
                entitlement=f"tools.{tier}",
                snapshot=_newest_signals,
            )


def _newest_signals(channel: str) -> Mapping[str, Any]:
    # Selectors import the tools, which the web process needs only when somebody asks.
    from tools_app.selectors import newest_signals

    return newest_signals(channel)
