"""G23: whatever breaks, nothing leaves unguarded, nothing is lost, and it goes on by itself."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import DatabaseError, InterfaceError, connection

from record import audit
from tests.record.conftest import own_redis
from tests.trading.desk import Desk, desk, latch, market, new_desk, sent
from tests.trading.faults import FAULTS, Broken
from trading.ledger.book import LedgerError
from trading.models import Order
from trading.orders.machine import FINAL
from trading.switches import flags
from trading.switches.latch import Latch

__all__ = ["desk", "latch", "market", "new_desk", "own_redis"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


OF_REDIS = [name for name, one in FAULTS.items() if one.redis]


def broken_by(name: str, desk: Desk, request: pytest.FixtureRequest) -> None:
    """Break something, want to trade meanwhile, and see it go on."""
    fault, broken, wanted = FAULTS[name], Broken(desk, request), False
    sent(desk.live(), "before")
    posts = len(desk.venue.posts)
    with fault.breaks(broken):
        with suppress(DatabaseError, InterfaceError, LedgerError):
            desk.place("during")
            wanted = True
        fault.meanwhile(broken)
        left = len(desk.venue.posts) - posts
        if fault.leaves is None:
            assert left <= 1
        else:
            assert left == int(fault.leaves), f"{left} orders left"
    connection.close()
    if not wanted:
        assert not Order.objects.filter(intent_id="during").exists()
    broken.serve(3)
    desk.until(lambda: desk.settled() and desk.standing == "live", 200, step=1.0)
    sent(desk, "after")
    assert desk.order("before").state == ("canceled" if "disk of the latch" in name else "accepted")
    if wanted:
        order = desk.order("during")
        assert order.state == "accepted" or (order.state in FINAL and order.reason)
    desk.prove()
    assert audit.verify().sound


@pytest.mark.parametrize("name", [name for name, one in FAULTS.items() if not one.redis])
def test_nothing_leaves_unguarded_nothing_is_lost_and_it_goes_on(desk: Desk, request, name):
    broken_by(name, desk, request)


@pytest.mark.parametrize("name", OF_REDIS)
def test_the_same_with_faults_of_redis(own_redis, desk: Desk, request, name):
    broken_by(name, desk, request)


def test_at_most_two_of_twenty_need_a_hand():
    assert len(FAULTS) >= 20
    assert sum(one.by_hand for one in FAULTS.values()) <= 2


# --- bugs that must be found out -----------------------------------------------------------------


def open_when_unread(*_) -> str:
    return ""


@pytest.mark.parametrize(
    ("name", "guard"),
    [("Redis is down", (flags, "hindrance")), ("the latch cannot be read", (Latch, "hindrance"))],
)
def test_a_guard_that_lets_pass_what_it_cannot_read_is_found_out(
    own_redis, desk: Desk, request, monkeypatch, name, guard
):
    monkeypatch.setattr(*guard, open_when_unread)
    with pytest.raises(AssertionError, match="1 orders left"):
        broken_by(name, desk, request)
