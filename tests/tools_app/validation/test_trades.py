"""Signals and gains on many paths are what a live run makes of each path alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.frames import Kind
from tools_app.contract import Evaluation
from tools_app.costs import MINUTES
from tools_app.evaluation import cooled, firings
from tools_app.outcomes import bracket, follow
from tools_app.registry import catalogue
from tools_app.validation.trades import Prices, Signals, judge, signals_of

PATHS, ROWS = 6, 50


def evaluation(seed: int, *, often: float) -> Evaluation:
    rng = np.random.default_rng(seed)
    shape = (PATHS, ROWS)
    fires = rng.random(shape) < often
    side = rng.integers(-1, 2, shape).astype(np.int8)
    return Evaluation(
        tool_id=10,
        kind=Kind.INTRADAY,
        time=np.arange(ROWS, dtype=np.int64),
        score=np.where(fires, rng.uniform(0.5, 1.0, shape), 0.1),
        side=side,
        volatility=np.where(side == 0, rng.integers(-1, 2, shape), 0).astype(np.int8),
        fires=fires,
        missing=np.zeros(shape, dtype=np.uint8),
        threshold=0.5,
        conditions=(),
    )


def one_path(whole: Evaluation, path: int) -> Evaluation:
    from dataclasses import replace

    arrays = {name: getattr(whole, name)[path] for name in ("score", "side", "volatility", "fires")}
    return replace(whole, **arrays, missing=whole.missing[path])


@given(st.integers(0, 10_000), st.floats(0.05, 0.95), st.integers(1, 20))
def test_signals_on_paths_are_those_of_a_live_run(seed, often, pause):
    whole = evaluation(seed, often=often)
    found = signals_of(whole, pause)
    for path in range(PATHS):
        alone = one_path(whole, path)
        said = cooled(firings(alone), alone.time, None, pause)
        mine = found.path == path
        assert found.row[mine].tolist() == [one.row for one in said]
        assert found.side[mine].tolist() == [one.side for one in said]
        assert found.volatility[mine].tolist() == [one.volatility for one in said]
        assert found.score[mine].tolist() == [one.score for one in said]


def test_rows_that_warm_up_or_come_after_make_no_signal():
    whole = evaluation(1, often=0.9)
    found = signals_of(whole, 1, 10, 20)
    assert found.row.min() >= 10
    assert found.row.max() < 20


def prices(seed: int) -> np.ndarray:
    steps = 1e-3 * np.random.default_rng(seed).standard_normal((PATHS, ROWS))
    return 100.0 * np.exp(np.cumsum(steps, axis=1))


@pytest.mark.parametrize("seed", range(4))
def test_gains_with_a_side_are_those_of_a_live_run(seed):
    tool = catalogue().get(10)
    close = prices(seed)
    found = judge(signals_of(evaluation(seed, often=0.4), 3), Prices.of(close), tool, MINUTES)
    assert len(found.signals) > 10
    for k in range(len(found.signals)):
        path, row = int(found.signals.path[k]), int(found.signals.row[k])
        side = int(found.signals.side[k])
        assert side != 0  # without options nothing is expected, and nothing can be said
        after = close[path, row + 1 :]
        said = follow(
            price=float(close[path, row]),
            high=after,
            low=after,
            close=after,
            bracket=bracket(close[path, : row + 1], tool.horizon, side),
            side=side,
            volatility=0,
            horizon=tool.horizon,
            ended=True,
        )
        assert found.gain[k] == pytest.approx(said.gain, rel=1e-9)
        assert found.cost[k] == MINUTES


def signal(path: int, row: int, side: int, volatility: int = 0) -> Signals:
    return Signals(
        path=np.array([path]),
        row=np.array([row]),
        score=np.array([0.9]),
        side=np.array([side], dtype=np.int8),
        volatility=np.array([volatility], dtype=np.int8),
    )


def test_the_base_rate_is_how_often_the_same_reading_won_on_all_paths():
    tool = catalogue().get(10)
    close = prices(9)
    found = judge(signal(2, 7, -1), Prices.of(close), tool, MINUTES)
    end = 7 + tool.horizon
    falls = -np.log(close[:, end] / close[:, 7]) > MINUTES
    assert found.base[0] == falls.mean()


def test_volatility_is_measured_against_what_all_paths_made_of_what_was_implied():
    tool = catalogue().get(14)
    close = prices(5)
    implied = np.full(close.shape, 0.5)
    found = judge(signal(1, 4, 0, 1), Prices.of(close, implied), tool, MINUTES)
    steps = np.diff(np.log(close), axis=1) ** 2
    came = steps[:, 4:].sum(axis=1) / (0.5 / close[:, 4]) ** 2
    assert found.gain[0] == pytest.approx(came[1] / came.mean() - 1.0)
    short = judge(signal(1, 4, 0, -1), Prices.of(close, implied), tool, MINUTES)
    assert short.gain[0] == -found.gain[0]


def test_a_signal_at_the_last_row_has_no_end():
    tool = catalogue().get(10)
    assert len(judge(signal(0, ROWS - 1, 1), Prices.of(prices(1)), tool, 0.0).signals) == 0
