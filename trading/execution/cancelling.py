"""Cancels leave whatever else stands: each until the venue said what became of the order."""

from __future__ import annotations

from typing import Final

import structlog

from trading.brokers.protocol import BrokerError, RejectedError
from trading.execution.hearing import hear
from trading.execution.session import Session
from trading.models import ClientOrderId, Order
from trading.orders.machine import News, State
from trading.orders.venue import Event

log = structlog.get_logger(__name__)
AGAIN_S: Final = 2.0
"""A cancel of which nothing came is asked for again; that is safe."""


def cancel_wanted(session: Session) -> int:
    """Send the cancels that are due; return how many left."""
    sent = 0
    rows = Order.objects.filter(
        account_id=session.account_id, state=State.CANCEL_PENDING.value
    ).exclude(venue_order_id="")
    for order in rows.order_by("pk"):
        if _due(session, order):
            sent += _cancel(session, order)
    return sent


def _due(session: Session, order: Order) -> bool:
    now = session.clock.monotonic()
    number, last = session.cancels.get(order.pk, (0, 0.0))
    if number == order.cancels and now - last < AGAIN_S:
        return False
    session.cancels[order.pk] = (order.cancels, now)
    return True


def _cancel(session: Session, order: Order) -> bool:
    newest = ClientOrderId.objects.filter(order=order).order_by("-attempt").first()
    name = "" if newest is None else newest.text
    try:
        session.outlet.cancel(name, order.venue_order_id)
    except RejectedError as error:
        _too_late(session, order, name, str(error))
    except BrokerError as error:
        log.warning("cancel_not_sent", account=session.account_id, order=order.pk, why=str(error))
        return False
    return True


def _too_late(session: Session, order: Order, name: str, reason: str) -> None:
    """Note that the broker refused a cancel, and ask how the order stands then."""
    event = Event(
        session.outlet.name, f"cancel {order.cancels} of {name} refused", News.CANCEL_REFUSED,
        session.clock.now(), client_order_id=name, cancel=order.cancels, reason=reason,
    )  # fmt: skip
    session.heard(hear(session.account_id, event))
    try:
        found = session.outlet.find(name)
    except BrokerError as error:
        log.info("not_resolved", account=session.account_id, order=order.pk, why=str(error))
        return
    for news in () if found is None else found.news:
        session.heard(hear(session.account_id, news))
