"""The base rate judges every row as a signal there would be judged."""

import numpy as np
import pytest

from tools_app.baserate import Base, base_of, windows
from tools_app.outcomes import bracket, follow, quarter_rows


def session(rows=90, holes=6, seed=4):
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(1e-3 * rng.standard_normal(rows)))
    close[rng.choice(rows, holes, replace=False)] = np.nan
    return close


@pytest.mark.parametrize("horizon", [5, 30])
def test_each_row_is_judged_as_a_signal_there_would_be(horizon):
    close = session()
    found = windows(close, horizon)
    for row in range(close.size):
        against = bracket(close[: row + 1], horizon, 1)
        after = close[row + 1 :]
        common = {
            "price": close[row], "high": after, "low": after, "close": after,
            "bracket": against, "volatility": 1, "horizon": horizon, "ended": True,
        }  # fmt: skip
        long, moved = follow(side=1, **common), follow(side=0, **common)
        if long is None:
            assert np.isnan(found.gain[row])
            continue
        assert found.gain[row] == pytest.approx(long.gain)
        if np.isfinite(close[row]):
            np.testing.assert_allclose(found.scale[row], against.scale, rtol=1e-9)
            np.testing.assert_allclose(found.excess[row], moved.gain, rtol=1e-6, atol=1e-9)


def test_shares_and_moves_are_those_of_the_rows():
    close = session()
    found = windows(close, 10)
    base = base_of(found)
    known = np.isfinite(found.gain) & np.isfinite(found.scale)
    assert base.rows == known.sum()
    assert base.share(1, 0) == pytest.approx((found.gain[known] > 0).mean())
    assert base.share(1, 0) + base.share(-1, 0) == pytest.approx(1.0)
    assert base.move(-1, 0) == -base.move(1, 0)
    assert base.move(0, -1) == pytest.approx(-found.excess[known].mean())
    assert base.share(0, 0) == base.share(0, 1)


def test_sums_add_up():
    one, two = base_of(windows(session(seed=1), 10)), base_of(windows(session(seed=2), 10))
    assert one.plus(two).rows == one.rows + two.rows
    assert one.plus(Base()) == one
    assert np.isnan(Base().share(1, 0))
    assert np.isnan(Base().move(1, 0))


def test_nothing_follows_the_last_row_and_a_dead_market_has_no_usual_move():
    found = windows(np.full(50, 100.0), 10)
    assert np.isnan(found.gain[-1])
    assert base_of(found).rows == 0


def test_quarters_end_at_the_horizon():
    assert quarter_rows(30) == (8, 15, 23, 30)
    assert quarter_rows(5) == (2, 3, 4, 5)
    close = session(rows=60, holes=0)
    against = bracket(close[:30], 20, -1)
    after = close[30:]
    common = {
        "price": close[29], "high": after, "low": after, "close": after, "bracket": against,
        "volatility": 1, "horizon": 20, "ended": True,
    }  # fmt: skip
    short, moved = follow(side=-1, **common), follow(side=0, **common)
    assert short.quarters[-1] == pytest.approx(short.gain)
    assert short.quarters[1] == pytest.approx(np.log(close[29] / after[9]))
    assert moved.quarters[-1] == pytest.approx(moved.gain)
    cut = {**common, **dict.fromkeys(("high", "low", "close"), after[:12])}
    assert follow(side=-1, **cut).quarters == ()
