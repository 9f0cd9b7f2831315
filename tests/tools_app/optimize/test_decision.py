"""The rule of deployment, on known answers: what is planted is deployed, noise is not."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.performance import deflated_sharpe, sharpe
from tests.tools_app.optimize import planted
from tools_app.optimize.decision import LEAST_SIGNALS, Decision, Evidence, beats, decide
from tools_app.optimize.gains import Ground
from tools_app.optimize.regimes import Regime
from tools_app.optimize.search import fold_seed, search, splits
from tools_app.registry import catalogue

HORIZON = 30


def evidence(**given: object) -> Evidence:
    rng = np.random.default_rng(1)
    values = {
        "best": 0.2 + rng.standard_normal(2_000),
        "default": rng.standard_normal(2_000),
        "signals": 100,
        "default_signals": 100,
        "trials": 200,
        "spread": 1.0,
        "horizon": HORIZON,
        "found": True,
    }
    return Evidence(**(values | given))


def whole_search(source, tool_id: int, *, trials: int, folds: int, cost: float) -> Decision:
    """Search all folds of the sideways or bull rows and decide, as the services do."""
    ground = Ground(catalogue().get(tool_id), planted.rows(source), Regime.BULL, cost)
    tried, found = [], []
    parts = splits(ground, folds)
    for number, part in enumerate(parts):
        seed = fold_seed(1, tool_id, number)
        found.append(search(ground, part, trials=trials, seed=seed, told=tried.append))
    tested = [one.tested for one in tried if one.tested is not None]
    seen = slice(int(parts[0].test[0]), None)
    params = found[-1].params
    given = Evidence(
        best=np.sum([one.best for one in found], axis=0)[seen],
        default=np.sum([one.default for one in found], axis=0)[seen],
        signals=sum(one.signals for one in found),
        default_signals=sum(one.default_signals for one in found),
        trials=len(tried),
        spread=float(np.var(tested, ddof=1)) if len(tested) > 1 else math.nan,
        horizon=ground.tool.horizon,
        found=params is not None and params != ground.tool.settings(),
    )
    return decide(given, seed=1)


def test_a_set_that_passes_everything_is_deployed_and_says_so():
    decided = decide(evidence(), seed=1)
    assert decided.deploy
    assert decided.reasons[0].startswith("The set found replaces the default")
    assert "200 trials" in decided.words


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"signals": LEAST_SIGNALS - 1}, "Signals: 29, too few; 30 are needed."),
        ({"trials": 10**12}, "trials of the family counted, not passed"),
        ({"spread": 30.0}, "not passed; more than 0.95 is needed"),
        ({"found": False}, "the search chose nothing else"),
        ({"best": np.zeros(2_000)}, "Deflated Sharpe: not known"),
    ],
)
def test_one_check_that_fails_keeps_the_default_and_is_told(change, said):
    decided = decide(evidence(**change), seed=1)
    assert not decided.deploy
    assert decided.reasons[0].startswith("The default stays")
    assert said in decided.words


def test_a_set_no_better_than_the_default_is_not_deployed():
    best = evidence().best
    decided = decide(evidence(default=best + 0.01), seed=1)
    assert not decided.deploy
    assert "Better than the default with probability 0.000, not passed" in decided.words


def test_the_deflated_ratio_is_that_of_the_paper_with_all_trials():
    given = evidence(trials=500, spread=2.0)
    found = sharpe(given.best)
    wanted = deflated_sharpe(found.ratio, 2_000, found.skewness, found.kurtosis, 500, 2.0 / 2_000)
    assert decide(given, seed=1).figures["deflated_sharpe"] == wanted


def test_alike_trials_do_not_lower_the_bar():
    low, one = (decide(evidence(spread=value), seed=1).figures for value in (0.01, 1.0))
    assert low["deflated_sharpe"] == one["deflated_sharpe"]
    unknown = decide(evidence(spread=math.nan), seed=1).figures
    assert unknown["deflated_sharpe"] == one["deflated_sharpe"]


@given(trials=st.integers(1, 10_000), more=st.integers(0, 10_000))
@settings(max_examples=30)
def test_more_trials_never_help(trials, more):
    few, many = (
        decide(evidence(trials=count), seed=1).figures["deflated_sharpe"]
        for count in (trials, trials + more)
    )
    assert many <= few


def test_words_never_round_a_figure_over_the_bar():
    rng = np.random.default_rng(3)
    for seed in range(40):
        best = 0.05 + rng.standard_normal(1_000)
        decided = decide(evidence(best=best, default=rng.standard_normal(1_000)), seed=seed)
        if decided.figures["better"] < 0.95:
            assert "probability 0.95" not in decided.words


def test_the_bootstrap_agrees_with_one_written_plainly():
    rng = np.random.default_rng(4)
    best, default = 0.05 + rng.standard_normal(300), rng.standard_normal(300)
    n, block, draws = 300, 7, 400
    starts = np.random.default_rng(11).integers(0, n, size=(draws, -(-n // block)))
    wins = 0
    for row in starts:
        place = np.concatenate([(start + np.arange(block)) % n for start in row])
        mine, other = best[place], default[place]
        wins += mine.mean() / mine.std() > other.mean() / other.std()
    assert beats(best, default, block=block, seed=11, draws=draws) == wins / draws


def test_the_bootstrap_is_about_even_when_nothing_differs():
    shares = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shares.append(
            beats(rng.standard_normal(400), rng.standard_normal(400), block=10, seed=1, draws=200)
        )
    assert np.mean(shares) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.array(shares) >= 0.95) <= 0.15
    same = np.random.default_rng(0).standard_normal(100)
    assert beats(same, same, block=5, seed=1) == 0.0


def test_series_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="same rows"):
        beats(np.zeros(3), np.zeros(4), block=2, seed=1)


def test_a_planted_effect_is_found_and_deployed():
    decided = whole_search(planted.planted(150, 3), 17, trials=16, folds=3, cost=1e-4)
    assert decided.deploy, decided.words
    assert decided.figures["gain"] > decided.figures["default_gain"] + 0.1


def test_the_same_breaks_without_the_effect_deploy_nothing():
    source = planted.planted(150, 3, strength=0.0)
    assert not whole_search(source, 17, trials=16, folds=3, cost=1e-4).deploy


def test_noise_deploys_nothing_over_many_seeds(capsys):
    """The rate of false deployments, on breaks that lead nowhere, so that the tool fires often.

    Without costs, which alone would keep most of them out.
    """
    seeds = 50
    decided = [
        whole_search(planted.noise(170, seed), 17, trials=12, folds=3, cost=0.0)
        for seed in range(seeds)
    ]
    figures = [one.figures for one in decided]
    chosen = sum("chose nothing" not in one.words for one in decided)
    enough = sum(one["signals"] >= LEAST_SIGNALS for one in figures)
    deflated = sum((one["deflated_sharpe"] or 0.0) > 0.95 for one in figures)
    better = sum(one["better"] >= 0.95 for one in figures)
    false = sum(one.deploy for one in decided)
    with capsys.disabled():
        sys.stdout.write(
            f"\nnoise, {seeds} seeds: {chosen} chose a set, {enough} with enough signals, "
            f"{deflated} over the deflated ratio, {better} better than the default, "
            f"{false} deployed\n"
        )
    assert chosen >= 25
    assert enough >= 10
    assert better <= 8
    assert false == 0
