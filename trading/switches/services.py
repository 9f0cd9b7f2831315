"""What turns switches in the database. Setting one is anybody's; clearing one is a person's."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils import timezone

from record import audit
from trading.actors import is_person
from trading.ledger.book import LedgerError
from trading.models import Switch, SwitchChange
from trading.scopes import KINDS, Scope
from trading.switches.models import SwitchState

CHAIN: Final = "switches"


class SwitchError(LedgerError):
    """A turn of a switch that cannot be."""


@transaction.atomic
def turn(scope: Scope, state: str, *, actor: str, reason: str) -> bool:
    """Turn the switch of a scope; return whether that changed anything.

    Raises
    ------
    SwitchError
        Without a reason, and when a machine would let more pass than before.
    """
    _check(scope, state, actor, reason)
    Switch.objects.bulk_create(
        [Switch(kind=scope.kind, target=scope.id, state=SwitchState.OFF, actor=actor,
                reason="made", since=timezone.now())],
        ignore_conflicts=True,
    )  # fmt: skip
    switch = Switch.objects.select_for_update().get(kind=scope.kind, target=scope.id)
    if switch.state == state:
        return False
    order = SwitchState.values
    if order.index(state) < order.index(switch.state) and not is_person(actor):
        raise SwitchError("actor", "Only a person lets more pass than a switch does now.")
    before = switch.state
    switch.state, switch.actor, switch.reason = state, actor[:80], reason[:300]
    switch.since = timezone.now()
    switch.save()
    SwitchChange.objects.create(
        kind=scope.kind, target=scope.id, state=state, actor=switch.actor, reason=switch.reason
    )
    audit.write(
        CHAIN, actor=switch.actor, action=f"switch.{state}", subject=str(scope),
        detail={"before": before, "reason": switch.reason},
    )  # fmt: skip
    return True


def _check(scope: Scope, state: str, actor: str, reason: str) -> None:
    if scope.kind not in KINDS or (scope.kind == "global") != (scope.id == ""):
        raise SwitchError("scope", f"Give global, or one of {', '.join(KINDS[1:])} with an id.")
    if state not in SwitchState.values:
        raise SwitchError("state", f"Give one of {', '.join(SwitchState.values)}.")
    if not actor.strip() or not reason.strip():
        raise SwitchError("reason", "Say who turns it and why.")
