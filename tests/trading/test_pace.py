"""No window, wherever it begins, holds more than is allowed; cancels find room; loops trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.execution.pace import Budget, Pace, RunawayError, Window

steps = st.lists(st.floats(0, 1.5), min_size=1, max_size=200)


@given(steps, st.integers(1, 5))
def test_no_window_holds_more_than_is_allowed(waits, most):
    window, now, taken = Window(1.0, most), 0.0, []
    for wait in waits:
        now += wait
        if window.wait_s(now) <= 0:
            window.add(now)
            taken.append(now)
    for first in taken:
        assert sum(first <= one < first + 1.0 for one in taken) <= most


def test_orders_leave_at_the_pace_and_a_loop_trips():
    pace = Pace(5, 120, 50)
    assert [pace.take(0.0) for _ in range(6)] == [0, 0, 0, 0, 0, 1.0]
    with pytest.raises(RunawayError):
        [pace.take(number / 1000) for number in range(100)]
    slow, left = Pace(5, 120, 50), 0
    for tenth in range(1200):
        left += slow.take(tenth / 10) == 0
    assert left == 240


def storm(budget: Budget, minutes: int) -> tuple[list[float], float]:
    """Ask ten times what is allowed, and cancel every two seconds; return when, and waits."""
    sent: list[float] = []
    longest = 0.0
    for tick in range(minutes * 60 * 20):
        now = 1000.0 + tick / 20
        for _ in range(2):
            if budget.take(now) == 0:
                sent.append(now)
        if tick % 40 == 0:
            wait = budget.take(now, urgent=True)
            longest = max(longest, wait)
            if wait == 0:
                sent.append(now)
    return sent, longest


def test_a_storm_of_ten_times_the_demand_stays_within_the_brokers_limit():
    """G22: half an hour; no minute has more than the broker's 200, no cancel waits over 1 s."""
    sent, longest = storm(Budget(200, 1000.0), 30)
    start = 0
    for end, when in enumerate(sent):
        while sent[start] <= when - 60:
            start += 1
        assert end - start + 1 <= 200
    assert longest <= 1.0
    assert len(sent) >= 30 * 115


def test_without_a_reserved_share_cancels_would_wait(monkeypatch):
    from trading.execution import pace

    monkeypatch.setattr(pace, "RESERVED", 0.0)
    monkeypatch.setattr(pace, "SHARE", 1.0)
    _, longest = storm(Budget(200, 1000.0), 5)
    assert longest > 1.0


def test_the_first_minute_leaves_room_for_what_a_process_before_used():
    budget = Budget(200, 0.0)
    assert sum(budget.take(0.0) == 0 for _ in range(500)) + 150 <= 200
    assert Budget(0, 0.0).take(0.0) == 0
