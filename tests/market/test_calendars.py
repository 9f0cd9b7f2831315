"""Sessions, settlement instants and clocks."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import calendars
from market.clock import from_ns, new_york, to_ns, wall_ns

ET = ZoneInfo("America/New_York")


def et(day: dt.date, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, minute), ET)


def test_half_day_before_christmas_closes_at_one() -> None:
    session = calendars.session(dt.date(2015, 12, 24))
    assert session is not None
    assert (session.open, session.close) == (et(session.date, 9, 30), et(session.date, 13))
    assert session.half_day
    assert session.minutes == 210
    ends = session.minute_ends()
    assert (len(ends), from_ns(int(ends[0]))) == (210, et(session.date, 9, 31))
    assert int(ends[-1]) == session.close_ns


def test_full_day_has_390_minutes_in_summer_and_winter() -> None:
    for day in (dt.date(2018, 1, 5), dt.date(2018, 7, 5)):
        session = calendars.session(day)
        assert session is not None
        assert (session.minutes, session.half_day) == (390, False)
        assert session.open == et(day, 9, 30)


def test_holiday_and_weekend_have_no_session() -> None:
    assert calendars.session(dt.date(2015, 12, 25)) is None
    assert calendars.session(dt.date(2015, 12, 26)) is None
    assert calendars.next_session(dt.date(2015, 12, 24)).date == dt.date(2015, 12, 28)
    assert calendars.previous_session(dt.date(2015, 12, 28)).date == dt.date(2015, 12, 24)


def test_open_is_inside_and_close_is_not() -> None:
    day = dt.date(2015, 12, 24)
    answers = [calendars.is_open(et(day, *at)) for at in ((9, 29), (9, 30), (12, 59), (13, 0))]
    assert answers == [False, True, True, False]


def test_dates_outside_the_calendar_are_refused() -> None:
    with pytest.raises(calendars.CalendarError):
        calendars.session(dt.date(1989, 12, 29))


@pytest.mark.parametrize(
    ("root", "expiry", "hour", "minute"),
    [
        ("SPX", dt.date(2018, 1, 19), 9, 30),  # third Friday, settled at the open
        ("SPXW", dt.date(2018, 1, 19), 16, 0),  # the same date, settled at the close
        ("SPXW", dt.date(2018, 1, 5), 16, 0),
        ("SPXW", dt.date(2019, 7, 3), 13, 0),  # early close
        ("SPY", dt.date(2025, 5, 9), 16, 0),
        ("GOOG", dt.date(2015, 12, 24), 13, 0),
        ("ES", dt.date(2020, 3, 20), 9, 30),
    ],
)
def test_settlement_instant_follows_root_and_session(
    root: str, expiry: dt.date, hour: int, minute: int
) -> None:
    assert calendars.settlement(root, expiry) == et(expiry, hour, minute)


def test_saturday_expiry_settles_with_friday() -> None:
    assert calendars.settlement("AAPL", dt.date(2014, 6, 21)) == et(dt.date(2014, 6, 20), 16)


def test_last_trade_of_the_open_settled_is_the_day_before() -> None:
    assert calendars.last_trade("SPX", dt.date(2018, 1, 19)) == et(dt.date(2018, 1, 18), 16, 15)
    assert calendars.last_trade("SPXW", dt.date(2018, 1, 19)) == et(dt.date(2018, 1, 19), 16)
    assert calendars.last_trade("SPY", dt.date(2015, 12, 24)) == et(dt.date(2015, 12, 24), 13, 15)
    assert calendars.last_trade("GOOG", dt.date(2015, 12, 24)) == et(dt.date(2015, 12, 24), 13)


def test_years_to_the_second_on_both_clocks() -> None:
    day = dt.date(2018, 1, 5)
    now, settles = to_ns(et(day, 10)), to_ns(et(day, 16))
    assert calendars.years(now, settles) == pytest.approx(360 * 60 / 31_536_000, rel=1e-15)
    assert calendars.years(now, settles, "trading") == pytest.approx(360 / 98_280, rel=1e-12)
    ratio = calendars.years(now, settles, "trading") / calendars.years(now, settles)
    assert ratio == pytest.approx(5.348, abs=5e-4)


def test_night_counts_on_one_clock_alone() -> None:
    close, morning = to_ns(et(dt.date(2018, 1, 5), 16)), to_ns(et(dt.date(2018, 1, 8), 9, 30))
    assert calendars.years(close, morning, "trading") == 0
    assert calendars.years(close, morning) > 0


def test_past_settlement_is_zero_years() -> None:
    assert (
        calendars.years(to_ns(et(dt.date(2018, 1, 5), 16)), to_ns(et(dt.date(2018, 1, 5), 15))) == 0
    )


instants = st.integers(
    to_ns(dt.datetime(1991, 1, 1, tzinfo=dt.UTC)), to_ns(dt.datetime(2040, 1, 1, tzinfo=dt.UTC))
)


@given(instants, instants, instants)
def test_trading_time_adds_up(a: int, b: int, c: int) -> None:
    a, b, c = sorted((a, b, c))
    whole = calendars.years(a, c, "trading")
    parts = calendars.years(a, b, "trading") + calendars.years(b, c, "trading")
    np.testing.assert_allclose(whole, parts, atol=1e-9)


@given(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)))
def test_nanoseconds_round_trip(at: dt.datetime) -> None:
    assert from_ns(to_ns(at)) == at


def test_wall_clock_of_files_survives_daylight_saving() -> None:
    day = dt.date(2020, 3, 8)  # clocks jump at 02:00
    half_past_nine = 34_200_000
    assert from_ns(wall_ns(day, half_past_nine)) == new_york(day, dt.time(9, 30))
