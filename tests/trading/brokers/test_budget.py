"""The rate is never exceeded, and what must not wait has room left."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.brokers.budget import WINDOW_S, Budget
from trading.brokers.protocol import NotTakenError

NOW = 1_800_000_000.0


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def after(budget: Budget, spare: int = 0) -> float:
    with pytest.raises(NotTakenError) as caught:
        budget.take(spare)
    assert caught.value.after is not None
    return caught.value.after.timestamp()


def test_no_window_has_more_than_the_most(time):
    budget = Budget(3, time)
    for _ in range(3):
        budget.take(0)
        time.now += 1
    assert after(budget) == NOW + WINDOW_S
    time.now = NOW + WINDOW_S
    budget.take(0)


def test_who_can_wait_leaves_room(time):
    budget = Budget(10, time)
    for _ in range(7):
        budget.take(3)
    after(budget, 3)
    for _ in range(3):
        budget.take(0)
    after(budget, 0)


def test_the_broker_knows_better_how_many_are_left(time):
    budget = Budget(100, time)
    budget.learn(5, NOW + 30)
    budget.take(4)
    assert after(budget, 4) == NOW + 30
    for _ in range(4):
        budget.take(0)
    assert after(budget) == NOW + 30
    time.now = NOW + 30
    budget.take(4)


def test_a_refusal_is_obeyed_and_the_next_for_longer(time):
    budget = Budget(100, time)
    assert budget.refused(NOW + 20) == dt.datetime.fromtimestamp(NOW + 20, dt.UTC)
    assert after(budget) == NOW + 20
    time.now = NOW + 20
    budget.learn(50, NOW + 60)
    waits = []
    for _ in range(8):
        waits.append(budget.refused(None).timestamp() - time.now)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 4)), max_size=60), st.integers(1, 8)
)  # fmt: skip
def test_the_window_holds_whatever_is_asked(steps, most):
    time = Time()
    budget = Budget(most, time)
    sent: list[float] = []
    for wait, spare in steps:
        time.now += wait
        try:
            budget.take(spare)
        except NotTakenError:
            continue
        sent.append(time.now)
        assert sum(one > time.now - WINDOW_S for one in sent) <= most
