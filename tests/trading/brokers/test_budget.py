"""The rate is never exceeded, and what must not wait has room left."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

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
    budget = Budget(3, clock=time)
    for _ in range(3):
        budget.take(0)
        time.now += 1
    assert after(budget) == NOW + WINDOW_S
    time.now = NOW + WINDOW_S
    budget.take(0)


def test_who_can_wait_leaves_room(time):
    budget = Budget(10, clock=time)
    for _ in range(7):
        budget.take(3)
    after(budget, 3)
    for _ in range(3):
        budget.take(0)
    after(budget, 0)


def test_the_broker_knows_better_how_many_are_left(time):
    budget = Budget(100, clock=time)
    budget.learn(5, NOW + 30)
    budget.take(4)
    assert after(budget, 4) == NOW + 30
    for _ in range(4):
        budget.take(0)
    assert after(budget) == NOW + 30
    time.now = NOW + 30
    budget.take(4)


def test_a_refusal_is_obeyed_and_the_next_for_longer(time):
    budget = Budget(100, clock=time)
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
    budget = Budget(most, clock=time)
    sent: list[float] = []
    for wait, spare in steps:
        time.now += wait
        try:
            budget.take(spare)
        except NotTakenError:
            continue
        sent.append(time.now)
        assert sum(one > time.now - WINDOW_S for one in sent) <= most


def storm(budget: Budget, time: Time, minutes: int) -> tuple[list[float], int]:
    """Ask ten times what is allowed, and cancel every two seconds; return when, and waits."""
    sent: list[float] = []
    waited = 0
    for tick in range(minutes * 60 * 20):
        time.now = NOW + tick / 20
        for spare in (30, 10):
            with suppress(NotTakenError):
                budget.take(spare)
                sent.append(time.now)
        if tick % 40 == 0:
            try:
                budget.take(urgent=True)
                sent.append(time.now)
            except NotTakenError:
                waited += 1
    return sent, waited


def test_a_storm_of_ten_times_the_demand_stays_within_the_brokers_limit(time):
    """G22: half an hour; no minute has more than the broker's 200, no cancel waits."""
    sent, waited = storm(Budget(150, hard=200, clock=time), time, 30)
    start = 0
    for end, when in enumerate(sent):
        while sent[start] <= when - WINDOW_S:
            start += 1
        assert end - start + 1 <= 200
    assert waited == 0
    assert len(sent) >= 30 * 130


def test_without_what_the_broker_takes_beyond_cancels_would_wait(time):
    _, waited = storm(Budget(200, clock=time), time, 5)
    assert waited > 0


def test_what_a_process_before_used_is_in_the_first_answer(time):
    """Alpaca counts over its own minute: what is left there is all that is left here."""
    budget = Budget(150, hard=200, clock=time)
    budget.take(10)
    budget.learn(25, NOW + 40)
    for _ in range(15):
        budget.take(10)
    assert after(budget, 10) == NOW + 40
    for _ in range(10):
        budget.take(urgent=True)
    with pytest.raises(NotTakenError):
        budget.take(urgent=True)
