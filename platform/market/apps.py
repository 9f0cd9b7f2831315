"""App configuration."""

from django.apps import AppConfig


class MarketConfig(AppConfig):
    """The market app."""

    name = "market"
    default_auto_field = "django.db.models.BigAutoField"
