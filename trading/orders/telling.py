"""News of orders for their owner's screens: a log channel, told in the news' own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from record import streams
from trading.ledger.book import plain
from trading.models import Account, Order
from trading.orders.machine import OPEN

TOPIC: Final = "orders"
_MOST: Final = 500


def channel_of(owner: int) -> str:
    """Return the channel on which somebody hears of their orders."""
    return f"{TOPIC}:{owner}"


def tell(account: Account, order: Order | None, kind: str, alert: str) -> None:
    """Tell an account's owner what happened, in the transaction that makes it true.

    The stream's row is locked last: after account, orders and audit chain.
    """
    if account.owner_id is None:
        return
    data = {**_state(order), "account": account.pk, "event": kind, "alert": alert}
    key = f"account {account.pk}" if order is None else str(order.pk)
    streams.append(channel_of(account.owner_id), key=key, data=data, op="upd")


def open_orders(channel: str) -> Mapping[str, Any]:
    """Return the newest open orders of a channel's owner, by their ids."""
    owner = channel.partition(":")[2]
    rows = Order.objects.filter(
        account__owner=int(owner) if owner.isdecimal() else 0, state__in=sorted(OPEN)
    )
    return {
        str(one.pk): {**_state(one), "account": one.account_id, "event": "", "alert": ""}
        for one in rows.order_by("-pk")[:_MOST]
    }


def _state(order: Order | None) -> dict[str, Any]:
    if order is None:
        return {"order": None, "state": "", "filled": "0"}
    return {"order": order.pk, "state": order.state, "filled": plain(order.filled_quantity)}
