"""What a rule wants and when its messages go out."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.alerts.rules import DIGESTS, SOURCES, Wanted, due, matches, source_of, within
from tests.accounts.alerts.signals import signal

CLOCK = st.times()
ZONES = st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
INSTANTS = st.datetimes(
    dt.datetime(2024, 1, 1), dt.datetime(2027, 12, 31), timezones=st.just(dt.UTC)
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), True),
        (Wanted(tools=frozenset({7, 8})), True),
        (Wanted(tools=frozenset({8})), False),
        (Wanted(symbols=frozenset({"SPY"})), True),
        (Wanted(symbols=frozenset({"QQQ"})), False),
        (Wanted(sides=frozenset({1})), True),
        (Wanted(sides=frozenset({-1, 0})), False),
        (Wanted(least_score=0.72), True),
        (Wanted(least_score=0.73), False),
        (Wanted(session=(dt.time(9, 30), dt.time(11))), True),
        (Wanted(session=(dt.time(10, 1), dt.time(10, 2))), True),
        (Wanted(session=(dt.time(11), dt.time(16))), False),
        (Wanted(sources=frozenset({"simulated"})), True),
        (Wanted(sources=frozenset({"live", "replay"})), False),
        (Wanted(sources=frozenset()), False),
    ],
)
def test_what_a_rule_wants(wanted, expected):
    assert matches(wanted, signal()) is expected


@pytest.mark.parametrize(
    ("simulated", "source", "expected"),
    [(True, "simulator", "simulated"), (True, "replay", "simulated"), (False, "replay", "replay"),
     (False, "alpaca", "live")],
)  # fmt: skip
def test_where_a_signal_comes_from(simulated, source, expected):
    assert source_of(signal(simulated=simulated, source=source)) == expected
    assert expected in SOURCES


@given(CLOCK, CLOCK, CLOCK)
def test_hours_and_their_complement_cover_the_day(start, end, at):
    if start == end:
        assert not within((start, end), at)
    else:
        assert within((start, end), at) != within((end, start), at)


@given(INSTANTS, CLOCK, CLOCK, ZONES, st.sampled_from(DIGESTS))
def test_a_message_never_goes_out_early_or_in_quiet_hours(now, start, end, zone, minutes):
    quiet = (start.replace(microsecond=0), end.replace(microsecond=0))
    at = due(now, quiet=quiet, zone=zone, digest_minutes=minutes)
    assert now <= at <= now + dt.timedelta(hours=30)
    if minutes and at.astimezone(ZoneInfo(zone)).time() != quiet[1]:
        assert at.timestamp() % (minutes * 60) == 0
    # A clock that jumps forward may skip the end itself.
    if zone == "UTC":
        assert not within(quiet, at.time())


def test_without_quiet_hours_and_digest_it_goes_at_once():
    now = dt.datetime(2026, 11, 20, 15, 1, 7, tzinfo=dt.UTC)
    assert due(now) == now
    assert due(now, digest_minutes=15) == now.replace(minute=15, second=0)


def test_quiet_hours_end_on_the_persons_clock():
    now = dt.datetime(2026, 11, 20, 3, 0, tzinfo=dt.UTC)  # 22:00 the evening before in New York
    at = due(now, quiet=(dt.time(21), dt.time(7)), zone="America/New_York")
    assert at == dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
