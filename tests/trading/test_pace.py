"""No window, wherever it begins, holds more than is allowed; loops trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.execution.pace import Pace, RunawayError, Window

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
