"""App configuration."""

from django.apps import AppConfig


class ToolsAppConfig(AppConfig):
    """The tools_app app."""

    name = "tools_app"
    default_auto_field = "django.db.models.BigAutoField"
