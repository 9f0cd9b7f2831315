"""What kind of instrument a symbol names, as every broker here writes them."""

from __future__ import annotations

from decimal import Decimal

from trading.brokers.protocol import Abilities, RejectedError, Request
from trading.orders.intents import Intent
from trading.scopes import root


def asset_of(symbol: str) -> str:
    """Return of which kind an instrument is: equity, option or crypto."""
    if "/" in symbol:
        return "crypto"
    return "option" if root(symbol) else "equity"


def root_of(symbol: str) -> str:
    """Return the root of an option's symbol; other symbols as they are."""
    return root(symbol) or symbol


def multiplier_of(symbol: str) -> Decimal:
    """Return how many units one of an instrument is, where no order of ours says it."""
    return Decimal(100) if asset_of(symbol) == "option" else Decimal(1)


def adjusted(symbol: str) -> bool:
    """Return whether an option's root has a digit (`AAPL1`): it delivers what nothing here says."""
    return any(one.isdigit() for one in root(symbol))


def usual_time(symbol: str) -> str:
    """Return for how long an order rests where nobody says it: coins have no day."""
    return "gtc" if asset_of(symbol) == "crypto" else "day"


def kinds_for(intent: Intent, abilities: Abilities) -> frozenset[str]:
    """Return the kinds that a broker takes of an order with these legs."""
    if len(intent.legs) > 1:
        return abilities.packages
    return abilities.kinds.get(asset_of(intent.legs[0].symbol), frozenset())


def leaves_as_limit(intent: Intent, abilities: Abilities) -> bool:
    """Return whether an order waits here for its price and is sent as a limit order.

    So does one at the market, which is collared, and every kind that the broker lacks.
    """
    return intent.kind == "market" or intent.kind not in kinds_for(intent, abilities)


def check_deliverables(request: Request) -> None:
    """Raise RejectedError for an order that opens an adjusted contract; one may always leave."""
    for leg, closing in zip(request.intent.legs, request.closing, strict=True):
        if adjusted(leg.symbol) and not closing:
            raise RejectedError(
                f"{leg.symbol} is an adjusted contract: what it delivers is not known here, so it "
                "can only be closed.", "adjusted",
            )  # fmt: skip


def check_group(request: Request, abilities: Abilities) -> None:
    """Raise RejectedError for a group that is not taken whole: none of its exits may be lost."""
    wanted = request.intent
    able = abilities.native_groups.get(asset_of(wanted.legs[0].symbol))
    if not request.exits:
        return
    if (
        able is None
        or {one.kind for one in request.exits} - able.exits
        or {one.time_in_force for one in (wanted, *request.exits)} - able.times
        or {one.quantity for one in request.exits} != {wanted.quantity}
        or wanted.quantity != int(wanted.quantity)
    ):
        raise RejectedError("This broker does not take it with its exits, as one.", "ability")
