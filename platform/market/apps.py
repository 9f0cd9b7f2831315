"""App configuration."""

from django.apps import AppConfig


class MarketConfig(AppConfig):
    """Market data."""

    name = "market"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the state channels. Those that carry market data carry it undelayed."""
        from record.live import topics

        for name in ("quote", "exposure", "chain"):
            topics.register(name, kind="state", entitlement="market.live")
        topics.register("feed", kind="state", entitlement="market.view")
