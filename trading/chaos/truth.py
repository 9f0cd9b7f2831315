"""Both sides of the proof as they stand: the venue's own record, and the house's books."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from trading.brokers.paper import selectors as paper
from trading.brokers.paper.models import PaperFill, PaperOrder
from trading.chaos.oracle import Booked, Books, Execution, Venue
from trading.ledger import selectors as ledger
from trading.models import Account, ClientOrderId, Fill, Order
from trading.orders.machine import OPEN

_ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})


def of_stand_in(told: dict[str, Any]) -> Venue:
    """Return what a stand-in's `/_sim/truth` says."""
    return Venue(
        names=[one["client_order_id"] for one in told["orders"]],
        fills={
            one["execution_id"]: Execution(
                one["client_order_id"], one["symbol"], Decimal(one["qty"]), Decimal(one["price"])
            )
            for one in told["fills"]
        },
        positions={name: Decimal(many) for name, many in told["positions"].items()},
        cash=Decimal(told["cash"]),
        open=frozenset(
            one["client_order_id"] for one in told["orders"] if one["status"] not in _ENDED
        ),
    )


def of_paper(account_id: int) -> Venue:
    """Return what the paper venue has in its own tables; its own sales are orders of nobody."""
    fills = PaperFill.objects.filter(account_id=account_id).select_related("order")
    orders = PaperOrder.objects.filter(account_id=account_id, own=False)
    return Venue(
        names=list(orders.values_list("client_order_id", flat=True)),
        fills={
            one.execution_id: Execution(
                one.order.client_order_id, one.symbol, one.quantity, one.price
            )
            for one in fills
        },
        positions={name: many for name, many in paper.held(account_id).items() if many},
        cash=paper.cash(account_id),
        open=frozenset(one.client_order_id for one in paper.open_orders(account_id)),
    )


def books_of(account: Account) -> Books:
    """Return what the house believes of an account."""
    names = ClientOrderId.objects.filter(order__account=account)
    states = dict(Order.objects.filter(account=account).values_list("pk", "state"))
    rows = Fill.objects.filter(account=account).values_list(
        "execution_id", "order_id", "symbol", "quantity", "price"
    )
    held: dict[str, Decimal] = defaultdict(Decimal)
    for one in ledger.positions(account):
        held[one.symbol] += one.quantity
    return Books(
        orders=dict(names.values_list("text", "order_id")),
        # Alpaca lists an execution as an activity: its time, two colons and its id.
        fills=[
            Booked(name.rpartition("::")[2], order, symbol, many, price)
            for name, order, symbol, many, price in rows
        ],
        positions={name: many for name, many in held.items() if many},
        cash=ledger.balances(account).cash,
        states=states,
        open=frozenset(pk for pk, state in states.items() if state in OPEN),
    )
