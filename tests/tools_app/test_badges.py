"""The badge: what it takes, that looking often changes nothing, and how often it errs."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.support.tries import Plan, tried, tries
from quant.performance import wilson
from tools_app.badges import LEVEL, Badge, judge, most_power, reviews
from tools_app.costs import MINUTES
from tools_app.scorecards import Record


def record(sessions, mean, *, seed=3, gone=None, per_session=1, cost=MINUTES):
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(sessions), per_session)
    move = rng.standard_normal(session.size) + np.where(session < (gone or sessions), mean, 0.0)
    gain = 2e-3 * move
    n = session.size
    return Record(
        session=session, score=np.full(n, 0.7), gain=gain, move=move,
        base_share=np.full(n, 0.5), base_move=np.zeros(n), quarters=np.full((n, 4), np.nan),
        quarter_rows=(8, 15, 23, 30), base_rows=1, sessions=sessions, cost=cost,
    )  # fmt: skip


def test_the_chances_of_error_of_all_reviews_stay_within_what_is_promised():
    levels = [level for _, level in itertools.islice(reviews(), 60)]
    assert sum(levels) == pytest.approx(0.04)
    assert sum(levels) < LEVEL
    sessions = [count for count, _ in itertools.islice(reviews(), 8)]
    assert sessions == [60, 125, 250, 500, 1000, 2000, 4000, 8000]


def test_no_test_has_more_power_than_the_lemma_leaves():
    assert most_power(2.0, 252) == pytest.approx(0.6388, abs=1e-4)
    assert most_power(0.0, 252) == pytest.approx(0.05)


def test_before_the_first_review_nothing_is_proven():
    found = judge(record(59, 1.0))
    assert found.badge is Badge.UNPROVEN
    assert found.criterion == (
        "No review yet: 59 of 60 sessions watched. Next review at 60 sessions."
    )


def test_a_strong_tool_is_proven_with_its_numbers_in_words():
    found = judge(record(60, 1.0))
    assert found.badge is Badge.PROVEN
    assert "At 60 sessions, 60 signals: a random tool shows such an edge with p" in found.criterion
    assert "at most 0.00025 is needed" in found.criterion


def test_what_costs_eat_is_not_proven():
    found = judge(record(250, 0.5, cost=2e-3))
    assert found.badge is Badge.UNPROVEN
    assert "average after costs -" in found.criterion


def test_few_signals_are_not_judged():
    one = record(60, 3.0)
    few = one._where(one.session % 3 == 0, 60)
    assert judge(few).badge is Badge.UNPROVEN
    assert "20 signals in 20 independent stretches; 30 and 15 are needed" in judge(few).criterion


def test_overlapping_outcomes_need_longer():
    daily = replace(record(125, 1.5), overlap=5)
    assert "in 13 independent stretches" in judge(daily).criterion
    assert judge(replace(record(250, 1.5), overlap=5)).badge is Badge.PROVEN


def test_an_edge_that_is_gone_retires_the_tool():
    kept, gone = judge(record(800, 0.35)), judge(record(800, 0.35, gone=250))
    assert kept.badge is Badge.PROVEN
    assert gone.badge is Badge.RETIRED
    assert "retired from 3.0" in gone.criterion


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), sessions=st.integers(60, 520))
def test_looking_often_changes_nothing(seed, sessions):
    """What a record was called after each session is what it would be called by one look."""
    whole = record(520, 0.15, seed=seed)
    order = [Badge.UNPROVEN, Badge.PROVEN, Badge.RETIRED]
    now, later = judge(whole.first(sessions)), judge(whole)
    assert order.index(later.badge) >= order.index(now.badge)
    last = max(count for count, _ in itertools.islice(reviews(), 6) if count <= sessions)
    if now.badge is Badge.UNPROVEN:
        assert judge(whole.first(last)).badge is Badge.UNPROVEN


def rate(plan, count, seed=20):
    found = Counter(tries(plan, count, seed))
    return wilson(found[Badge.PROVEN] + found[Badge.RETIRED], count), found


def test_a_random_tool_is_hardly_ever_proven():
    (low, _), found = rate(Plan(250), 100)
    assert low <= LEVEL
    assert found[Badge.PROVEN] <= 0.09 * 100


def test_a_planted_ratio_of_two_after_costs_is_mostly_proven():
    (_, high), found = rate(Plan(250, ratio=2.0), 60)
    assert high >= 0.8
    assert found[Badge.PROVEN] >= 0.72 * 60


def test_the_planted_ratio_is_the_one_asked_for():
    ratios = []
    for seed in range(12):
        one = tried(Plan(1000, ratio=2.0, signals=2), np.random.default_rng(seed))
        ratios.append(one.returns().mean() / one.returns().std() * np.sqrt(252))
    assert np.mean(ratios) == pytest.approx(2.0, abs=0.45)
