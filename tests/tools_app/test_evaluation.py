"""Where a tool begins to fire, and what is counted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.frames import Kind, Missing
from tools_app.contract import Evaluation
from tools_app.evaluation import FAILED, Firing, Last, cooled, firings, tally, with_fault


def evaluation(fires: list[bool], side: list[int], missing: list[int] | None = None) -> Evaluation:
    n = len(fires)
    codes = np.array(missing or [0] * n, dtype=np.uint8)
    score = np.where(codes > 0, np.nan, np.where(fires, 0.8, 0.1))
    return Evaluation(
        tool_id=1,
        kind=Kind.INTRADAY,
        time=np.arange(n, dtype=np.int64),
        score=score,
        side=np.array(side, dtype=np.int8),
        volatility=np.zeros(n, dtype=np.int8),
        fires=np.array(fires, dtype=bool) & (codes == 0),
        missing=codes,
        threshold=0.5,
        conditions=(),
    )


def test_a_tool_that_stays_on_makes_one_signal():
    seen = firings(evaluation([False, True, True, True, False, True], [0, 1, 1, 1, 0, 1]))
    assert [firing.row for firing in seen] == [1, 5]


def test_a_turn_of_side_is_a_new_signal():
    seen = firings(evaluation([True, True, True], [1, -1, -1]))
    assert [(firing.row, firing.side) for firing in seen] == [(0, 1), (1, -1)]


def test_no_rows_make_no_signal():
    assert firings(evaluation([], [])) == []


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([-1, 0, 1])), max_size=40))
def test_signals_of_a_prefix_are_never_taken_back(rows):
    fires, side = [row[0] for row in rows], [row[1] for row in rows]
    whole = [firing.row for firing in firings(evaluation(fires, side))]
    for stop in range(len(rows)):
        part = firings(evaluation(fires[:stop], side[:stop]))
        assert [firing.row for firing in part] == [row for row in whole if row < stop]


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_tallies_add_up_however_the_rows_are_cut(fires, data):
    missing = data.draw(
        st.lists(
            st.sampled_from([Missing.OK, Missing.NO_CHAIN, Missing.WARMING_UP]),
            min_size=len(fires),
            max_size=len(fires),
        )
    )
    whole = evaluation(fires, [1] * len(fires), [int(code) for code in missing])
    cut = data.draw(st.integers(0, len(fires)))
    at_once = tally(None, whole, 0, 3)
    head = evaluation(fires[:cut], [1] * cut, [int(code) for code in missing[:cut]])
    assert tally(tally(None, head, 0, 1), whole, cut, 2) == at_once
    assert at_once["rows"] == len(fires)
    assert at_once["scored"] + sum(at_once["missing"].values()) == len(fires)


def firing(row: int, side: int = 1, volatility: int = 0) -> Firing:
    return Firing(row=row, score=0.8, side=side, volatility=volatility, threshold=0.5)


def test_the_same_reading_within_the_pause_makes_no_second_signal():
    found = [firing(0), firing(3), firing(4, -1), firing(6, -1), firing(9, -1)]
    kept = cooled(found, np.arange(10, dtype=np.int64), None, 5)
    assert [(one.row, one.side) for one in kept] == [(0, 1), (4, -1), (9, -1)]


def test_short_and_long_volatility_are_two_readings():
    found = [firing(0, 0, 1), firing(1, 0, -1), firing(2, 0, -1)]
    kept = cooled(found, np.arange(3, dtype=np.int64), None, 5)
    assert [one.row for one in kept] == [0, 1]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([-1, 1])), max_size=30),
    st.integers(0, 60),
    st.integers(1, 12),
)
def test_a_pause_holds_across_any_cut(rows, cut, pause):
    found = [firing(row, side) for row, side in sorted(dict(rows).items())]
    time = np.arange(61, dtype=np.int64)
    whole = cooled(found, time, None, pause)
    head = cooled([one for one in found if one.row < cut], time, None, pause)
    last = Last(head[-1].row, head[-1].side, head[-1].volatility) if head else None
    assert head + cooled([one for one in found if one.row >= cut], time, last, pause) == whole


def test_a_fault_is_counted_by_its_text_and_its_rows_are_missing():
    counts = with_fault(with_fault(None, 3, "boom"), 2, "boom")
    assert counts["rows"] == 5
    assert counts["missing"] == {FAILED: 5}
    assert counts["faults"] == {"boom": 2}
    later = tally(counts, evaluation([True], [1]), 0, 1)
    assert (later["rows"], later["scored"], later["faults"]) == (6, 1, {"boom": 2})
