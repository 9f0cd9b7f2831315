"""Cancels sent for an account that nobody serves. This path cancels and can do nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from trading.brokers import registry
from trading.brokers.protocol import Broker, BrokerError
from trading.execution.sending import closing
from trading.ledger.book import LedgerError
from trading.models import Account, AccountState, ClientOrderId, Order, OrderGroup
from trading.orders import services as orders
from trading.orders.intents import of_json
from trading.orders.machine import OPEN

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ByHand:
    """What was cancelled, and in words what could not be."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)


def abandoned(grace: dt.timedelta = dt.timedelta(0)) -> list[int]:
    """Return the accounts with orders at a broker whose holder's lease has run out.

    One that was given back counts from `grace` later on: another holder may be on its way.
    """
    left = Q(lease_until__lte=Now()) & ~Q(holder="") | Q(lease_until__lte=Now() - grace)
    rows = AccountState.objects.filter(left | Q(lease_until=None), token__gt=0).exclude(
        state="disabled"
    )
    there = Order.objects.filter(state__in=sorted(OPEN), sent__gt=0)
    wanted = rows.filter(account_id__in=there.values("account_id"))
    return list(wanted.order_by("pk").values_list("pk", flat=True))


def cancel_open(account_id: int, *, actor: str, reason: str, exits: bool) -> ByHand:
    """Ask the broker itself for the cancel of an account's open orders.

    Parameters
    ----------
    exits : bool
        Whether orders that leave positions are cancelled as well.
    """
    told = ByHand()
    account = Account.objects.get(pk=account_id)
    try:
        broker = registry.of(account)
    except (LedgerError, BrokerError) as error:
        told.failed.append(f"account {account_id}: {error}")
        return told
    rows = Order.objects.filter(account=account, state__in=sorted(OPEN)).order_by("pk")
    for order in rows:
        if not exits and _leaves(account, order):
            continue
        _cancel(broker, order, told, actor, reason)
    return told


def _leaves(account: Account, order: Order) -> bool:
    """Return whether an order leaves a position, or will: a bracket's exit ends with its entry."""
    group = order.group
    if (
        order.role == Order.Role.EXIT
        and group is not None
        and group.kind == OrderGroup.Kind.BRACKET
    ):
        return True
    return all(closing(account, of_json(order.intent_id, order.intent)))


def _cancel(broker: Broker, order: Order, told: ByHand, actor: str, reason: str) -> None:
    orders.cancel(order.account_id, order.pk, actor=actor, reason=reason)
    names = ClientOrderId.objects.filter(order=order).order_by("-attempt")
    for name in names.values_list("text", flat=True):
        try:
            venue = order.venue_order_id or _find(broker, name)
            if venue:
                broker.cancel(name, venue)
                told.asked += 1
                return
        except BrokerError as error:
            told.failed.append(f"order {order.pk}: {error}")
            log.error("cancel_not_sent", order=order.pk, why=str(error))
            return


def _find(broker: Broker, name: str) -> str:
    found = broker.find(name)
    return found.venue_order_id if found is not None and found.open else ""
