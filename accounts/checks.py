"""System checks: what must not reach production."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags
from django.core.checks import register as register_check
from django.db import connections

from accounts import demo
from accounts.keys import peppers
from record.secrets import KeyringError


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


def check_key_peppers(**_: Any) -> Iterable[CheckMessage]:
    """The peppers of API keys can be read, and are not the keys that encrypt secrets."""
    try:
        peppers.parse(settings.KEY_PEPPERS)
    except KeyringError as error:
        return [Error(f"PULSE_KEY_PEPPERS: {error}", id="accounts.E002")]
    given = (settings.KEY_PEPPERS, settings.KEYRING)
    pepper_bytes, key_bytes = (
        {part.partition(":")[2].strip() for part in text.split(",")} for text in given
    )
    if pepper_bytes & key_bytes:
        told = "PULSE_KEY_PEPPERS holds a key of PULSE_KEYRING; make another one"
        return [Error(told, id="accounts.E003")]
    return []


def register() -> None:
    """Register the checks."""
    register_check(check_key_peppers, Tags.security)
    register_check(check_no_demo_users, Tags.database)
