"""Who wants to hear of orders that are over: tasks of the floors above, registered by name.

The task is promised in the transaction in which the order ends, so whoever subscribes hears of
every order that is over, once or more, and of no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from record.outbox import enqueue

if TYPE_CHECKING:
    from trading.models import Order

_tasks: dict[str, str] = {}


def subscribe(task: str, *, origin: str) -> None:
    """Have `task(order_id)` run when orders of a kind of origin end, such as "strategy"."""
    _tasks[task] = origin


def ended(order: Order) -> None:
    """Promise the tasks that want to hear of an order that is over now."""
    kind = order.origin.partition(":")[0]
    for task, origin in _tasks.items():
        if kind == origin:
            enqueue(task, order.pk)
