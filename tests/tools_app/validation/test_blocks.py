"""Blocks: the same whatever is computed together, and kept without loss."""

import dataclasses

import numpy as np
import pytest

from market.frames import Kind
from tools_app.registry import catalogue
from tools_app.validation import blocks
from tools_app.validation.blocks import Plan, Tally, packed, run_block, unpacked
from tools_app.validation.daily import SESSIONS, WARM_UP, daily_chunks
from tools_app.validation.kinds import on_daily_paths, on_intraday_paths
from tools_app.validation.services import judged_tools


def same(one: Tally, other: Tally) -> None:
    for field in dataclasses.fields(Tally):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@pytest.fixture(scope="module")
def tools():
    return [catalogue().get(number) for number in (10, 14, 16)]


@pytest.fixture(scope="module")
def whole(tools):
    return run_block(Plan(5, "on", Kind.INTRADAY, 40), tools, 0)


def test_a_block_does_not_depend_on_which_other_tools_run(tools, whole):
    alone = run_block(Plan(5, "on", Kind.INTRADAY, 40), tools[:1], 0)
    same(alone[10], whole[10])


def test_blocks_follow_one_another_without_gap(monkeypatch, tools):
    monkeypatch.setattr(blocks, "BLOCK", 16)
    plan = Plan(5, "on", Kind.INTRADAY, 40)
    assert plan.blocks == 3
    assert [plan.span(number) for number in range(3)] == [(0, 16), (16, 16), (32, 8)]


def test_tallies_come_back_as_they_were_kept(whole):
    back = unpacked(packed(whole))
    assert back.keys() == whole.keys()
    for number, tally in whole.items():
        same(tally, back[number])


def test_sums_by_path_and_by_score_agree(whole):
    for tally in whole.values():
        assert tally.bins[:, 0].sum() == tally.signals.sum()
        assert tally.bins[:, 1].sum() == tally.wins.sum()
        assert (tally.wins <= tally.signals).all()
        assert (tally.gain <= tally.gross).all()
        assert tally.signals.shape == (40,)


def test_daily_paths_signal_within_their_sessions_alone():
    chosen = [catalogue().get(number) for number in (1, 3, 4, 5)]
    plan = Plan(5, "on", Kind.DAILY, 24)
    chunk = next(daily_chunks(plan.config, chosen, 0, 24))
    assert (chunk.since, chunk.until) == (WARM_UP, WARM_UP + SESSIONS)
    for tool in chosen:
        assert tool.lookback <= WARM_UP
        assert tool.horizon <= chunk.frame.shape[1] - chunk.until
        judged = tool.evaluate(chunk.frame)
        assert np.isfinite(judged.score[:, WARM_UP:]).all(), tool.slug
    assert sum(int(one.signals.sum()) for one in run_block(plan, chosen, 0).values()) > 0


def test_every_tool_says_whether_fast_paths_judge_it():
    judged = judged_tools()
    assert len(judged) >= 31
    for tool in catalogue():
        kinds = [on_intraday_paths(tool), on_daily_paths(tool)]
        assert sum(kinds) == (tool in judged)
        assert tool in judged or tool.judged_on
