"""What the orders of a group do to each other.

The fill that leaves nothing to leave asks for the cancel of the other exits, in the transaction
that books it; one that leaves a rest, for the cancel of those that may be at the venue, and the
others wait. An entry that ends without a fill ends its exits. Exits are sent once their entry has
a fill. Of a group that the broker keeps, the broker does all that.
"""

from __future__ import annotations

from decimal import Decimal

from trading.ledger.book import total
from trading.models import Order, OrderGroup
from trading.orders.intents import OrderError
from trading.orders.machine import FINAL, State


class NotSendableError(OrderError):
    """The order must not be sent now."""


def check_turn(order: Order) -> None:
    """Raise NotSendableError while an exit has nothing to leave."""
    if order.role != Order.Role.EXIT or order.group is None or order.group.kind == "oco":
        return
    if order.group.keeper == OrderGroup.Keeper.BROKER:
        return
    entries, exits = _filled(order.group)
    if entries <= exits:
        raise NotSendableError("order", "Its entry has no fill that another exit left.")


def to_cancel(order: Order) -> list[Order]:
    """Return the orders of its group that must go now that an order stands where it stands."""
    if order.group is None or order.group.keeper == OrderGroup.Keeper.BROKER:
        return []
    others = [one for one in order.group.orders.exclude(pk=order.pk) if one.state not in FINAL]
    exits = [one for one in others if one.role == Order.Role.EXIT]
    if order.role == Order.Role.EXIT:
        if not order.filled_quantity:
            return []
        return exits if left(order.group) <= 0 else [one for one in exits if one.sent]
    ended = order.state in FINAL and order.state != State.REPLACED
    return exits if ended and not order.filled_quantity else []


def overfilled(order: Order) -> str:
    """Return in words that exits filled more than there was to leave; empty while they did not."""
    if order.group is None or order.role != Order.Role.EXIT:
        return ""
    entries, exits = _filled(order.group)
    return "exits are filled beyond what there was to leave" if exits > entries else ""


def left(group: OrderGroup) -> Decimal:
    """Return the units that came in and that no exit took out yet; below zero beyond that."""
    entries, exits = _filled(group)
    return total((entries, -exits))


def _filled(group: OrderGroup) -> tuple[Decimal, Decimal]:
    """Return the units that came in and that exits took out."""
    orders = list(group.orders.all())
    exits = [one for one in orders if one.role == Order.Role.EXIT]
    out = total(total((one.filled_quantity, one.excess)) for one in exits)
    if group.kind == OrderGroup.Kind.OCO:
        return max(one.quantity for one in exits), out
    return total(one.filled_quantity for one in orders if one.role == Order.Role.ENTRY), out
