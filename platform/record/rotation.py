"""Bringing all secrets under the newest key of the keyring, while the platform runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.apps import apps
from django.db import models, transaction

from record import secrets
from record.fields import EncryptedField, Sealed

_BATCH: Final = 500
_others: dict[str, Callable[[], int]] = {}


def register(name: str, rotate: Callable[[], int]) -> None:
    """Add secrets that do not lie in an EncryptedField: `rotate()` rewraps them, says how many."""
    _others[name] = rotate


def rotate_all() -> dict[str, int]:
    """Rewrap every secret that lies under an older key; return how many of what.

    Safe to repeat and to break off: each batch is a transaction, and what is done is skipped.
    """
    done = {
        f"{model._meta.label_lower}.{field.name}": _rotate(model, field)
        for model, field in _fields()
    }
    return done | {name: rotate() for name, rotate in _others.items()}


def _fields() -> Iterator[tuple[type[models.Model], EncryptedField]]:
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, EncryptedField):
                yield model, field


def _rotate(model: type[models.Model], field: EncryptedField) -> int:
    rows: models.QuerySet[Any] = model._base_manager.order_by("pk")
    changed, after = 0, None
    while True:
        with transaction.atomic():
            batch = rows if after is None else rows.filter(pk__gt=after)
            held = list(
                batch.select_for_update(of=("self",)).values_list("pk", field.name)[:_BATCH]
            )
            changed += sum(_rewrap(model, field, pk, value) for pk, value in held)
        if len(held) < _BATCH:
            return changed
        after = held[-1][0]


def _rewrap(model: type[models.Model], field: EncryptedField, pk: Any, value: Any) -> bool:
    if not isinstance(value, Sealed):
        return False
    token = secrets.rewrap(value.token)
    if token == value.token:
        return False
    model._base_manager.filter(pk=pk).update(**{field.name: Sealed(token)})
    return True
