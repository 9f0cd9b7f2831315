"""App configuration."""

from collections.abc import Mapping
from typing import Any

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The accounts app."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Set the gates of live channels, tasks and market reads; admin logins go through ours."""
        from allauth.account import signals
        from allauth.account.decorators import secure_admin_login
        from django.contrib import admin

        import accounts.keys.openapi  # noqa: F401 - registers the schemes of keys
        from accounts import adapters, checks
        from accounts.billing import config
        from accounts.gates import REACH, task_gate, topic_gate
        from accounts.keys.verifying import is_alive
        from market import reach
        from record import access
        from record.live import tickets, topics

        checks.register()
        signals.password_reset.connect(adapters.note_reset)
        tickets.set_key_check(is_alive)
        config.register()
        topics.set_gate(topic_gate)
        access.set_task_gate(task_gate)
        reach.set_hook(REACH)
        topics.register(
            "alerts",
            kind="log",
            entitlement="alerts.own",
            snapshot=_newest_alerts,
            owner_scoped=True,
        )
        admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


def _newest_alerts(channel: str) -> Mapping[str, Any]:
    from accounts.alerts.selectors import newest

    return newest(channel)
