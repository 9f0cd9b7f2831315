"""The rule of what a person may see of a symbol, without a database."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.gates import REACH
from market import reach
from market.reach import WHOLE, HistoryError, Reach, Span, span
from record.access import NotEntitledError

START = dt.datetime(2024, 3, 15, 14, tzinfo=dt.UTC)
instants = st.integers(-5_000_000, 5_000_000).map(lambda s: START + dt.timedelta(seconds=s))
reaches = st.builds(Reach, st.sampled_from([0, 60, 900]), st.none() | st.sampled_from([1, 30, 365]))


@given(reaches, instants, instants, instants | st.none())
def test_nothing_later_than_the_delay_allows_is_ever_shown(has, clock, newest, at):
    within = span(has, clock=clock, now=newest, newest=newest)
    try:
        shown = within.shown(at)
    except HistoryError:
        return
    until = within.until(shown)
    if has.delay_s:
        assert until is not None
        assert until <= clock - dt.timedelta(seconds=has.delay_s)
    if shown is not None:
        assert shown == at


@given(reaches, instants, instants)
def test_what_is_older_than_the_history_is_refused_with_a_plan_that_reaches_it(has, newest, at):
    within = span(has, clock=newest, now=newest, newest=newest)
    back = (newest - at) / dt.timedelta(days=1)
    if has.history_days is None or back <= has.history_days:
        within.shown(at)
        return
    with pytest.raises(HistoryError) as refused:
        within.shown(at)
    assert refused.value.opener == REACH.opener_of(back)
    assert refused.value.earliest == newest - dt.timedelta(days=has.history_days)


@given(reaches, instants, instants, instants | st.none())
def test_a_delay_is_told_where_something_is_held_back_and_nowhere_else(has, clock, newest, at):
    within = span(has, clock=clock, now=newest, newest=newest)
    latest = clock - dt.timedelta(seconds=has.delay_s)
    assert within.delay_s == (has.delay_s if has.delay_s and newest > latest else 0)
    if at is not None and has.history_days is None and (not has.delay_s or at <= latest):
        assert within.held(at) == 0
        assert within.held(None, at) == 0
    assert within.held() == within.held(None) == within.delay_s


@given(instants, instants | st.none())
def test_the_whole_is_never_bounded(newest, at):
    assert span(WHOLE, clock=newest, now=newest, newest=newest).shown(at) == at
    assert Span().until(at) == at


def test_both_ends_count_as_within():
    within = span(Reach(900, 30), clock=START, now=START, newest=START)
    latest, earliest = START - dt.timedelta(minutes=15), START - dt.timedelta(days=30)
    for end in (latest, earliest):
        assert within.shown(end) == end
    assert within.shown(latest + dt.timedelta(microseconds=1)) is None
    with pytest.raises(HistoryError, match=r"^History before 2024-02-14 14:00 UTC needs the Pro "):
        within.shown(earliest - dt.timedelta(microseconds=1))


def test_of_a_symbol_without_data_nothing_is_refused():
    within = span(Reach(900, 30), clock=START, now=None, newest=None)
    assert (within.earliest, within.delay_s) == (None, 0)
    assert within.shown(START - dt.timedelta(days=4000)) == START - dt.timedelta(days=4000)


def test_without_a_hook_nobody_looks_at_anything():
    before = reach.set_hook(None)
    try:
        with pytest.raises(NotEntitledError, match="closed"):
            reach.reach_of(None)
    finally:
        assert reach.set_hook(before) is None
    assert reach.reach_of(None) == Reach(900, 30)
