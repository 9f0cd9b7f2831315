"""A request that is sent twice is done once, and answered twice with the same answer.

The key is taken in the very transaction of the effect: a second request waits for the first one,
and a crash leaves neither key nor effect.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from record.models import IdempotencyKey

KEEP: Final = dt.timedelta(hours=24)
WAIT_S: Final = 5.0
_TAKE: Final = """
    INSERT INTO record_idempotencykey (owner, key, request_hash, answer) VALUES (%s, %s, %s, '')
    ON CONFLICT (owner, key) DO NOTHING RETURNING id
"""


class KeyReusedError(Exception):
    """The key belongs to another request already."""


class InProgressError(Exception):
    """The first request with this key is still at work."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered; `replayed` when it was done before."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False


def run_once(
    *,
    owner: str,
    key: str,
    request_hash: str,
    fn: Callable[[], Answer],
    wait_s: float = WAIT_S,
) -> Answer:
    """Return `fn()`, or what it answered when this owner sent this key before.

    `fn` runs inside the transaction that keeps its answer: its effects are in the database, work
    elsewhere goes through the outbox. When it raises, nothing is kept and the key is free.

    Raises
    ------
    KeyReusedError
        When the key was used with another request.
    InProgressError
        When the first request is not done within `wait_s` seconds.
    """
    with transaction.atomic():
        taken = _take(owner, key, request_hash, wait_s)
        if taken is None:
            return _stored(owner, key, request_hash)
        answer = fn()
        taken.answer = _dump(answer)
        taken.save(update_fields=["answer"])
    return answer


def prune() -> int:
    """Remove keys past their retention."""
    return IdempotencyKey.objects.filter(created__lt=timezone.now() - KEEP).delete()[0]


def _take(owner: str, key: str, request_hash: str, wait_s: float) -> IdempotencyKey | None:
    mine = IdempotencyKey.objects.filter(owner=owner, key=key)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_s * 1000:.0f}"])
            mine.filter(created__lt=timezone.now() - KEEP).delete()
            cursor.execute(_TAKE, [owner, key, request_hash])
            found = cursor.fetchone()
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise InProgressError from None
        raise
    return None if found is None else mine.defer("answer").get(pk=found[0])


def _stored(owner: str, key: str, request_hash: str) -> Answer:
    row = IdempotencyKey.objects.get(owner=owner, key=key)
    if row.request_hash != request_hash:
        raise KeyReusedError
    return replace(Answer(**orjson.loads(row.answer)), replayed=True)


def _dump(answer: Answer) -> str:
    kept = {"status": answer.status, "body": answer.body, "headers": dict(answer.headers)}
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps(kept, default=str, option=options).decode()
