"""Pacing of a feed on a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.feed.pacer import NS, Pacer

MINUTE = 60 * NS


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_sixty_fold_speed_makes_a_minute_a_second():
    clock = Clock()
    pacer = Pacer(60, clock=clock)
    assert pacer.wait(0) == 0
    assert pacer.wait(MINUTE) == pytest.approx(1.0)
    clock.now += 0.4
    assert pacer.wait(MINUTE) == pytest.approx(0.6)
    clock.now += 5
    assert pacer.wait(MINUTE) == 0


def test_speed_zero_never_waits():
    pacer = Pacer(0, clock=Clock())
    assert [pacer.wait(i * MINUTE) for i in range(5)] == [0] * 5


def test_a_pause_is_not_caught_up_in_a_rush():
    clock = Clock()
    pacer = Pacer(1, clock=clock)
    pacer.wait(0)
    clock.now += 3600
    pacer.anchor(0)
    assert pacer.wait(MINUTE) == pytest.approx(60)


@given(st.floats(0.1, 1000), st.floats(0.1, 1000), st.integers(1, 500))
def test_a_change_of_speed_goes_on_from_where_it_is(first, second, minutes):
    clock = Clock()
    pacer = Pacer(first, clock=clock)
    pacer.wait(0)
    pacer.set_speed(second, at=minutes * MINUTE)
    assert pacer.wait((minutes + 1) * MINUTE) == pytest.approx(60 / second)


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf"), 1e9])
def test_a_wrong_speed_is_refused_with_what_is_allowed(speed):
    with pytest.raises(ValueError, match="as fast as possible"):
        Pacer(speed, clock=Clock())
