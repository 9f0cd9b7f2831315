"""App configuration of the project itself: its commands and templates."""

from django.apps import AppConfig


class PulseConfig(AppConfig):
    """The project as an app, so that its management commands are found."""

    name = "pulse"
