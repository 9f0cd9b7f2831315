"""App configuration."""

from django.apps import AppConfig


class RecordConfig(AppConfig):
    """The record app."""

    name = "record"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the deployment checks."""
        from record import checks

        checks.register()
