"""What holds for every tool, proven on random markets: no look-ahead, batch equals row by row,
a missing input never fires, scores within bounds, paths independent of one another."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.features.assembly import assemble
from market.features.registry import registry
from market.frames import Frame, Kind, Missing
from tools_app.contract import Evaluation
from tools_app.registry import catalogue

TOOLS = list(catalogue())
ROWS = 330
tools = pytest.mark.parametrize("tool", TOOLS, ids=[tool.slug for tool in TOOLS])
few = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Return everything that an evaluation says, by name."""
    told = {f"value of {c.label}": c.value for c in evaluation.conditions}
    graded = {
        f"degree of {c.label}": c.degree for c in evaluation.conditions if c.degree is not None
    }
    whole = {name: getattr(evaluation, name) for name in ("score", "side", "fires", "missing")}
    return told | graded | whole


def bits(array: np.ndarray) -> bytes:
    """Return the bits of an array; a missing number is a missing number, whatever its sign bit."""
    array = np.ascontiguousarray(array)
    return (
        np.where(np.isnan(array), np.nan, array) if array.dtype.kind == "f" else array
    ).tobytes()


def assert_same_bits(got: Evaluation, want: Evaluation, which=(...,), where=(...,)) -> None:
    for (name, a), b in zip(arrays(got).items(), arrays(want).values(), strict=True):
        assert bits(np.asarray(a)[which]) == bits(np.asarray(b)[where]), name


def frame_of(tool, times, observations, reasons=None) -> Frame:
    return assemble(tool.kind, "TEST", times, observations, reasons, tool.columns)


@tools
@few
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(1, ROWS - 2))
def test_no_score_depends_on_the_future(tool, random_market, seed, cut):
    times, now = random_market(tool.kind, ROWS, seed)
    _, other = random_market(tool.kind, ROWS, seed + 1)
    changed = {
        name: np.concatenate([column[:cut], other[name][cut:]]) for name, column in now.items()
    }
    before = tool.evaluate(frame_of(tool, times, now))
    after = tool.evaluate(frame_of(tool, times, changed))
    assert_same_bits(after, before, np.s_[:cut], np.s_[:cut])


@tools
@few
@given(seed=st.integers(0, 2**32 - 1), row=st.integers(0, ROWS - 1))
def test_the_newest_row_alone_equals_the_batch(tool, random_market, seed, row):
    times, now = random_market(tool.kind, ROWS, seed)
    batch = tool.evaluate(frame_of(tool, times, now))
    start = max(0, row + 1 - tool.lookback)
    part = slice(start, row + 1)
    tail = {name: column[part] for name, column in now.items()}
    live = tool.evaluate(frame_of(tool, times[part], tail))
    assert_same_bits(live, batch, np.s_[-1:], np.s_[row : row + 1])


@tools
def test_every_row_of_a_session_equals_the_batch(tool, random_market):
    times, now = random_market(tool.kind, 180, 5)
    batch = tool.evaluate(frame_of(tool, times, now))
    for row in range(180):
        part = {name: column[: row + 1] for name, column in now.items()}
        live = tool.evaluate(frame_of(tool, times[: row + 1], part))
        assert_same_bits(live, batch, np.s_[-1:], np.s_[row : row + 1])


@tools
def test_each_path_of_many_equals_the_path_alone(tool, random_market):
    times, many = random_market(tool.kind, 200, 3, paths=(2, 3))
    batch = tool.evaluate(frame_of(tool, times, many))
    for path in np.ndindex(2, 3):
        alone = {name: column[path] for name, column in many.items()}
        one = tool.evaluate(frame_of(tool, times, alone))
        assert_same_bits(one, batch, (...,), path)


@tools
def test_a_missing_input_gives_no_score_and_its_reason(tool, random_market):
    times, now = random_market(tool.kind, ROWS, 11)
    whole = frame_of(tool, times, now)
    scored = np.flatnonzero(np.isfinite(tool.evaluate(whole).score))
    assert scored.size > 20
    for name in tool.inputs:
        at = int(scored[-7])
        for hole in (np.nan, np.inf):
            columns = {n: np.array(c) for n, c in whole.columns.items()}
            columns[name][at] = hole
            codes = {n: np.array(c) for n, c in whole.reasons.items()}
            codes[name][at] = Missing.STALE_QUOTE
            frame = Frame(tool.kind, "TEST", times, columns, codes)
            answer = tool.evaluate(frame)
            assert np.isnan(answer.score[at]), name
            assert not answer.fires[at]
            assert answer.side[at] == 0
            assert answer.missing[at] == Missing.STALE_QUOTE
            assert answer.missing_counts()["stale quote"] == 1


@tools
def test_a_missing_observation_is_told_with_its_reason(tool, random_market):
    times, now = random_market(tool.kind, ROWS, 12)
    observed, _ = registry().plan(tool.kind, tool.inputs)
    for name in observed:
        columns = {n: c for n, c in now.items() if n != name}
        columns[name] = np.full(ROWS, np.nan)
        codes = {name: np.full(ROWS, np.uint8(Missing.NO_CHAIN))}
        answer = tool.evaluate(frame_of(tool, times, columns, codes))
        assert np.isnan(answer.score).all(), name
        assert not answer.fires.any()
        assert answer.missing[-1] == Missing.NO_CHAIN


@tools
def test_a_frame_without_the_columns_says_so(tool, random_market):
    times, _ = random_market(tool.kind, 20)
    answer = tool.evaluate(Frame(tool.kind, "TEST", times, {}, {}))
    assert answer.missing_counts() == {"column not in the frame": 20}
    assert not answer.fires.any()


@tools
@few
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_scores_and_sides_keep_their_bounds(tool, random_market, seed, data):
    params = {
        p.name: data.draw(
            st.integers(int(p.low), int(p.high)) if p.integer else st.floats(p.low, p.high)
        )
        for p in tool.params
    }
    times, now = random_market(tool.kind, ROWS, seed)
    answer = tool.evaluate(frame_of(tool, times, now), params)
    known = np.isfinite(answer.score)
    assert known.any()
    assert ((answer.score[known] >= 0.0) & (answer.score[known] <= 1.0)).all()
    assert np.isin(answer.side, (-1, 0, 1)).all()
    assert (answer.fires == (known & (np.nan_to_num(answer.score) >= params["threshold"]))).all()
    assert ((answer.missing == Missing.OK) == known).all()


@tools
def test_the_whole_look_back_is_needed_and_no_more(tool, random_market):
    times, now = random_market(tool.kind, ROWS, 8)
    answer = tool.evaluate(frame_of(tool, times, now))
    first = int(np.flatnonzero(np.isfinite(answer.score))[0])
    assert first < tool.lookback, "a score needs no more rows than the tool declares"


@tools
def test_another_kind_of_frame_is_refused(tool, random_market):
    other = Kind.DAILY if tool.kind == Kind.INTRADAY else Kind.INTRADAY
    times, now = random_market(other, 10)
    with pytest.raises(ValueError, match=tool.slug):
        tool.evaluate(assemble(other, "TEST", times, now, names=["close"]))
