"""What became of a signal, against hand-made ways."""

import math

import numpy as np
import pytest

from tools_app.outcomes import STOP, TARGET, Bracket, bracket, follow

STEP = 0.001
ZIGZAG = 100.0 * np.exp(STEP * (np.arange(40) % 2))


def after(closes, *, side=1, volatility=0, horizon=10, ended=False, price=100.0, scale=0.01):
    close = np.asarray(closes, dtype=float)
    return follow(
        price=price,
        high=close + 0.0,
        low=close - 0.0,
        close=close,
        bracket=Bracket(scale, math.nan, math.nan),
        side=side,
        volatility=volatility,
        horizon=horizon,
        ended=ended,
    )


def test_the_bracket_is_the_usual_move_over_the_horizon():
    found = bracket(ZIGZAG, 16, 1)
    price = ZIGZAG[-1]
    assert found.scale == pytest.approx(4.0 * STEP)
    assert found.stop == pytest.approx(price * math.exp(-STOP * found.scale))
    assert found.target == pytest.approx(price * math.exp(TARGET * found.scale))
    short = bracket(ZIGZAG, 16, -1)
    assert short.target < price < short.stop
    assert math.isnan(bracket(ZIGZAG, 16, 0).stop)


@pytest.mark.parametrize(
    "closes", [ZIGZAG[:5], np.full(40, 100.0), np.full(40, np.nan), ZIGZAG[:0]]
)
def test_without_a_usual_move_there_is_no_bracket(closes):
    assert math.isnan(bracket(closes, 10, 1).scale)


def test_nothing_is_said_before_the_horizon_unless_no_row_will_come():
    assert after([101.0] * 9) is None
    assert after([]) is None
    assert after([], ended=True) is None
    assert after([101.0] * 9, ended=True).rows == 9
    done = after([101.0] * 10)
    assert (done.rows, done.result) == (10, "horizon")
    assert done.gain == pytest.approx(math.log(1.01))


def test_the_first_of_stop_and_target_is_the_result():
    up_then_down = [100.5, 101.6, 98.0, *[98.0] * 7]
    assert after(up_then_down).result == "target"
    assert after(up_then_down).target_row == 2
    assert after(up_then_down, side=-1).result == "stop"
    down_first = [98.9, 102.0, *[100.0] * 8]
    found = after(down_first)
    assert (found.result, found.stop_row, found.target_row) == ("stop", 1, 2)
    assert found.best == pytest.approx(math.log(1.02))
    assert found.worst == pytest.approx(math.log(0.989))


def test_a_row_that_reaches_both_counts_as_the_stop():
    found = follow(
        price=100.0,
        high=np.array([102.0] * 10),
        low=np.array([98.0] * 10),
        close=np.array([100.0] * 10),
        bracket=Bracket(0.01, 99.0, 101.5),
        side=1,
        volatility=0,
        horizon=10,
        ended=False,
    )
    assert found.stop_row == found.target_row == 1
    assert found.result == "stop"


def test_volatility_is_what_moved_over_what_is_usual():
    usual = 100.0 * np.exp(0.01 / math.sqrt(10) * np.cumsum([1, -1] * 5))
    assert after(usual, side=0, volatility=1).gain == pytest.approx(0.0, abs=1e-9)
    still = after([100.0] * 10, side=0, volatility=-1)
    assert still.gain == pytest.approx(1.0)
    assert after([100.0] * 10, side=0, volatility=1).gain == pytest.approx(-1.0)


def test_holes_on_the_way_are_left_out():
    found = after([np.nan, 101.0, *[np.nan] * 8], ended=True)
    assert found.price == 101.0
    assert after([np.nan] * 10) is None
