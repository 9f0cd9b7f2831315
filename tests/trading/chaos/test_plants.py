"""Planted bugs do what they say, so that a run that misses one is a bad run."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.trading.desk import Desk, desk, latch, market, new_desk
from trading.chaos import oracle, plants, truth
from trading.chaos.oracle import Execution, Venue
from trading.execution import hearing, sending
from trading.execution.outlet import Outlet

__all__ = ["desk", "latch", "market", "new_desk"]
pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = 12


def venue_of(desk: Desk) -> Venue:
    """What the desk's venue says happened, as a stand-in would."""
    kept = desk.venue.kept
    return Venue(
        names=list(kept),
        fills={
            one.execution.execution_id: Execution(
                one.client_order_id, one.execution.symbol, one.execution.quantity,
                one.execution.price,
            )
            for one in desk.venue.told if one.execution is not None
        },
        positions={name: many for name, many in desk.venue.held.items() if many},
        cash=desk.venue.cash,
        open=frozenset(name for name, one in kept.items() if one.open),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _taken_out_again(monkeypatch):
    """What a plant puts in place of the house's own is put back."""
    monkeypatch.setattr(hearing, "hear", hearing.hear)
    monkeypatch.setattr(sending, "hear", sending.hear)
    monkeypatch.setattr(Outlet, "submit", Outlet.submit)


def traded(desk: Desk) -> Counter[str]:
    """Trade through time-outs, let all settle, and return what the oracle says, by kind."""
    desk.live()
    desk.venue.fill_at_once, desk.venue.faults.after = 1.0, 0.6
    for number in range(ORDERS):
        desk.place(f"i{number}", "3")
        desk.turn(4)
    desk.venue.faults.after = 0.0
    desk.turn(60, step=1.0)
    told = oracle.differences(venue_of(desk), truth.books_of(desk.account))
    return Counter(next(kind for kind in KINDS if kind in one) for one in told)


KINDS = ("lost", "never was", "that nobody here sent", "times", "holds", "in cash", "still", "open")


def test_without_a_plant_there_is_no_difference(new_desk):
    assert traded(new_desk()) == Counter()


@pytest.mark.parametrize(
    ("plant", "kind"),
    [("doubled", "never was"), ("lost", "lost"), ("resent", "that nobody here sent")],
)
def test_each_plant_is_found_by_what_it_does(new_desk, plant, kind):
    plants.PLANTS[plant]()
    assert traded(new_desk())[kind] > 0
