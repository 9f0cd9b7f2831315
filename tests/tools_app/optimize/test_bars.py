"""Rows from bars: on the clock, causal, and plain about what is missing."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import calendars
from market.bars import Bars
from market.clock import DAY, MINUTE, from_ns
from tools_app.optimize.bars import TIMEFRAMES, resample

THURSDAY, HALF = dt.date(2015, 12, 23), dt.date(2015, 12, 24)
ARRAYS = ("times", "high", "low", "close", "volume")


def minutes(*days: dt.date, seed: int = 0) -> Bars:
    times = np.concatenate([calendars.session(day).minute_ends() for day in days])
    return with_prices(times, seed)


def with_prices(times: np.ndarray, seed: int = 0) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 + np.cumsum(rng.standard_normal(times.size))
    opened = close + rng.standard_normal(times.size)
    high, low = np.maximum(opened, close) + 0.5, np.minimum(opened, close) - 0.5
    return Bars(times, opened, high, low, close, rng.uniform(1.0, 9.0, times.size))


def part(bars: Bars, which: object) -> Bars:
    return Bars(*(getattr(bars, name)[which] for name in ("times", "open", *ARRAYS[1:])))


def make(bars: Bars, timeframe: str, *, interval: int = 60, crypto: bool = False):
    return resample("TEST", bars, interval=interval, timeframe=timeframe, round_the_clock=crypto)


@pytest.mark.parametrize(
    ("timeframe", "ends"),
    [
        ("1h", ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]),
        ("4h", ["12:00", "16:00"]),
        ("1d", ["16:00"]),
    ],
)
def test_bars_of_a_session_end_on_new_yorks_clock_and_at_the_close(timeframe, ends):
    rows = make(minutes(THURSDAY), timeframe)
    local = [from_ns(int(t)) - dt.timedelta(hours=5) for t in rows.times]
    assert [f"{at:%H:%M}" for at in local] == ends
    assert rows.missing() == ""


def test_a_half_day_ends_at_its_close():
    rows = make(minutes(HALF), "1h")
    assert len(rows) == 4
    assert rows.times[-1] == calendars.session(HALF).close_ns


def test_a_row_is_the_extremes_the_last_price_and_the_sum_of_its_bars():
    source = minutes(THURSDAY)
    rows = make(source, "15m")
    assert len(rows) == 26
    for row in range(26):
        mine = slice(15 * row, 15 * row + 15)
        assert rows.high[row] == source.high[mine].max()
        assert rows.low[row] == source.low[mine].min()
        assert rows.close[row] == source.close[mine][-1]
        assert rows.volume[row] == pytest.approx(source.volume[mine].sum(), rel=1e-12)


def test_crypto_days_are_utc_days_and_nothing_is_closed():
    times = 18_000 * DAY + MINUTE * np.arange(1, 3 * 1440 + 1)
    rows = make(with_prices(times), "1d", crypto=True)
    assert (rows.times == DAY * np.arange(18_001, 18_004)).all()
    four = make(with_prices(times), "4h", crypto=True)
    assert len(four) == 18
    assert (four.last == 17).all()


def test_a_missing_bar_is_a_row_without_prices_and_an_absent_session_one_row():
    day, next_day = dt.date(2024, 3, 11), dt.date(2024, 3, 13)
    source = minutes(day, next_day)
    kept = np.ones(len(source), dtype=bool)
    kept[60:75] = False
    rows = make(part(source, kept), "15m")
    assert np.isnan(rows.close).sum() == 2
    assert np.isnan(rows.close[4])
    assert np.isnan(rows.close[26])
    assert rows.missing() == "1 row without a bar, 1 session without any bar"
    assert (rows.last[:26] == 25).all()
    assert rows.last[-1] == len(rows) - 1


def test_at_one_minute_windows_and_signals_stay_in_their_session():
    rows = make(minutes(THURSDAY, HALF), "1m")
    assert len(rows) == 390 + 1 + 210
    assert np.isnan(rows.close[390])
    assert (rows.last[:390] == 389).all()
    assert rows.missing() == ""
    hours = make(minutes(THURSDAY, HALF), "1h")
    assert (hours.last == len(hours) - 1).all()


def test_bars_outside_sessions_are_left_out_and_counted():
    source = minutes(THURSDAY)
    late = with_prices(np.append(source.times, source.times[-1] + MINUTE))
    rows = make(late, "1h")
    assert len(rows) == 7
    assert rows.missing() == "1 stored bar outside sessions left out"


def test_hourly_bars_as_vendors_store_them_stay_what_they_are():
    session = calendars.session(THURSDAY)
    hours = [session.open_ns + 30 * MINUTE + 60 * MINUTE * k for k in range(7)]
    source = with_prices(np.array(hours))
    rows = make(source, "1h", interval=3600)
    np.testing.assert_array_equal(rows.close, source.close)


def test_a_bar_that_has_not_ended_is_not_there():
    source = minutes(THURSDAY)
    assert len(make(part(source, slice(0, 100)), "1h")) == 2
    assert len(make(part(source, slice(0, 5)), "1h")) == 0
    assert len(make(part(source, slice(0, 0)), "1h")) == 0


def test_bars_that_do_not_divide_the_timeframe_are_refused():
    with pytest.raises(ValueError, match="do not make 5m"):
        make(minutes(THURSDAY), "5m", interval=120)


def test_tools_are_told_why_a_value_is_missing():
    rows = make(minutes(THURSDAY, HALF), "1m")
    frame = rows.frame()
    assert frame.shape == (1, len(rows))
    assert set(np.unique(frame.reasons["close"][0]).tolist()) == {0, 11}


@given(
    cut=st.integers(1, 1199),
    timeframe=st.sampled_from(list(TIMEFRAMES)),
    crypto=st.booleans(),
    seed=st.integers(0, 50),
)
@settings(max_examples=60)
def test_more_bars_add_rows_and_change_none(cut, timeframe, crypto, seed):
    """Prefix property, on days with holes, a half day and a missing session."""
    days = (dt.date(2015, 12, 22), THURSDAY, HALF, dt.date(2015, 12, 29))
    source = minutes(*days, seed=seed)
    rng = np.random.default_rng(seed)
    source = part(source, np.sort(rng.permutation(len(source))[:1200]))
    whole = make(source, timeframe, crypto=crypto)
    early = make(part(source, slice(0, cut)), timeframe, crypto=crypto)
    assert len(early) <= len(whole)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(early, name), getattr(whole, name)[: len(early)])


@given(cut=st.integers(0, 389), timeframe=st.sampled_from(list(TIMEFRAMES)))
@settings(max_examples=30)
def test_a_row_depends_on_bars_that_ended_by_its_own_end(cut, timeframe):
    source = minutes(THURSDAY, HALF)
    changed = part(source, slice(None))
    for name in ("high", "low", "close", "volume"):
        column = getattr(changed, name).copy()
        column[cut:] *= 3.0
        object.__setattr__(changed, name, column)
    before, after = make(source, timeframe), make(changed, timeframe)
    same = before.times < source.times[cut]
    np.testing.assert_array_equal(before.times, after.times)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(before, name)[same], getattr(after, name)[same])
