"""The gate as it is registered: its rules are loaded with the first order, not at start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trading.models import Account
    from trading.orders.gate import Among, Verdict
    from trading.orders.intents import Intent


def risk_gate(account: Account, intent: Intent, among: Among) -> Verdict:
    """Ask the risk gate; what fails in it refuses the order."""
    from trading.risk import gate

    return gate.risk_gate(account, intent, among)
