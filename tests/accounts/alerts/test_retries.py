"""Back-off, Retry-After and pausing."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.alerts import retries

NOW = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)


@given(st.integers(1, 10_000), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_waits_lie_in_their_bounds(tries, chance, asked):
    waited = retries.wait(tries, asked=asked, chance=chance)
    assert 4.0 <= waited <= retries.GIVE_UP_S
    if asked is not None and asked <= retries.GIVE_UP_S:
        assert waited >= asked


def test_waits_double_up_to_ten_minutes():
    waits = [retries.wait(tries) for tries in range(1, 10)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", 120.0),
        ("0.5", 0.5),
        (format_datetime(NOW + dt.timedelta(minutes=2), usegmt=True), 120.0),
        (format_datetime(NOW - dt.timedelta(minutes=2), usegmt=True), 0.0),
        ("-5", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_in_both_forms(text, expected):
    assert retries.retry_after(text, NOW) == expected


@given(st.text(max_size=40))
def test_no_retry_after_breaks_anything(text):
    found = retries.retry_after(text, NOW)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("failures", "lasting", "refused", "expected"),
    [(11, 9999, False, False), (12, 3599, False, False), (12, 3600, False, True),
     (12, 0, True, True), (8, 9999, True, False)],
)  # fmt: skip
def test_when_a_channel_is_paused(failures, lasting, refused, expected):
    assert retries.pauses(failures, lasting_s=lasting, refused=refused) is expected
