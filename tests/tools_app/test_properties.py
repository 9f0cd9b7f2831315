"""What holds for every tool, proven on random markets: the checks of `tools_app.checks`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools_app.checks import CHECKS, past, values
from tools_app.registry import catalogue

TOOLS = list(catalogue())
tools = pytest.mark.parametrize("tool", TOOLS, ids=[tool.slug for tool in TOOLS])
few = settings(max_examples=8, deadline=None)
seeds = st.integers(0, 2**32 - 1)
DRAWN = {values.bounds_hold, past.no_look_ahead, past.the_window_is_enough}


@tools
@few
@given(seed=seeds, cut=st.integers(1, past.ROWS - 2))
def test_no_score_depends_on_the_future(tool, seed, cut):
    assert past.no_look_ahead(tool, seed, cut) == []


@tools
@few
@given(seed=seeds, row=st.integers(0, past.ROWS - 1))
def test_the_newest_row_alone_equals_the_batch(tool, seed, row):
    assert past.the_window_is_enough(tool, seed, row) == []


@tools
@few
@given(seed=seeds, data=st.data())
def test_scores_and_sides_keep_their_bounds(tool, seed, data):
    params = {
        p.name: data.draw(
            st.integers(int(p.low), int(p.high)) if p.integer else st.floats(p.low, p.high)
        )
        for p in tool.params
    }
    assert values.bounds_hold(tool, seed, params) == []


@pytest.mark.parametrize("check", [c for c in CHECKS if c not in DRAWN], ids=lambda c: c.__name__)
@tools
def test_the_tool_passes(tool, check):
    assert check(tool) == []
