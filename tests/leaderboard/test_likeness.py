"""Planted copies are found, and independent bots are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from bench.support.crowd import COPIES, HABITS, Log, copied, gathered, market
from leaderboard.trusting.correlation import correlations
from leaderboard.trusting.likeness import Alike, alike
from leaderboard.trusting.overlap import overlaps, pairs_compared

SEED = 20261127
DAYS = 60


def crowd(count: int, *habits: str, seed: int = SEED) -> tuple[np.random.Generator, list[Log]]:
    rng = np.random.default_rng(seed)
    scene = market(rng, DAYS)
    return rng, [HABITS[habits[n % len(habits)]](rng, scene) for n in range(count)]


def found(logs: list[Log], owners: list[int] | None = None) -> dict[tuple[int, int], Alike]:
    pairs = alike(*gathered(logs, owners or list(range(len(logs)))))
    return {(one.first, one.second): one for one in pairs}


def planted_among(*habits: str) -> tuple[list[Log], dict[tuple[int, int], str]]:
    """Return 60 bots and a copy of each make."""
    rng, logs = crowd(60, *habits)
    planted = {}
    for source, (name, how) in enumerate(COPIES.items()):
        planted[source, len(logs)] = name
        logs.append(copied(rng, logs[source], **how))
    return logs, planted


@pytest.mark.parametrize("habit", ["momentum", "five-minute grid"])
def test_copies_of_every_make_are_found_where_many_trade_the_same_minutes(habit):
    logs, planted = planted_among(habit)
    pairs = found(logs)
    assert set(planted) <= set(pairs)
    assert len(set(pairs) - set(planted)) <= 2


def test_copies_of_every_make_are_found_by_their_trades():
    logs, planted = planted_among("random minutes")
    pairs = found(logs)
    assert set(planted) == set(pairs)
    for place, name in planted.items():
        one = pairs[place]
        assert one.kind == name.split(",")[0].split(" ")[0].replace("copy", "clone"), name
        assert one.overlap is not None, name
        assert one.overlap.share > 0.95
        assert one.overlap.scale == pytest.approx(COPIES[name].get("scale", 1.0))
        low, high = COPIES[name].get("delay", (0, 5))
        assert low - 1 <= one.overlap.first_lag <= one.overlap.last_lag <= high + 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_of_a_thousand_independent_bots_at_most_one_in_a_hundred_is_flagged(seed):
    """Random hours, a common grid of minutes, a common index, common breaks of it."""
    _, logs = crowd(1000, *HABITS, seed=seed)
    flagged = {bot for pair in found(logs) for bot in pair}
    assert len(flagged) <= 10, f"{len(flagged)} of 1,000"


def test_bots_of_one_owner_are_no_pair_and_hide_none_of_another():
    rng, logs = crowd(30, "random minutes")
    owners = list(range(30))
    for _ in range(6):  # one owner's copies, of one bot of another
        logs.append(copied(rng, logs[0]))
        owners.append(99)
    pairs = set(found(logs, owners))
    assert pairs == {(0, copy) for copy in range(30, 36)}


def test_what_many_owners_do_is_no_copy():
    rng, logs = crowd(30, "random minutes")
    ring = [copied(rng, logs[0]) for _ in range(3)]
    assert len(found(logs + ring)) == 6
    common = [copied(rng, logs[0]) for _ in range(8)]
    assert found(logs + common) == {}


def test_a_copy_that_adds_trades_of_its_own_is_found():
    rng, logs = crowd(40, "random minutes")
    copy, own = copied(rng, logs[0], dropped=0.2), logs[1].pick(rng.random(len(logs[1].at)) < 0.2)
    columns = zip(
        (copy.codes, copy.sides, copy.at, copy.quantities),
        (own.codes, own.sides, own.at, own.quantities),
        strict=True,
    )
    logs.append(Log(*(np.concatenate(two) for two in columns), copy.profits))
    one = found(logs)[0, 40]
    assert one.overlap is not None
    assert one.overlap.share < 1


def test_a_pair_is_found_by_its_profits_alone():
    rng = np.random.default_rng(SEED)
    profits = rng.standard_normal((40, 50))
    profits[38] = -2 * profits[3] + 0.1 * rng.standard_normal(50)
    profits[39] = profits[5] + 0.1 * rng.standard_normal(50)
    pairs = correlations(profits, np.arange(40))
    assert {place: one.kind for place, one in pairs.items()} == {
        (3, 38): "mirror",
        (5, 39): "clone",
    }
    assert pairs[3, 38].low < pairs[3, 38].rho < pairs[3, 38].high < -0.9
    assert pairs[3, 38].days == 50


def test_a_common_market_makes_no_pair():
    rng = np.random.default_rng(SEED)
    profits = rng.standard_normal(50) + 0.05 * rng.standard_normal((300, 50))
    assert correlations(profits, np.arange(300)) == {}


def test_few_days_few_others_and_one_wild_day_tell_nothing():
    rng = np.random.default_rng(SEED)
    profits = rng.standard_normal((30, 40))
    profits[29] = profits[0]
    few = profits.copy()
    few[29, 19:] = np.nan
    assert correlations(profits, np.arange(30)).keys() == {(0, 29)}
    assert correlations(few, np.arange(30)) == {}
    assert correlations(profits[[0, 1, 2, 29]], np.arange(4)) == {}
    wild = rng.standard_normal((30, 40))
    wild[[0, 1], 7] = 1e4
    assert correlations(wild, np.arange(30)) == {}


def test_nothing_is_found_in_nothing():
    assert alike(*gathered_none()) == []


def gathered_none():
    empty = np.empty(0, dtype=np.int64)
    trades, _ = gathered([Log(empty, empty, empty, empty * 1.0, np.empty(5))], [0])
    return trades, np.full((1, 5), np.nan)


def test_what_was_given_is_left_as_it_was():
    _, logs = crowd(12, "random minutes")
    trades, profits = gathered(logs, list(range(12)))
    before = [trades.at.copy(), trades.bots.copy(), profits.copy()]
    first, again = overlaps(trades), overlaps(trades)
    assert first == again
    for one, other in zip(before, (trades.at, trades.bots, profits), strict=True):
        np.testing.assert_array_equal(one, other)


def test_pairs_of_one_owner_are_not_counted():
    assert pairs_compared(np.array([1, 1, 2, 3])) == 5
