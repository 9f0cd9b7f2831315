"""System checks: what must not reach production."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags
from django.core.checks import register as register_check
from django.db import connections

from accounts import demo


def check_no_demo_users(databases: Sequence[str] | None = None, **_: Any) -> Iterable[CheckMessage]:
    """In production no login of the demo is left; `migrate` asks, so a start stops there."""
    if not settings.PRODUCTION or not databases:
        return []
    from accounts.models import User

    tables = connections["default"].introspection.table_names()
    if User._meta.db_table not in tables:
        return []
    return [
        Error(
            f"the demo's login {email} exists here and its password is published",
            hint="Delete or deactivate it; no demo data belongs into production.",
            id="accounts.E001",
        )
        for email in demo.leftovers()
    ]


def register() -> None:
    """Register the checks."""
    register_check(check_no_demo_users, Tags.database)
