"""When a strategy may place another order. Its market may go faster than the world's clock, by
which the gate counts: what would be refused is not asked for."""

from __future__ import annotations

from typing import Final

from django.utils import timezone

from trading.execution.selectors import state_of
from trading.execution.states import passes
from trading.models import Order, Strategy
from trading.orders.machine import State

REST_S: Final = 20.0
"""Between two orders: the gate lets the same one pass three times in a minute."""
REFUSED_REST_S: Final = 60.0
"""After an opening that the gate refused: what it refused for does not pass with a row."""


def not_yet(strategy: Strategy, *, closing: bool) -> str:
    """Return in words why no order is placed now; empty when one may be."""
    stand = state_of(strategy.account_id)
    if not passes(stand.state, closing=closing):
        return f"The account is {stand.state}: {stand.reason}"
    sent = Order.objects.filter(account_id=strategy.account_id, origin=strategy.origin)
    last = sent.order_by("-pk").first()
    if last is None:
        return ""
    refused = last.state == State.REJECTED and not closing
    rest = REFUSED_REST_S if refused else REST_S
    since = (timezone.now() - last.created).total_seconds()
    if since >= rest:
        return ""
    what = "was refused" if refused else "was placed"
    return (
        f"Its last order {what} {since:.0f} s ago by the world's clock; the next one waits "
        f"until it is {rest:.0f} s."
    )
