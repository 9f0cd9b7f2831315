"""What changes an account's standing. Every step is legal, reasoned and audited."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from record import audit
from trading.actors import is_person
from trading.execution.states import BY_A_PERSON, EXECUTION, STEPS, WATCHDOG, Standing
from trading.ledger.book import LedgerError
from trading.ledger.services import chain_of, lock
from trading.models import AccountState


class StandingError(LedgerError):
    """A step of an account's standing that cannot be."""


@transaction.atomic
def step(account_id: int, to: Standing, *, actor: str, reason: str) -> bool:
    """Bring an account to another standing; return whether that changed anything.

    Raises
    ------
    StandingError
        When no step leads there, when only a person may take it, and without a reason.
    """
    if not reason.strip():
        raise StandingError("reason", "Say why.")
    lock(account_id)
    row, _ = AccountState.objects.select_for_update().get_or_create(account_id=account_id)
    before = Standing(row.state)
    if before == to:
        return False
    if to not in STEPS[before]:
        raise StandingError("state", f"An account that is {before} cannot become {to}.")
    if (before, to) in BY_A_PERSON and not is_person(actor):
        raise StandingError("actor", f"Only a person brings an account from {before} to {to}.")
    if to == Standing.LIVE and (actor != EXECUTION or row.ceiling):
        raise StandingError("state", "Reconciling makes an account live; have it reconcile.")
    if to == Standing.REDUCING and actor not in (EXECUTION, WATCHDOG):
        row.ceiling = reason[:300]
    elif is_person(actor):
        row.ceiling = ""
    row.state, row.reason, row.since = to.value, reason[:300], timezone.now()
    row.save(update_fields=["state", "reason", "since", "ceiling"])
    audit.write(
        chain_of(account_id), actor=actor, action=f"account.{to}",
        subject=f"account {account_id}", detail={"before": before.value, "reason": reason[:300]},
    )  # fmt: skip
    return True


@transaction.atomic
def accept(account_id: int, *, actor: str, reason: str) -> None:
    """Let the next reconciliation book what differs from the broker, for a person's reason.

    Raises
    ------
    StandingError
        Without a reason, and from anybody but a person.
    """
    if not reason.strip() or not is_person(actor):
        raise StandingError("reason", "A person says why the broker's figures are right.")
    lock(account_id)
    row, _ = AccountState.objects.select_for_update().get_or_create(account_id=account_id)
    row.accept_actor, row.accept_reason = actor[:80], reason[:300]
    row.save(update_fields=["accept_actor", "accept_reason"])
    audit.write(
        chain_of(account_id), actor=actor, action="account.accept",
        subject=f"account {account_id}", detail={"reason": reason[:300]},
    )  # fmt: skip
