"""App configuration."""

from django.apps import AppConfig


class RecordConfig(AppConfig):
    """The record app."""

    name = "record"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks and the channel of a person's jobs."""
        from record import checks, selectors
        from record.access import SIGNED_IN
        from record.live import topics

        checks.register()
        topics.register(
            "jobs",
            kind="log",
            entitlement=SIGNED_IN,
            snapshot=selectors.jobs_snapshot,
            owner_scoped=True,
        )
