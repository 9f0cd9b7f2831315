"""From the opened account to the settled option, through gate, dispatcher and venue."""

from __future__ import annotations

from decimal import Decimal as D  # noqa: N817

import pytest
from django.utils import timezone

from tests.trading.desk import latch
from tests.trading.paper.conftest import intent, option
from tests.trading.paper.test_engine import sound
from trading.brokers import registry
from trading.brokers.paper import services
from trading.execution import lease as leases
from trading.execution import reconcile
from trading.execution.clock import SystemClock
from trading.execution.executor import guards
from trading.execution.lane import Lane
from trading.execution.outlet import Outlet
from trading.execution.selectors import state_of
from trading.execution.session import Session
from trading.ledger import selectors as books
from trading.models import Account, OrderEvent
from trading.orders import gate
from trading.orders import services as orders
from trading.risk.door import risk_gate

__all__ = ["latch"]
pytestmark = pytest.mark.django_db(transaction=True)
CALL, HIGH, PUT, LOW = option("C", 505), option("C", 510), option("P", 495), option("P", 490)


def quotes(width: float = 0.05) -> dict:
    middles = {CALL: 2.0, HIGH: 0.5, PUT: 2.0, LOW: 0.5}
    return {symbol: (middle - width, middle + width, 60, 60) for symbol, middle in middles.items()}


@pytest.fixture
def market(tape):
    gate.register(risk_gate)
    return tape([CALL, HIGH, PUT, LOW])


def row(market, minute: int, **more) -> None:
    """Store a row that came just now, of a market that moves."""
    market.run.heartbeat_at = timezone.now()
    market.row(minute, quotes(), **{"spot": 500 + minute / 100} | more)


def served(account: Account) -> Lane:
    clock = SystemClock()
    lease = leases.take(account.pk, "test", clock)
    assert lease is not None
    outlet = Outlet(registry.of(account), lease, clock, guards())
    return Lane(Session(account.pk, account.owner_id, lease, outlet, clock))


def test_from_opening_to_settlement(market, ana, latch):
    for minute in range(1, 5):
        row(market, minute)
    account = services.open_paper_account(ana, name="mine", cash=D(100_000), market="simulator:SIM")
    lane = served(account)
    lane.turn()
    assert state_of(account.pk).state == "live", state_of(account.pk).reason
    legs = ((CALL, -1), (HIGH, 1), (PUT, -1), (LOW, 1))
    placed = orders.place(account.pk, intent("condor", *legs, limit_price="-2.80"), actor="ana")
    assert placed.decision.allowed, placed.decision.text
    refused = orders.place(account.pk, intent("naked", (CALL, -1), limit_price="1.50"), actor="ana")
    assert not refused.decision.allowed
    assert lane.turn()
    placed.order.refresh_from_db()
    assert placed.order.state == "accepted"
    row(market, 5)
    placed.order.refresh_from_db()
    assert placed.order.state == "filled"
    told = reconcile.reconcile(lane.session, not_again=frozenset((CALL, HIGH, PUT, LOW)))
    assert (told.clean, told.booked) == (True, 0), told
    row(market, market.last_minute, spot=507.0)
    market.closes()
    told = reconcile.reconcile(lane.session, not_again=frozenset((CALL, HIGH, PUT, LOW, "SIM")))
    assert (told.broken, told.differences, told.booked) == ([], [], 0)
    assert {one.symbol: one.quantity for one in books.positions(account)} == {"SIM": -100}
    assert not OrderEvent.objects.exclude(alert="").exists()
    assert state_of(account.pk).state == "live"
    sound(account)
