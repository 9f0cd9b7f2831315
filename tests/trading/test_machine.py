"""The state of an order: the same whatever the order of the news, and only legal steps to it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.conftest import NOON
from trading.orders import machine
from trading.orders.machine import FINAL, Known, News, State, check_step, client_order_id, learn

D = Decimal
ENDS = sorted(machine.ENDS)
heard = st.one_of(
    st.tuples(st.sampled_from([News.ACCEPTED, News.WORKING, *ENDS]), st.integers(0, 3)),
    st.tuples(st.just(News.FILL), st.integers(0, 5), st.integers(0, 1), st.integers(1, 6)),
    st.tuples(st.just(News.CANCEL_REFUSED), st.integers(1, 2)),
)


def told(known: Known, news: list[tuple]) -> list[Known]:
    """Return what is known after each piece of news; an execution counts once."""
    steps, seen = [known], set()
    for kind, number, *more in news:
        last = steps[-1]
        if kind == News.FILL:
            if number in seen:
                continue
            seen.add(number)
            last = learn(last, kind, NOON, leg=more[0], quantity=D(more[1]))
        elif kind == News.CANCEL_REFUSED:
            last = learn(last, kind, NOON, cancel=number)
        else:
            last = learn(last, kind, NOON + dt.timedelta(seconds=number))
        steps.append(last)
    return steps


def one_size_each(news: list[tuple]) -> list[tuple]:
    """An execution id has one leg and one size."""
    first = {}
    for one in news:
        if one[0] == News.FILL:
            first.setdefault(one[1], one)
    return [first[one[1]] if one[0] == News.FILL else one for one in news]


STARTS = st.builds(
    Known, st.just(D(5)), st.just((1, 2)), st.just((D(0), D(0))), sent=st.just(1),
    unanswered=st.integers(0, 1), cancels=st.integers(0, 2),
)  # fmt: skip


@given(start=STARTS, news=st.lists(heard, max_size=12).map(one_size_each), data=st.data())
def test_any_order_and_any_repeats_give_the_same(start, news, data):
    again = data.draw(st.permutations(news + data.draw(st.lists(st.sampled_from(news))
                                                       if news else st.just([]))))  # fmt: skip
    assert told(start, news)[-1] == told(start, again)[-1]


@given(start=STARTS, news=st.lists(heard, max_size=12).map(one_size_each))
def test_every_step_is_legal_and_fills_never_fall(start, news):
    for before, after in pairwise(told(start, news)):
        check_step(before.state, after.state)
        assert 0 <= before.done <= after.done <= after.quantity
        assert machine.held(D("1000.01"), after) <= machine.held(D("1000.01"), before)
        assert (after.state in FINAL) == (machine.held(D("1000.01"), after) == 0)
        if before.state in FINAL:
            assert after.state in FINAL


def test_what_is_no_step():
    for before, after in [("filled", "canceled"), ("canceled", "working"), ("pending", "unknown")]:
        with pytest.raises(machine.IllegalTransitionError):
            check_step(State(before), State(after))
    check_step(State.FILLED, State.FILLED)


def test_a_package_is_filled_in_whole_units():
    known = Known(D(2), (1, 2), (D(0), D(0)))
    for leg, quantity in [(0, 1), (1, 1)]:
        known = learn(known, News.FILL, NOON, leg=leg, quantity=D(quantity))
    assert (known.done, known.state) == (0, State.PARTIALLY_FILLED)
    assert learn(known, News.FILL, NOON, leg=1, quantity=D(1)).done == 1


def test_ids_are_the_same_for_the_same_and_differ_otherwise():
    one = client_order_id(7, "x", 0, 1)
    assert one == client_order_id(7, "x", 0, 1)
    others = {client_order_id(*four) for four in [(8, "x", 0, 1), (7, "y", 0, 1), (7, "x", 1, 1),
                                                 (7, "x", 0, 2)]}  # fmt: skip
    assert len({one, *others}) == 5
    assert max(map(len, {client_order_id(10**12, "x" * 80, 0, 99), one})) <= machine.LONGEST_ID
