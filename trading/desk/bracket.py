"""Exits that are wanted with an order: a bracket's, which its fill sets free, or a stop beside it.

Prices of a bracket are read like its entry's: of a single leg its own price, of a package what the
whole is worth by the sign of its net price. Those of a pair are read like the order's beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from trading.brokers.symbols import usual_time
from trading.ledger.book import LedgerError, plain
from trading.models import OrderGroup
from trading.orders import intents, ticks
from trading.orders.intents import Intent, Leg, OrderError

BRACKET: Final = OrderGroup.Kind.BRACKET.value
OCO: Final = OrderGroup.Kind.OCO.value
NAMES: Final = {BRACKET: ("take_profit", "stop_loss", "trail"), OCO: ("stop_loss", "trail")}
"""What may be asked of each kind."""
_PRICE_OF: Final = {"take_profit": "limit_price", "stop_loss": "stop_price", "trail": "trail"}
_KIND_OF: Final = {"take_profit": "limit", "stop_loss": "stop", "trail": "trailing_stop"}
_RESTING: Final = ("day", "gtc")


@dataclass(frozen=True, slots=True)
class Exits:
    """What is wanted beside an order; a fault names its field as `bracket/stop_loss`."""

    kind: str
    prices: Mapping[str, Decimal]


def exits_of(given: Mapping[str, Any]) -> Exits | None:
    """Return the exits that a valid body asks for, None when it asks for none.

    Raises
    ------
    OrderError
        When it asks for both kinds, for nothing of a kind, or for two stops.
    """
    kinds = [kind for kind in NAMES if given.get(kind) is not None]
    if not kinds:
        return None
    if len(kinds) > 1:
        raise OrderError(OCO, "Give bracket or oco, not both.")
    kind = kinds[0]
    wanted = {name: given[kind].get(name) for name in NAMES[kind]}
    prices = {name: price for name, price in wanted.items() if price is not None}
    if not prices:
        raise OrderError(kind, f"Give one of {', '.join(NAMES[kind])}.")
    if "stop_loss" in prices and "trail" in prices:
        raise OrderError(f"{kind}/trail", "Give stop_loss or trail, not both.")
    return Exits(kind, prices)


def orders_of(order: Intent, exits: Exits) -> tuple[Intent, ...]:
    """Return the orders of a group, the one that was asked for first.

    Raises
    ------
    OrderError
        Naming the field of a price that no order has, or that stands on the wrong side.
    """
    intents.check(order)
    ticks.check(order)
    found = tuple(_exit(order, exits, name, price) for name, price in exits.prices.items())
    _check_sides(order, exits)
    return order, *found


def _exit(order: Intent, exits: Exits, name: str, price: Decimal) -> Intent:
    """Return one exit, checked as an order of its own."""
    legs, sign = order.legs, 1
    if exits.kind == BRACKET:
        legs = tuple(Leg(one.symbol, -one.ratio, one.multiplier) for one in legs)
        # What leaves a package costs what the package is worth, with the other sign.
        sign = -1 if len(legs) > 1 and name != "trail" else 1
    made = Intent(
        _id_of(order.intent_id, name), legs, order.quantity, _KIND_OF[name],
        order.time_in_force if order.time_in_force in _RESTING else usual_time(legs[0].symbol),
        origin=order.origin,
    )  # fmt: skip
    priced: dict[str, Any] = {_PRICE_OF[name]: sign * price}
    made = replace(made, **priced)
    try:
        intents.check(made)
        ticks.check(made)
    except LedgerError as error:
        raise OrderError(f"{exits.kind}/{name}", str(error)) from error
    return made


def _id_of(intent_id: str, name: str) -> str:
    """Return the id of an exit: of the same order always the same."""
    return "exit-" + hashlib.sha256(f"{intent_id} {name}".encode()).hexdigest()[:40]


def _check_sides(order: Intent, exits: Exits) -> None:
    """Raise OrderError where a price can do nothing but what its name denies."""
    own = order.limit_price if order.limit_price is not None else order.stop_price
    sold = len(order.legs) == 1 and order.legs[0].ratio < 0
    if exits.kind == OCO:
        if order.kind != "limit":
            raise OrderError("kind", "Of a pair the order is a limit order: it takes the profit.")
        _beyond(exits, "stop_loss", own, above=not sold)
        return
    _beyond(exits, "take_profit", own, above=not sold)
    _beyond(exits, "stop_loss", own, above=sold)
    _beyond(exits, "stop_loss", exits.prices.get("take_profit"), above=sold)
    trail = exits.prices.get("trail")
    if trail is not None and own is not None and len(order.legs) == 1 and trail >= own > 0:
        raise OrderError(f"{BRACKET}/trail", f"Give less than the price itself, {plain(own)}.")


def _beyond(exits: Exits, name: str, other: Decimal | None, *, above: bool) -> None:
    price = exits.prices.get(name)
    if price is None or other is None or (price > other if above else price < other):
        return
    side = "above" if above else "below"
    raise OrderError(f"{exits.kind}/{name}", f"Give a price {side} {plain(other)}.")
