"""Signs of life of bots and people: who promised them and is silent has its scope stopped."""

from __future__ import annotations

import datetime as dt

from django.db.models import F
from django.db.models.functions import Now

from trading.ledger.book import LedgerError
from trading.models import Heartbeat
from trading.scopes import KINDS, Scope
from trading.switches.models import SwitchState
from trading.switches.selectors import stops

LEAST_S = 5


class HeartbeatError(LedgerError):
    """A promise of signs of life that cannot be."""


def beat(scope: Scope, limit_s: int) -> None:
    """Give a sign of life, and promise the next within `limit_s` seconds."""
    if scope.kind not in KINDS or not scope.id:
        raise HeartbeatError("scope", "Give a scope with an id: bot:7, user:7, account:7.")
    if limit_s < LEAST_S:
        raise HeartbeatError("limit_s", f"Give {LEAST_S} seconds or more.")
    Heartbeat.objects.update_or_create(
        kind=scope.kind, target=scope.id, defaults={"limit_s": limit_s, "at": Now()}
    )


def end(scope: Scope) -> bool:
    """Promise signs of life no more; return whether they were promised."""
    return Heartbeat.objects.filter(kind=scope.kind, target=scope.id).delete()[0] > 0


def silent() -> list[Scope]:
    """Return the scopes that are silent for too long and are not stopped yet."""
    limit = F("limit_s") * dt.timedelta(seconds=1)
    late = Heartbeat.objects.filter(at__lt=Now() - limit).order_by("pk")
    found = [Scope(one.kind, one.target) for one in late]
    return [one for one in found if not _halted(one)]


def _halted(scope: Scope) -> bool:
    return any(one.scope == scope and one.state == SwitchState.HALTED for one in stops([scope]))
