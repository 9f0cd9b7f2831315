"""App configuration of the project itself: its commands, templates and metrics."""

from django.apps import AppConfig


class PulseConfig(AppConfig):
    """The project as an app, so that its management commands are found."""

    name = "pulse"

    def ready(self) -> None:
        """Set the Celery application; register metrics and the check of the browser libraries."""
        from pulse import assets, celery, metrics

        celery.app.set_default()  # threads of the web process queue work, too
        metrics.register()
        assets.register()
