"""Who confirms executions: orders that this house filled itself, or had a broker fill."""

from __future__ import annotations

from collections.abc import Callable

from leaderboard import trust
from leaderboard.models import Trade
from leaderboard.trust import Confirmation, Seen
from trading import confirmed
from trading.confirmed import Executed


def paper(owner_id: int | None, reference: str) -> Confirmation | None:
    """Confirm an order that was filled at the paper venue."""
    return _confirmation(confirmed.server_priced, owner_id, reference)


def live(owner_id: int | None, reference: str) -> Confirmation | None:
    """Confirm an order that a broker filled with real money."""
    return _confirmation(confirmed.broker_verified, owner_id, reference)


def register() -> None:
    """Let both confirm trades."""
    trust.register_source("paper", tier=Trade.Tier.SERVER_PRICED, confirm=paper)
    trust.register_source("live", tier=Trade.Tier.BROKER_VERIFIED, confirm=live)


def _confirmation(
    ask: Callable[[int | None, str], Executed | None], owner_id: int | None, reference: str
) -> Confirmation | None:
    found = ask(owner_id, reference)
    if found is None:
        return None
    legs = tuple(Seen(leg.symbol, leg.quantity, leg.price) for leg in found.legs)
    market = Trade.Market.SIMULATED if found.simulated else Trade.Market.REAL
    return Confirmation(legs, found.at, known_at=found.known_at, market=market.value, fee=found.fee)
