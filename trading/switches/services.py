"""What turns switches in the database. Setting one is anybody's; clearing one is a person's."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils import timezone

from record import audit
from trading.actors import is_operator, is_person
from trading.ledger.book import LedgerError
from trading.models import Switch, SwitchChange
from trading.risk.telling import tell_switch
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
        Without a reason, when a machine would let more pass than before, and when anybody but an
        operator would where an operator's word stands.
    """
    _check(scope, state, actor, reason)
    Switch.objects.bulk_create(
        [Switch(kind=scope.kind, target=scope.id, state=SwitchState.OFF, actor=actor,
                reason="made", since=timezone.now())],
        ignore_conflicts=True,
    )  # fmt: skip
    switch = Switch.objects.select_for_update().get(kind=scope.kind, target=scope.id)
    if switch.state == state and not _adds_a_word(switch, actor):
        return False
    order = SwitchState.values
    if order.index(state) < order.index(switch.state):
        if not is_person(actor):
            raise SwitchError("actor", "Only a person lets more pass than a switch does now.")
        if not is_operator(actor) and _stopped_by_an_operator(scope):
            raise SwitchError("scope", "An operator stopped this; only one lets it go on.")
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
    tell_switch(scope, state, switch.reason)
    return True


def _adds_a_word(switch: Switch, actor: str) -> bool:
    """Return whether an operator stops what somebody else stopped before, and may let go on."""
    return switch.state != SwitchState.OFF and is_operator(actor) > is_operator(switch.actor)


def _stopped_by_an_operator(scope: Scope) -> bool:
    turns = SwitchChange.objects.filter(kind=scope.kind, target=scope.id).order_by("-pk")
    words = (one.state for one in turns if is_operator(one.actor))
    return next(words, SwitchState.OFF.value) != SwitchState.OFF


def _check(scope: Scope, state: str, actor: str, reason: str) -> None:
    if scope.kind not in KINDS or (scope.kind == "global") != (scope.id == ""):
        raise SwitchError("scope", f"Give global, or one of {', '.join(KINDS[1:])} with an id.")
    if state not in SwitchState.values:
        raise SwitchError("state", f"Give one of {', '.join(SwitchState.values)}.")
    if not actor.strip() or not reason.strip():
        raise SwitchError("reason", "Say who turns it and why.")
