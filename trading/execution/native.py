"""Groups that the broker keeps: sent whole in one request, so that exits outlive this house.

What goes as one is decided right before the sending, by what the broker says it takes. All else
leaves order by order and is kept here (`exits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trading.brokers.symbols import asset_of
from trading.execution.session import Session
from trading.models import Order, OrderGroup
from trading.orders.intents import Intent, of_json
from trading.orders.machine import FINAL, State

PRICES_ALONE: Final = (
    "At the broker only the prices of an exit that has no fill are changed; cancel it, or the group"
)


def kept(order: Order) -> bool:
    """Return whether an order is in a group that the broker keeps."""
    return order.group is not None and order.group.keeper == OrderGroup.Keeper.BROKER


def followers(session: Session, order: Order, intent: Intent) -> list[Order]:
    """Return the exits that leave with an order in one request; none when it leaves alone."""
    group = order.group
    if group is None or group.keeper or order.replaces_id is not None:
        return []
    rows = group.orders.exclude(pk=order.pk).order_by("pk")
    others = [one for one in rows if one.state not in FINAL]
    able = session.outlet.broker.abilities.native_groups.get(asset_of(intent.legs[0].symbol))
    if able is None or not others or not all(_waits(one) for one in others):
        return []
    fits = (
        _form(order, others) in able.forms
        and intent.kind in (able.entries if order.role == Order.Role.ENTRY else able.exits)
        and {one.kind for one in others} <= able.exits
        and _alike(order, intent, others)
        and intent.time_in_force in able.times
    )
    return others if fits else []


def _waits(order: Order) -> bool:
    return (
        order.role == Order.Role.EXIT
        and order.state == State.PENDING
        and order.triggered_at is None
        and order.replaces_id is None
    )


def _form(order: Order, others: Sequence[Order]) -> str:
    """Return bracket, oto or oco; empty when orders are none of them."""
    targets = sum(one.kind == "limit" for one in others)
    stops = len(others) - targets
    if order.role == Order.Role.ENTRY:
        return {(1, 1): "bracket", (1, 0): "oto", (0, 1): "oto"}.get((targets, stops), "")
    return "oco" if (order.kind, targets, stops) == ("limit", 0, 1) else ""


def _alike(order: Order, intent: Intent, others: Sequence[Order]) -> bool:
    """Return whether all are of as many whole units of one instrument, for as long."""
    leg, *more = intent.legs
    sold = -leg.ratio if order.role == Order.Role.ENTRY else leg.ratio
    wanted = [of_json(one.intent_id, one.intent) for one in others]
    return (
        not more
        and abs(leg.ratio) == 1
        and intent.quantity == int(intent.quantity)
        and all(one.quantity == intent.quantity for one in others)
        and all(one.time_in_force == intent.time_in_force for one in wanted)
        and all([(a.symbol, a.ratio) for a in one.legs] == [(leg.symbol, sold)] for one in wanted)
    )


def hindrance(order: Order, intent: Intent) -> tuple[str, bool]:
    """Return why a pending order of a group at the broker does not leave, and whether for good.

    Such an order takes the place of an exit there, or is an exit that the broker never had.
    """
    old = order.replaces
    if old is None:
        return "the broker does not have it", False
    same = (old.kind, old.quantity, old.time_in_force) == (
        order.kind, order.quantity, order.time_in_force,
    )  # fmt: skip
    legs = of_json(old.intent_id, old.intent).legs == intent.legs
    if old.role == Order.Role.EXIT and same and legs and not old.filled_quantity:
        return "", False
    return PRICES_ALONE, True
