"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The accounts app."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Set the gates of live channels and tasks, and send the admin's logins through ours."""
        from allauth.account.decorators import secure_admin_login
        from django.contrib import admin

        from accounts import checks
        from accounts.gates import task_gate, topic_gate
        from record import access
        from record.live import topics

        checks.register()
        topics.set_gate(topic_gate)
        access.set_task_gate(task_gate)
        admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
