"""What people and programs ask of their orders, as the trading core takes it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from market import occ
from trading.desk.bracket import Exits, orders_of
from trading.desk.marks import Marks
from trading.models import Account, Order
from trading.orders import services, ticks
from trading.orders.intents import Intent, Leg, OrderError, check
from trading.orders.services import Placed

_STRATEGY: Final = "strategy:"
STANDARD: Final = Decimal(100)
"""Units of an option that nothing says otherwise of; the gate compares them with its listing."""


def new_intent_id() -> str:
    """Return an id for something that is wanted once."""
    return uuid.uuid4().hex


def intent_id_of(key: str) -> str:
    """Return the id of an intent that came with an Idempotency-Key: the same key, the same id."""
    return "idem-" + hashlib.sha256(key.encode()).hexdigest()[:40]


def symbol_of(text: str) -> str:
    """Return a symbol as it is written here: capital, options in OCC's short form."""
    found = text.strip().upper()
    try:
        return occ.parse(found).symbol
    except occ.OccError:
        return found


def legs_of(given: Sequence[tuple[str, int]], marks: Marks) -> tuple[Leg, ...]:
    """Return legs with the units that each contract stands for, as it is listed."""
    found = []
    for text, ratio in given:
        symbol = symbol_of(text)
        try:
            occ.parse(symbol)
        except occ.OccError:
            many = Decimal(1)
        else:
            many = marks.multiplier(symbol) or STANDARD
        found.append(Leg(symbol, ratio, many))
    return tuple(found)


def intent_of(given: Mapping[str, Any], *, intent_id: str, origin: str, marks: Marks) -> Intent:
    """Return the intent that a valid body stands for.

    Parameters
    ----------
    given : mapping
        `legs` as (symbol, ratio), `quantity`, `kind`, `time_in_force` and the prices it needs.
    """
    found = Intent(
        intent_id,
        legs_of(given["legs"], marks),
        given["quantity"],
        given["kind"],
        given["time_in_force"],
        limit_price=given.get("limit_price"),
        stop_price=given.get("stop_price"),
        trail=given.get("trail"),
        origin=origin,
    )
    check(found)
    ticks.check(found)
    return found


def changed(order: Order, given: Mapping[str, Any], *, intent_id: str, origin: str) -> Intent:
    """Return what takes an order's place: its legs, with what is given anew."""
    if order.origin.startswith(_STRATEGY):
        raise OrderError("order", "A strategy trades by itself: pause or end it to trade by hand.")
    names = ("quantity", "limit_price", "stop_price", "trail", "time_in_force")
    new = {name: given[name] for name in names if given.get(name) is not None}
    if not new:
        raise OrderError("quantity", "Give what shall be different: quantity, a price or the time.")
    legs = tuple(Leg(one.symbol, one.ratio, one.multiplier) for one in order.legs.all())
    kept = {name: getattr(order, name) for name in names}
    found = Intent(intent_id, legs, kind=order.kind, origin=origin, **{**kept, **new})
    check(found)
    ticks.check(found)
    return found


def place(account: Account, intent: Intent, *, actor: str, exits: Exits | None = None) -> Placed:
    """Place an order; what the gate refuses is stored as rejected, with its reason.

    With exits it is placed with them, all or none, under its own id: the same again is the group
    that is there.
    """
    if exits is None:
        return services.place(account.pk, intent, actor=actor)
    found = services.place_group(
        account.pk, exits.kind, orders_of(intent, exits), intent_id=intent.intent_id, actor=actor
    )
    return found[0]


def replace(order: Order, intent: Intent, *, actor: str) -> Placed:
    """Place an order in the place of another."""
    return services.replace_order(order.account_id, order.pk, intent, actor=actor)


def cancel(order: Order, *, actor: str) -> Order:
    """Ask for the end of an order."""
    return services.cancel(order.account_id, order.pk, actor=actor)
