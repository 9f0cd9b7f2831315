"""The gate that every order passes, whatever its origin. Without one, every order is refused.

The gate is registered when the house starts. It is asked under the account's lock, in the
transaction that makes the order, so nothing changes between its answer and the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.db import transaction

from trading.ledger.book import ZERO, LedgerError, fits

if TYPE_CHECKING:
    from trading.models import Account
    from trading.orders.intents import Intent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says: whether the order may be, by which rule, and what it holds.

    `value` and `limit` are what the rule compared, as text. `hold` is the money that the whole
    order keeps from others. `facts` is whatever explains it later; JSON.
    """

    allowed: bool
    rule: str
    text: str
    value: str = ""
    limit: str = ""
    hold: Decimal = ZERO
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Among:
    """What an order is to others: which it replaces, the group it is in, and its role there."""

    replaces: int | None = None
    group: int | None = None
    role: str = ""


ALONE: Final = Among()
Gate = Callable[["Account", "Intent", Among], Verdict]


def closed(account: Account, intent: Intent, among: Among) -> Verdict:
    """Refuse: there is no gate yet."""
    return Verdict(False, "gate", "No risk gate is installed, so no order is taken.")


_gates: list[Gate] = [closed]


def register(gate: Gate) -> Gate:
    """Put a gate in place of the one before and return that one."""
    before = _gates[-1]
    _gates[:] = [gate]
    return before


def ask(account: Account, intent: Intent, among: Among = ALONE) -> Verdict:
    """Return the gate's verdict; a gate that fails refuses."""
    try:
        with transaction.atomic():  # a query of the gate that fails spoils no other
            verdict = _gates[-1](account, intent, among)
        fits("hold", verdict.hold)
        if verdict.hold < 0:
            raise LedgerError("hold", "A hold is 0 or more.")
    except Exception as error:  # noqa: BLE001 - whatever fails, the order is refused
        log.warning("gate_failed", account=account.pk, error=repr(error))
        return Verdict(
            False, "gate", f"The risk gate failed ({type(error).__name__}); the order is refused."
        )
    return verdict
