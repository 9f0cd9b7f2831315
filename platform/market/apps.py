"""App configuration."""

from django.apps import AppConfig


class MarketConfig(AppConfig):
    """Market data."""

    name = "market"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the state channels, those of market data undelayed, and what addresses hold."""
        from django.urls import register_converter

        from market.converters import SymbolConverter
        from record.live import topics

        register_converter(SymbolConverter, "symbol")
        for name in ("quote", "exposure", "chain"):
            topics.register(name, kind="state", entitlement="market.live")
        topics.register("feed", kind="state", entitlement="market.view")
