"""App configuration of the project itself: its commands, templates and metrics."""

from django.apps import AppConfig


class PulseConfig(AppConfig):
    """The project as an app, so that its management commands are found."""

    name = "pulse"

    def ready(self) -> None:
        """Register the metrics collector and the check of the browser libraries."""
        from pulse import assets, metrics

        metrics.register()
        assets.register()
