"""What changes keys: each change with its audit row in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.keys import peppers, rules, selectors
from accounts.keys.models import ApiKey
from accounts.keys.rules import FieldError
from accounts.keys.verifying import kept
from accounts.models import User
from accounts.services import audited, tell_access_changed


class KeyGoneError(ValueError):
    """The key cannot be changed any more; nothing was changed."""


class Made(NamedTuple):
    """A key and its text, which is told once and stored nowhere."""

    row: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"Made({self.row!r})"


@sensitive_variables()
@transaction.atomic
def key_create(
    user: User,
    *,
    name: str,
    scopes: Iterable[str],
    bot: int | None = None,
    networks: Iterable[str] = (),
    days: int = 0,
) -> Made:
    """Create a key that lasts for some days, 0 for ever, and return it with its text.

    Raises
    ------
    FieldError
        For a value that cannot be taken, with its field.
    """
    owner = User.objects.select_for_update().get(pk=user.pk)  # two cannot both be the last
    name = rules.clean_name(name)
    now = timezone.now()
    standing = list(ApiKey.objects.filter(user=owner, revoked=None))
    if sum(key.state == "active" for key in standing) >= rules.MOST_KEYS:
        raise FieldError("name", f"You have {rules.MOST_KEYS} keys; revoke one first.")
    if any(key.name == name for key in standing):
        raise FieldError("name", "You have a key with this name; choose another name.")
    if bot is not None and not 0 < bot < 2**63:
        raise FieldError("bot", "Give the number of a bot.")
    if days not in rules.LIFETIMES:
        raise FieldError("days", "Choose one of the times.")
    prefix = rules.new_prefix()
    text = rules.new_text(rules.kind_of(production=settings.PRODUCTION), prefix)
    pepper_id = peppers.newest()
    row = ApiKey(
        user=owner,
        name=name,
        prefix=prefix,
        digest=peppers.digest(text, pepper_id),
        pepper_id=pepper_id,
        scopes=rules.clean_scopes(scopes),
        bot=bot,
        networks=rules.clean_networks(networks),
        created=now,
        expires=now + dt.timedelta(days=days) if days else None,
    )
    row.save(force_insert=True)
    detail = {"scopes": row.scopes, "networks": row.networks, "bot": bot, "days": days}
    _audited(owner, owner, "api_key_create", row, **detail)
    return Made(row, text)


@sensitive_variables()
@transaction.atomic
def key_rotate(user: User, key_id: int, *, overlap_s: int) -> Made:
    """Give a key a new secret; the one before goes on for the overlap, one before that ends.

    Raises
    ------
    FieldError
        For an overlap beyond 7 days.
    KeyGoneError
        For a key that is not there, revoked or expired.
    """
    overlap = rules.clean_overlap(overlap_s)
    row = _standing(user, key_id)
    now = timezone.now()
    if row.state != "active":
        raise KeyGoneError("the key has expired; create a new one")
    text = rules.new_text(rules.kind_of(production=settings.PRODUCTION), row.prefix)
    if overlap:
        row.old_digest, row.old_pepper_id = row.digest, row.pepper_id
        row.old_until = now + overlap
    else:
        row.old_digest, row.old_pepper_id, row.old_until = "", "", None
    row.pepper_id = peppers.newest()
    row.digest = peppers.digest(text, row.pepper_id)
    row.rotated = now
    row.save(
        update_fields=[
            "old_digest", "old_pepper_id", "old_until", "pepper_id", "digest", "rotated",
        ]
    )  # fmt: skip
    _audited(user, user, "api_key_rotate", row, overlap_s=overlap_s)
    return Made(row, text)


@transaction.atomic
def key_revoke(user: User, key_id: int, *, actor: User, reason: str = "") -> ApiKey:
    """End a key for good, its overlap included; raise KeyGoneError when it is ended already."""
    row = _standing(user, key_id)
    row.revoked = timezone.now()
    row.old_digest, row.old_pepper_id, row.old_until = "", "", None
    row.save(update_fields=["revoked", "old_digest", "old_pepper_id", "old_until"])
    _audited(user, actor, "api_key_revoke", row, **({"reason": reason} if reason else {}))
    return row


@transaction.atomic
def keys_revoke(user: User, *, actor: User, reason: str) -> int:
    """End all keys of a person that work, each with its audit row; return how many they were."""
    owner = User.objects.select_for_update().get(pk=user.pk)  # nobody makes one meanwhile
    found = list(selectors.live(owner).order_by("pk").values_list("pk", flat=True))
    for key_id in found:
        key_revoke(owner, key_id, actor=actor, reason=reason)
    return len(found)


def _standing(user: User, key_id: int) -> ApiKey:
    row = ApiKey.objects.select_for_update().filter(user=user, pk=key_id, revoked=None).first()
    if row is None:
        raise KeyGoneError("there is no such key")
    return row


def _audited(user: User, actor: User, action: str, row: ApiKey, **detail: Any) -> None:
    audited(
        user,
        actor=actor,
        action=action,
        detail={"key": row.pk, "prefix": row.prefix, "name": row.name, **detail},
    )
    transaction.on_commit(partial(_told, user.pk))


def _told(user_id: int) -> None:
    kept.forget(user_id)
    tell_access_changed(user_id)  # sockets that a ticket of the key opened are asked again
