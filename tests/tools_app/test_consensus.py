"""The vote: who leads, what is enough, who can stop it, and that every weight is explained."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools_app.consensus import Reliability, Rules, Vote, counted
from tools_app.decisions import Reading

L, S, LV, SV, W = Reading


def vote(number, score=0.8, reading=L, *, weight=1.0, reliable=0.5, veto=False, missing=None):
    return Vote(
        tool_id=number,
        name=f"T{number}",
        score=math.nan if missing else score,
        reading=None if missing else reading,
        missing=missing,
        weight=weight,
        reliability=Reliability(reliable, 40, "replayed"),
        veto=veto,
    )


def test_five_of_eight_that_agree_enter():
    votes = [vote(n) for n in range(5)] + [vote(n, 0.2, None) for n in range(5, 8)]
    found = counted(votes, Rules())
    assert found.entry.reading is L
    assert (found.agreeing, found.voters, found.needed) == (5, 8, 5)
    assert found.entry.confidence == pytest.approx(0.8)
    assert found.entry.reasons[0] == "Enter long: T0, T1, T2, T3, T4 agree."
    assert found.entry.reasons[1] == "Below their thresholds: T5, T6, T7."


def test_four_of_eight_stay_out_and_say_so():
    votes = [vote(n) for n in range(4)] + [vote(n, 0.2, None) for n in range(4, 8)]
    found = counted(votes, Rules())
    assert found.entry.reading is None
    assert found.leader is L
    assert found.entry.reasons[0] == "Stay out: 4 of 8 tools agree on long, 5 are needed."


def test_those_who_read_otherwise_cost_confidence():
    votes = [vote(n, 0.7) for n in range(5)] + [vote(n, 0.7, S) for n in range(5, 8)]
    found = counted(votes, Rules())
    assert found.entry.confidence == pytest.approx(5 * 0.7 / 8)
    assert found.entry.reading is None
    assert "the confidence is 0.44, 0.55 is needed" in found.entry.reasons[0]
    assert found.stands[6].counts == "disagrees"


def test_a_veto_that_fires_stops_what_all_others_want():
    votes = [vote(n) for n in range(8)] + [vote(8, 0.9, W, veto=True)]
    found = counted(votes, Rules())
    assert found.entry.reading is None
    assert found.entry.reasons[0] == "Stay out: T8 warns, and it has a veto."
    assert found.voters == 8
    quiet = counted([*votes[:8], vote(8, 0.1, None, veto=True)], Rules())
    assert quiet.entry.reading is L


def test_a_warning_without_a_veto_is_no_vote_for_a_side():
    found = counted([vote(0), vote(1, 0.9, W)], Rules(agreement=0.5))
    assert found.entry.reading is L
    assert found.stands[1].counts == "warns"


def test_a_tool_without_a_score_counts_among_those_asked():
    votes = [vote(0), vote(1, missing="no model yet")]
    found = counted(votes, Rules())
    assert (found.agreeing, found.needed, found.entry.reading) == (1, 2, None)
    assert "T1 has no score: no model yet." in found.entry.reasons


def test_level_readings_lead_nowhere():
    found = counted([vote(0), vote(1, reading=S)], Rules(agreement=0.0, confidence=0.0))
    assert found.leader is None
    assert found.entry.reasons[0] == "Stay out: long and short are level."


def test_three_readings_of_which_two_are_level_name_those_two():
    votes = [vote(0), vote(1, reading=S), vote(2, 0.6, LV)]
    found = counted(votes, Rules(agreement=0.0, confidence=0.0))
    assert found.entry.reasons[0] == "Stay out: long and short are level."


def test_tools_without_weight_lead_nowhere():
    found = counted([vote(0, weight=0.0)], Rules(agreement=0.0, confidence=0.0))
    assert "have no weight" in found.entry.reasons[0]


def test_no_tool_that_fires_is_no_decision():
    found = counted([vote(0, 0.1, None)], Rules(agreement=0.0, confidence=0.0))
    assert found.entry.reading is None
    assert found.entry.confidence == 0.0


def test_a_weight_says_what_it_is_made_of():
    one = vote(0, weight=2.0, reliable=0.6)
    assert one.voice == pytest.approx(1.2)
    assert one.words == "weight 2 x reliability 0.60 (40 replayed signals) = 1.20"
    unknown = Vote(1, "T", 0.5, L, None, 1.0, Reliability())
    assert "no finished signals yet, so neutral" in unknown.words


def hundredths(most: float) -> st.SearchStrategy[float]:
    """Return numbers with two digits: none so small that a scale loses it."""
    return st.integers(0, round(100 * most)).map(lambda number: number / 100)


readings = st.sampled_from([L, S, LV, SV, W, None])
votes = st.lists(
    st.tuples(st.floats(0.5, 1.0), readings, hundredths(100.0), hundredths(1.0), st.booleans()),
    min_size=1,
    max_size=12,
).map(
    lambda rows: [
        vote(n, score, reading, weight=weight, reliable=reliable, veto=veto)
        for n, (score, reading, weight, reliable, veto) in enumerate(rows)
    ]
)


@given(votes, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_an_entry_always_has_what_it_needs(votes, agreement, confidence):
    found = counted(votes, Rules(agreement, confidence))
    assert 0.0 <= found.entry.confidence <= 1.0
    assert set(found.stands) == {one.tool_id for one in votes}
    assert found.entry.reasons
    if found.entry.reading is None:
        assert found.entry.reasons[0].startswith("Stay out")
        return
    assert found.entry.reading is found.leader
    assert found.agreeing >= found.needed
    assert found.entry.confidence >= confidence
    assert not any(one.veto and one.reading is not None for one in votes)


@given(votes)
def test_the_order_of_the_tools_does_not_matter(votes):
    one, other = counted(votes, Rules()), counted(votes[::-1], Rules())
    assert one.entry.reading is other.entry.reading
    assert one.entry.confidence == pytest.approx(other.entry.confidence)


@given(votes, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_one_scale_on_all_weights_changes_nothing(votes, scale):
    scaled = [replace(one, weight=one.weight * scale) for one in votes]
    first, second = counted(votes, Rules()), counted(scaled, Rules())
    assert first.leader is second.leader
    assert first.entry.confidence == pytest.approx(second.entry.confidence)
