"""Reads of keys. The owner's filter stands here, so no page can forget it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.keys.models import ApiKey
from accounts.keys.rules import kind_of
from accounts.models import User

REVOKED_SHOWN: Final = 10
SOON: Final = dt.timedelta(days=7)


def keys_of(user: User) -> QuerySet[ApiKey]:
    """Return a person's keys, newest first, the revoked ones among them."""
    return ApiKey.objects.filter(user=user).order_by("-pk")


def key(user: User, key_id: int) -> ApiKey | None:
    """Return one of a person's keys, or None."""
    return keys_of(user).filter(pk=key_id).first()


def live(user: User) -> QuerySet[ApiKey]:
    """Return the keys of a person that work now."""
    ahead = Q(expires=None) | Q(expires__gt=timezone.now())
    return keys_of(user).filter(ahead, revoked=None)


def shown(row: ApiKey) -> dict[str, Any]:
    """Return a key as pages show it, without a secret."""
    now = timezone.now()
    soon = row.state == "active" and row.expires is not None and row.expires - now < SOON
    overlap = row.old_until if row.old_until is not None and row.old_until > now else None
    return {
        "row": row,
        "text": f"pk_{kind_of(production=settings.PRODUCTION)}_{row.prefix}",
        "state": row.state,
        "soon": soon,
        "overlap": overlap if row.state == "active" else None,
    }


def listed(user: User) -> list[dict[str, Any]]:
    """Return a person's keys as the page lists them: those that stand, then the last ended."""
    standing = keys_of(user).filter(revoked=None)
    ended = keys_of(user).exclude(revoked=None).order_by("-revoked")[:REVOKED_SHOWN]
    return [shown(row) for row in (*standing, *ended)]
