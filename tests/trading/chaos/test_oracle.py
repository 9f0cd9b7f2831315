"""Whatever is lost, doubled, altered or left over, the oracle says so, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from trading.chaos.oracle import Booked, Books, Execution, Venue, differences

D = Decimal
VENUE = Venue(
    names=("a", "b", "c"),
    fills={
        "x1": Execution("a", "SPY", D(10), D(100)),
        "x2": Execution("a", "SPY", D(5), D(101)),
        "x3": Execution("b", "SPY", D(-4), D(102)),
    },
    positions={"SPY": D(11)},
    cash=D(-1097),
    open=frozenset({"c"}),
)
BOOKS = Books(
    orders={"a": 1, "b": 2, "c": 3, "never left": 4},
    fills=(
        Booked("x1", 1, "SPY", D(10), D(100)),
        Booked("x2", 1, "SPY", D(5), D(101)),
        Booked("x3", 2, "SPY", D(-4), D(102)),
    ),
    positions={"SPY": D(11)},
    cash=D(-1097),
    states={1: "filled", 2: "filled", 3: "working", 4: "rejected"},
    open=frozenset({3}),
)
FIRST, *REST = BOOKS.fills


def test_books_that_are_what_happened_have_no_difference():
    assert differences(VENUE, BOOKS) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fills": tuple(REST)}, "execution x1 is lost"),
        ({"fills": (FIRST, *BOOKS.fills)}, "execution x1 is booked 2 times"),
        (
            {"fills": (*BOOKS.fills, FIRST._replace(execution_id="x1+"))},
            "execution x1+ is booked and never was",
        ),
        ({"fills": (FIRST._replace(price=D(99)), *REST)}, "execution x1 is booked as"),
        ({"fills": (FIRST._replace(quantity=D(-10)), *REST)}, "execution x1 is booked as"),
        ({"fills": (FIRST._replace(order=2), *REST)}, "booked for order 2"),
        ({"fills": (FIRST._replace(order=None), *REST)}, "booked for order None"),
        ({"positions": {"SPY": D(10)}}, "the venue holds 11 of SPY, the books 10"),
        ({"positions": {}}, "the venue holds 11 of SPY, the books 0"),
        ({"positions": {"SPY": D(11), "QQQ": D(1)}}, "the venue holds 0 of QQQ, the books 1"),
        ({"cash": D("-1096.99")}, "the venue has -1097 in cash, the books -1096.99"),
        ({"orders": {"a": 1, "b": 1, "c": 3}}, "order 1 is at the venue 2 times: a, b"),
        ({"orders": {"a": 1, "b": 2}}, "an order c that nobody here sent"),
        ({"states": BOOKS.states | {4: "unknown"}}, "order 4 is still unknown"),
        ({"open": frozenset()}, "order 3 is over here and open at the venue"),
        ({"open": frozenset({2, 3})}, "order 2 is open here and over at the venue"),
    ],
)
def test_a_difference_is_told(changed, said):
    told = differences(VENUE, replace(BOOKS, **changed))
    assert any(said in one for one in told), told


def test_an_order_that_never_reached_the_venue_may_wait_here():
    books = replace(BOOKS, states=BOOKS.states | {4: "pending"}, open=frozenset({3, 4}))
    assert differences(VENUE, books) == []


def test_what_the_venue_did_by_itself_is_of_no_order():
    venue = replace(VENUE, fills={**VENUE.fills, "x9": Execution("sweep", "SPY", D(0), D(1))})
    books = replace(BOOKS, fills=(*BOOKS.fills, Booked("x9", None, "SPY", D(0), D(1))))
    assert differences(venue, books) == []
