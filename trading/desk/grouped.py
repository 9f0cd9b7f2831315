"""An order's group as its owner sees it: each order, and why it waits or went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from market.reach import Reach
from trading import late
from trading.desk.payloads import Payload, order_payload
from trading.execution import native
from trading.models import Order
from trading.orders.machine import FINAL, OPEN, State

_SHOWN: Final = ("id", "role", "state", "kind", "quantity", "filled_quantity", "limit_price",
                 "stop_price", "trail", "average_price", "legs", "open", "reason")  # fmt: skip


def group_payload(order: Order, reach: Reach) -> list[Payload]:
    """Return the orders of an order's group in the order of their making; none without a group."""
    if order.group_id is None:
        return []
    rows = Order.objects.filter(group=order.group_id).order_by("pk")
    mine = list(
        rows.select_related("account", "decision", "replaced_by", "group").prefetch_related("legs")
    )
    return [_one(one, mine, reach) for one in mine]


def _one(order: Order, group: Sequence[Order], reach: Reach) -> Payload:
    body = order_payload(order, reach)
    told = late.words(says(order, group), order.decision.at, reach)
    return {**{name: body[name] for name in _SHOWN}, "says": told}


def says(order: Order, group: Sequence[Order]) -> str:
    """Return why an order of a group waits, or why it went; empty where its state says all."""
    others = [one for one in group if one.pk != order.pk]
    if native.kept(order) and order.sent and order.state in OPEN:
        return _kept(order)
    if order.state == State.PENDING and order.role == Order.Role.EXIT:
        return _waits(order, others)
    if order.state == State.CANCELED:
        return _went(order, others)
    return ""


def _kept(order: Order) -> str:
    if not order.venue_order_id:
        return "On its way to the broker, as one with its group."
    if order.role == Order.Role.ENTRY:
        return "At the broker, with its exits."
    return "At the broker, which ends it with the others of its group."


def _waits(order: Order, others: Sequence[Order]) -> str:
    entries = [one for one in others if one.role == Order.Role.ENTRY]
    if any(one.state not in FINAL for one in entries):
        return "Waits until its entry is filled."
    if order.triggered_at is not None:
        return "Its price was reached; it leaves as soon as the other exit is out of the way."
    if order.kind == "limit":
        return "Waits to be sent."
    return "Waits here for its price; the other exit is cancelled first."


def _went(order: Order, others: Sequence[Order]) -> str:
    if order.role == Order.Role.EXIT:
        filled = [one for one in others if one.role == Order.Role.EXIT and one.filled_quantity]
        if filled:
            return f"Cancelled because order {filled[0].pk} filled."
        entries = [one for one in others if one.role == Order.Role.ENTRY]
        if entries and not any(one.filled_quantity for one in entries) and not order.reason:
            return "Cancelled because its entry came to nothing."
    return order.reason
