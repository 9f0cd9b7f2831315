"""The hard exits: each at its limit, none called off by what is worse, later or better."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tools_app.decisions import Course
from trading.strategies import exits
from trading.strategies.config import ExitRules
from trading.strategies.exits import HardExits

RULES = ExitRules(stop=0.5, trail=0.3, trail_from=0.3, take=0.8, minutes=60.0, before_close=20.0)
OPEN = Course(0.0, 0.0, 10.0, 300.0)
shares = st.floats(-1.0, 3.0)
positive = st.floats(0.05, 1.0)
rules = st.builds(
    ExitRules,
    stop=positive,
    trail=st.none() | positive,
    trail_from=st.floats(0.0, 1.0),
    take=st.none() | positive,
    minutes=st.none() | st.floats(1.0, 600.0),
    before_close=st.floats(5.0, 60.0),
)
courses = st.builds(
    Course, now=st.none() | shares, best=st.floats(0.0, 3.0), minutes=st.floats(0.0, 800.0),
    to_close=st.floats(-10.0, 390.0),
)  # fmt: skip


def rule(course, **more):
    return HardExits(replace(RULES, **more)).leave(course).rule


def test_each_exit_at_its_limit_and_not_before():
    assert rule(OPEN) == ""
    assert rule(replace(OPEN, now=-0.4999)) == ""
    assert rule(replace(OPEN, now=-0.5)) == exits.STOP
    assert rule(replace(OPEN, now=0.79, best=0.79)) == ""
    assert rule(replace(OPEN, now=0.8, best=0.8)) == exits.TAKE
    assert rule(replace(OPEN, minutes=60.0)) == exits.TIME
    assert rule(replace(OPEN, to_close=20.0)) == exits.CLOSE
    assert rule(replace(OPEN, to_close=20.1, minutes=59.9)) == ""


def test_the_trailing_stop_waits_until_there_is_something_to_keep():
    assert rule(replace(OPEN, now=-0.1, best=0.29)) == ""
    assert rule(replace(OPEN, now=0.0, best=0.3)) == exits.TRAIL
    assert rule(replace(OPEN, now=0.01, best=0.3)) == ""
    assert rule(replace(OPEN, now=-0.4, best=0.9), trail=None) == ""


def test_without_a_quote_the_clock_still_counts():
    blind = replace(OPEN, now=None, best=0.9)
    said = HardExits(RULES).leave(blind)
    assert said.rule == ""
    assert "a quote is missing" in said.reasons[0]
    assert rule(replace(blind, to_close=1.0)) == exits.CLOSE


def test_several_reasons_are_all_told_and_the_loss_names_the_exit():
    said = HardExits(RULES).leave(Course(-0.7, 0.4, 90.0, 5.0))
    assert said.rule == exits.STOP
    assert [words.split()[0] for words in said.reasons] == ["It", "It", "5", "It"]


STOPS = {exits.STOP, exits.TRAIL}
more = st.floats(0.0, 3.0)


@given(rules, courses, more, more, st.booleans())
def test_a_worse_result_never_calls_off_a_stop(rules, course, beyond, worse, trailing):
    fall = rules.trail if trailing and rules.trail is not None else None
    if fall is None:
        at = replace(course, now=-rules.stop - beyond)
    else:
        best = max(course.best, rules.trail_from)
        at = replace(course, now=best - fall - beyond, best=best)
    assert HardExits(rules).leave(at).rule in STOPS
    assert HardExits(rules).leave(replace(at, now=at.now - worse)).rule in STOPS


@given(rules, courses, more, more)
def test_a_better_result_never_calls_off_a_profit(rules, course, beyond, better):
    rules = replace(rules, take=rules.take or 0.5, trail=None)
    at = replace(course, now=rules.take + beyond)
    assert HardExits(rules).leave(at).rule == exits.TAKE
    assert HardExits(rules).leave(replace(at, now=at.now + better)).rule == exits.TAKE


@given(rules, courses, st.floats(0.0, 500.0))
def test_later_is_never_too_early_again(rules, course, later):
    course = replace(course, to_close=min(course.to_close, rules.before_close))
    assert HardExits(rules).leave(course).rule
    after = replace(course, minutes=course.minutes + later, to_close=course.to_close - later)
    assert HardExits(rules).leave(after).rule


@given(rules, courses)
def test_no_trade_outlives_its_stop_or_its_close(rules, course):
    said = HardExits(rules).leave(course)
    lost = course.now is not None and course.now <= -rules.stop
    if lost or course.to_close <= rules.before_close:
        assert said.rule
    assert said.reasons
    assert not any("nan" in words for words in said.reasons)
