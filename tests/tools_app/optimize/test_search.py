"""The search: what it may look at, that it repeats itself, and gains that add up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.tools_app.optimize import planted
from tools_app import costs
from tools_app.optimize.bars import BarRows
from tools_app.optimize.gains import Ground, standing
from tools_app.optimize.regimes import Regime
from tools_app.optimize.search import choose, fold_seed, least_rows, search, splits
from tools_app.registry import catalogue

COST = 1e-4
SWEEP, BREAKOUT = catalogue().get(16), catalogue().get(17)


@pytest.fixture(scope="module")
def bars() -> BarRows:
    return planted.rows(planted.planted(60, 3))


@pytest.fixture(scope="module")
def ground(bars: BarRows) -> Ground:
    return Ground(BREAKOUT, bars, Regime.BULL, COST)


def searched(ground: Ground, fold: int, *, trials: int = 8, seed: int = 5):
    tried = []
    split = splits(ground, 3)[fold]
    return search(ground, split, trials=trials, seed=seed, told=tried.append), tried, split


def test_rows_add_up_to_the_gains_of_the_signals_after_costs(ground, bars):
    signals = ground.signals(BREAKOUT.settings())
    assert len(signals) > 5
    ends = np.minimum(signals.rows + BREAKOUT.horizon, len(bars) - 1)
    moved = np.log(bars.close[ends] / bars.close[signals.rows])
    each = signals.sides * moved - COST
    gains = ground.gains(signals)
    assert gains.sum() == pytest.approx(each.sum(), abs=1e-12)
    one = signals.inside(np.arange(len(bars)) == signals.rows[0])
    alone = ground.gains(one)
    assert alone.sum() == pytest.approx(each[0], abs=1e-12)
    assert (np.flatnonzero(alone) > signals.rows[0]).all()
    assert (np.flatnonzero(alone) <= ends[0]).all()


def test_signals_are_those_of_the_regime(ground):
    assert ground.regime[ground.signals(BREAKOUT.settings()).rows].all()


def test_a_signal_is_not_held_across_a_session_without_bars():
    bars = planted.rows(planted.planted(8, 1))
    stop = 400
    cut = dataclasses.replace(bars, last=np.where(np.arange(len(bars)) < stop, stop - 1, bars.last))
    ground = Ground(BREAKOUT, cut, Regime.BULL, COST)
    before = ground.signals(BREAKOUT.settings()).inside(np.arange(len(bars)) < stop)
    assert len(before)
    assert not ground.gains(before)[stop:].any()


def test_standing_does_not_change_with_rows_without_gains():
    some = np.random.default_rng(1).standard_normal(200)
    padded = np.concatenate([some, np.zeros(20_000)])
    assert standing(padded) == pytest.approx(some.sum() / np.sqrt(np.sum(some**2)), rel=0.01)
    assert np.isnan(standing(np.zeros(5)))


def test_costs_are_those_of_the_market():
    assert costs.of_bars("5m", crypto=True) == costs.of_bars("1d", crypto=True) == 1e-3
    assert [costs.of_bars(frame, crypto=False) for frame in ("1h", "1d")] == [1e-4, 2e-4]


def test_the_same_seed_tries_the_same_settings_and_another_does_not(ground):
    first, again = searched(ground, 2), searched(ground, 2)
    assert first[1] == again[1]
    assert first[0].params == again[0].params
    np.testing.assert_array_equal(first[0].best, again[0].best)
    assert searched(ground, 2, seed=6)[1] != first[1]


def test_the_default_is_tried_first_and_every_setting_is_within_bounds(ground):
    _, tried, _ = searched(ground, 1, trials=25)
    assert [one.number for one in tried] == list(range(25))
    assert tried[0].params == BREAKOUT.settings()
    for one in tried:
        assert BREAKOUT.settings(one.params) == one.params


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_training_ends_a_horizon_before_the_test_begins(ground, fold):
    split = splits(ground, 3)[fold]
    ends = ground.ends[split.train]
    assert ends.max() < split.test[0] - BREAKOUT.horizon


@pytest.mark.parametrize("fold", [0, 1])
def test_what_comes_in_the_test_changes_nothing_that_training_saw(bars, ground, fold):
    """Change every price from the test on: settings, training scores and the choice stay."""
    found, tried, split = searched(ground, fold)
    begins = int(split.test[0])
    later = np.arange(len(bars)) >= begins
    rng = np.random.default_rng(9)
    factor = np.where(later, np.exp(0.01 * rng.standard_normal(len(bars))), 1.0)
    changed = dataclasses.replace(
        bars,
        **{name: getattr(bars, name) * factor for name in ("high", "low", "close", "volume")},
    )
    other, again, _ = searched(Ground(BREAKOUT, changed, Regime.BULL, COST), fold)
    assert [(one.params, one.trained, one.training) for one in tried] == [
        (one.params, one.trained, one.training) for one in again
    ]
    assert found.params == other.params
    assert not np.array_equal(found.best, other.best)


def test_test_rows_gain_by_signals_of_the_test_alone(ground):
    found, _, split = searched(ground, 1)
    assert not found.best[: split.test[0] + 1].any()
    assert not found.best[split.test[-1] + BREAKOUT.horizon + 1 :].any()


def test_the_choice_is_a_plateau_and_not_a_peak():
    params = BREAKOUT.params[1:2]
    settings = [{"tight": 1.5 + 0.01 * k} for k in range(6)] + [
        {"tight": 7.0 + 0.01 * k} for k in range(6)
    ]
    values = [9.0, 0.0, 0.0, 0.0, 0.0, 0.0] + [3.0] * 6
    assert choose(params, settings, values)["tight"] >= 7.0
    assert choose(params, settings, [-98.0] * 12) is None


def test_seeds_of_folds_differ_and_repeat():
    assert fold_seed(1, 16, "A", 0) == fold_seed(1, 16, "A", 0)
    assert len({fold_seed(1, 16, "A", fold) for fold in range(50)}) == 50


def test_the_rows_needed_leave_room_in_every_fold():
    assert least_rows(SWEEP, 4) == 5 * (80 + 120)
