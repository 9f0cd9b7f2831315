"""System checks: settings under which this floor could lose or expose something."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags
from django.core.checks import register as register_check

from record.secrets import Keyring, KeyringError


def check_keyring(**_: Any) -> Iterable[CheckMessage]:
    """The keyring can be read and its keys are long enough."""
    try:
        Keyring.parse(settings.KEYRING)
    except KeyringError as error:
        return [Error(f"PULSE_KEYRING: {error}", id="record.E001")]
    return []


def check_celery(**_: Any) -> Iterable[CheckMessage]:
    """A task is stopped before the broker gives it to somebody else, and is JSON."""
    faults: list[CheckMessage] = []
    visible = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout", 0)
    if visible < 2 * settings.CELERY_TASK_TIME_LIMIT:
        faults.append(
            Error(
                "the visibility timeout must be at least twice the hard time limit of tasks",
                id="record.E002",
            )
        )
    if set(settings.CELERY_ACCEPT_CONTENT) != {"json"}:
        faults.append(Error("workers must accept JSON and nothing else", id="record.E003"))
    return faults


def register() -> None:
    """Register the checks."""
    register_check(check_keyring, Tags.security)
    register_check(check_celery)
