"""Whether a key is good: one indexed query, kept in the process for two seconds.

Expiry, the end of an overlap and the allowed networks count at once. Revocation and rotation count
at once in the process that made them and within 2 s in every other one, a blocked owner and a
change of plan within 2 s in all of them. What was refused is not kept.
"""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.keys import peppers
from accounts.keys.models import ApiKey
from accounts.keys.rules import Address, kind_of, prefix_of, within

if TYPE_CHECKING:
    from accounts.models import User

FRESH_S: Final = 2.0
MOST_KEPT: Final = 4096
USED_S: Final = 60
"""The time of the last use is written at most so often."""
_NOBODY: Final = "0" * 64
_SALT: Final = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key that was found good allows. It knows the row, not the key."""

    key_id: int
    scopes: frozenset[str]
    bot: int | None = None

    def allows_bot(self, bot: int | None) -> bool:
        """Return whether the key may act for a bot of its owner; None is one that is to be made."""
        return self.bot is None or self.bot == bot


@dataclass(slots=True)
class _Known:
    grant: Grant
    user: User
    networks: tuple[str, ...]
    ends: dt.datetime | None
    use_due: bool
    read_at: float


class Kept:
    """Keys that were found good, by a hash that this process alone can make."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._rows: OrderedDict[bytes, _Known] = OrderedDict()
        self._lock = Lock()

    def get(self, mark: bytes) -> _Known | None:
        """Return what is known of a key if it was read within the last 2 s."""
        with self._lock:
            known = self._rows.get(mark)
            if known is not None and self.clock() - known.read_at >= FRESH_S:
                del self._rows[mark]
                known = None
            return known

    def put(self, mark: bytes, known: _Known) -> None:
        """Keep what was read; the oldest goes when there is too much."""
        with self._lock:
            self._rows[mark] = known
            while len(self._rows) > MOST_KEPT:
                self._rows.popitem(last=False)

    def forget(self, user_id: int) -> None:
        """Forget a person's keys."""
        with self._lock:
            for mark in [m for m, known in self._rows.items() if known.user.pk == user_id]:
                del self._rows[mark]


kept = Kept()


@sensitive_variables()
def verify(text: str, address: Address | None) -> tuple[Grant, User] | None:
    """Return what a key allows and its owner, or None; it is not said what was wrong."""
    known = _known(text)
    if known is None or (known.ends is not None and known.ends <= timezone.now()):
        return None
    if known.networks and not within(address, known.networks):
        return None
    if known.use_due:
        known.use_due = False
        _note_use(known.grant.key_id)
    return known.grant, copy.copy(known.user)  # a request may write to its user


@sensitive_variables()
def _known(text: str) -> _Known | None:
    kind = kind_of(production=settings.PRODUCTION)
    prefix = prefix_of(text, kind)
    if prefix is None:
        return None
    mark = hashlib.blake2b(text.encode(), key=_SALT, digest_size=32).digest()
    known = kept.get(mark)
    if known is None:
        at = kept.clock()  # before the query: what changes during it is not kept too long
        known = _read(text, prefix, at)
        if known is not None:
            kept.put(mark, known)
    return known


@sensitive_variables()
def _read(text: str, prefix: str, at: float) -> _Known | None:
    row = _row(prefix)
    if row is None:
        peppers.matches(text, _NOBODY, "")  # an unknown prefix takes as long as a wrong secret
        return None
    ends = row.expires
    good = peppers.matches(text, row.digest, row.pepper_id)
    if not good and row.old_until is not None:
        good = peppers.matches(text, row.old_digest, row.old_pepper_id)
        ends = row.old_until if ends is None else min(ends, row.old_until)
    if not good or not row.user.is_active:
        return None
    used = row.last_used
    return _Known(
        grant=Grant(row.pk, frozenset(row.scopes), row.bot),
        user=row.user,
        networks=tuple(row.networks),
        ends=ends,
        use_due=used is None or (timezone.now() - used).total_seconds() >= USED_S,
        read_at=at,
    )


def _row(prefix: str) -> ApiKey | None:
    """Return a key that is not revoked, with its owner."""
    from accounts.models import User

    mine, theirs = _columns(ApiKey), _columns(User)
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [prefix])
        found = cursor.fetchone()
    if found is None:
        return None
    row = ApiKey.from_db(connection.alias, mine, found[: len(mine)])
    row.user = User.from_db(connection.alias, theirs, found[len(mine) :])
    return row


@lru_cache(maxsize=1)
def _statement() -> str:
    """Return the query of a key and its owner, which programs ask for all the time."""
    from accounts.models import User

    names = [f"k.{name}" for name in _columns(ApiKey)] + [f"u.{name}" for name in _columns(User)]
    return (
        f"SELECT {', '.join(names)} FROM {ApiKey._meta.db_table} k "  # noqa: S608 - our tables
        f"JOIN {User._meta.db_table} u ON u.id = k.user_id "
        "WHERE k.prefix = %s AND k.revoked IS NULL"
    )


@lru_cache(maxsize=4)
def _columns(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


def _note_use(key_id: int) -> None:
    now = timezone.now()
    before = Q(last_used=None) | Q(last_used__lte=now - dt.timedelta(seconds=USED_S))
    ApiKey.objects.filter(before, pk=key_id).update(last_used=now)


def is_alive(key_id: int) -> bool:
    """Return whether a key is neither revoked nor expired by now."""
    now = timezone.now()
    lasting = Q(expires=None) | Q(expires__gt=now)
    return ApiKey.objects.filter(lasting, pk=key_id, revoked=None).exists()
