"""What stops trading in some scopes, by the database's word."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final, NamedTuple

from django.db.models import Q

from trading.models import Switch, SwitchChange
from trading.scopes import EVERYTHING, Scope
from trading.switches.models import SwitchState

STRICTNESS: Final = (SwitchState.OFF, SwitchState.REDUCING, SwitchState.HALTED)


class Stop(NamedTuple):
    """A switch that is set: what it acts on, how far, why and since when."""

    scope: Scope
    state: str
    reason: str
    since: dt.datetime | None

    def __str__(self) -> str:
        return f"{self.scope} is {self.state}: {self.reason}"


def stops(scopes: Iterable[Scope]) -> tuple[Stop, ...]:
    """Return the switches that are set in some scopes, and everywhere; the strictest first.

    Nothing returned means that the switches let everything pass.
    """
    wanted = Q()
    for scope in {EVERYTHING, *scopes}:
        wanted |= Q(kind=scope.kind, target=scope.id)
    rows = Switch.objects.filter(wanted).exclude(state=SwitchState.OFF)
    found = [Stop(one.scope, one.state, one.reason, one.since) for one in rows.order_by("pk")]
    return tuple(sorted(found, key=lambda one: -STRICTNESS.index(SwitchState(one.state))))


def newest_turn(scope: Scope) -> SwitchChange | None:
    """Return the newest turn of a scope's switch, None when it was never turned."""
    return SwitchChange.objects.filter(kind=scope.kind, target=scope.id).order_by("-pk").first()
