"""Orders of which it is not known whether they arrived are asked for, and never sent again.

An order that the broker has is brought up to date. One that it surely does not know, twice with
five seconds between and some time after it was sent, never arrived and is pending again.
"""

from __future__ import annotations

from typing import Final

import structlog

from trading.brokers.protocol import BrokerError
from trading.execution.hearing import hear
from trading.execution.lease import fenced
from trading.execution.session import Session
from trading.models import ClientOrderId, Order
from trading.orders import attempts
from trading.orders.machine import State, lead_of

log = structlog.get_logger(__name__)
IN_DOUBT: Final = (State.SUBMITTING.value, State.UNKNOWN.value, State.CANCEL_PENDING.value)
SETTLE_S: Final = 5.0
"""After a sending, an absence says nothing yet: the order may be on its way."""
ASK_S: Final = 1.0
ASK_ABSENT_S: Final = 5.5


def resolve(session: Session) -> int:
    """Ask for every order in doubt whose time it is; return how many were asked for."""
    asked = 0
    rows = Order.objects.filter(account_id=session.account_id, state__in=IN_DOUBT, accepted=False)
    for order in rows.filter(sent__gt=0, working=False).order_by("pk"):
        if order.known(list(order.legs.order_by("number"))).in_doubt and _due(session, order):
            asked += 1
            _ask(session, order)
    return asked


def _due(session: Session, order: Order) -> bool:
    now = session.clock.monotonic()
    wait = ASK_S if order.absent_since is None else ASK_ABSENT_S
    last = session.asked.get(order.pk)
    if last is not None and now - last < wait:
        return False
    session.asked[order.pk] = now
    return True


def _led(name: str) -> bool:
    """Return whether an exit was sent with an order that is in doubt itself: that one is asked."""
    lead = ClientOrderId.objects.filter(text=lead_of(name) or None).first()
    if lead is None:
        return False
    return lead.order.known(list(lead.order.legs.order_by("number"))).in_doubt


def _ask(session: Session, order: Order) -> None:
    attempt = ClientOrderId.objects.filter(order=order).order_by("-attempt").first()
    if attempt is None or _led(attempt.text):
        return
    at = session.clock.now()
    try:
        found = session.outlet.find(attempt.text)
    except BrokerError as error:
        log.info("not_resolved", account=session.account_id, order=order.pk, why=str(error))
        return
    if found is None:
        if (at - attempt.at).total_seconds() >= SETTLE_S:
            with fenced(session.lease):
                attempts.mark_absent(session.account_id, order.pk, at)
        return
    for event in found.news:
        session.heard(hear(session.account_id, event))
