"""App configuration."""

from django.apps import AppConfig


class MarketConfig(AppConfig):
    """Market data."""

    name = "market"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the state channels."""
        from record.live import topics

        topics.register("quote", kind="state", entitlement="market.view")
        topics.register("exposure", kind="state", entitlement="market.exposure")
        topics.register("chain", kind="state", entitlement="market.chain")
        topics.register("feed", kind="state", entitlement="market.view")
