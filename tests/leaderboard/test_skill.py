"""Who is called skilled: how often luck is, how often skill is, and what no trick changes."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest

from leaderboard.claims import Leg
from leaderboard.ranking.fold import Tallies
from leaderboard.ranking.groups import Group
from leaderboard.ranking.metrics import Buckets, figures
from leaderboard.ranking.skill import (
    Record,
    bound,
    decayed,
    judge,
    luck,
)
from leaderboard.running import Run
from quant.performance import Sharpe, sharpe, wilson

START = dt.datetime(2025, 1, 2, 15, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
D = Decimal
FEE, HALF_SPREAD = D("0.65"), D("0.05")
"""Of one contract: a retail broker's fee, and half of a dime per share, in US dollars."""
MOVE = 1.75
"""Standard deviation of such an option's price over a day."""


def unknown(name, at):
    return None


def record_of(edge: float, seed: int, *, days: int = 252, pays: int = 1) -> tuple[Record, int]:
    """A year of one day trade in ten options after costs, its price moving by `edge` on average."""
    random = np.random.default_rng(seed)
    tallies = Tallies(START + 400 * DAY)
    run = Run(unknown, tallies.note)
    weekdays = [day for day in range(365) if (START + day * DAY).weekday() < 5][:days]
    sides = random.random(len(weekdays)) < 0.5
    moves = random.standard_normal(len(weekdays)) * MOVE + edge
    for day, long, move in zip(weekdays, sides, moves, strict=True):
        at, sign = START + day * DAY, 1 if long else -1
        away = D(repr(round(sign * float(move), 4)))
        for way, hour, middle in ((sign, 0, D(10)), (-sign, 5, D(10) + away)):
            side = "BUY_CALL" if way > 0 else "SELL_CALL"
            price = middle + pays * way * HALF_SPREAD
            leg = Leg(side, "SPY271217C00500000", "option", D(10), price)
            run.trade(at + dt.timedelta(hours=hour), [leg], 10 * FEE, pays * 1000 * HALF_SPREAD)
    rows = sorted((key[1], tally) for key, tally in tallies.found.items() if key[0] == "d")
    names = Buckets.__slots__[1:]
    values = [[float(getattr(tally, name)) for name in names] for _, tally in rows]
    places = np.array([(at - rows[0][0]).days for at, _ in rows], dtype=float)
    found = figures(
        Buckets(places, *np.array(values).T), first=0.0, periods=365, per_year=365.0,
        capital=100_000.0,
    )  # fmt: skip
    record = Record(
        found.net, found.gross, found.return_share, 365.0, found.active, found.trades,
        found.closings, found.best_share, 0.0, 0.0,
    )  # fmt: skip
    return record, found.trades


COSTS = 2 * (float(HALF_SPREAD) + float(FEE) / 100)


def test_of_a_thousand_bots_without_skill_at_most_one_in_twenty_is_called_skilled():
    skilled = 0
    for seed in range(1_000):
        record, trades = record_of(0.0, seed, days=60)
        assert trades == 120
        skilled += judge(record, 1).skilled
    low, _ = wilson(skilled, 1_000)
    assert skilled <= 50, f"{skilled} of 1,000, at least {low:.3f}"


def test_a_sharpe_ratio_of_two_after_costs_is_seen_in_80_of_100_years():
    edge = COSTS + 2.0 * MOVE / np.sqrt(252)
    found = [judge(record_of(edge, 10_000 + seed)[0], 1) for seed in range(100)]
    seen = sum(one.skilled for one in found)
    assert seen >= 80, f"{seen} of 100"
    ratios = [record_of(edge, 20_000 + seed)[0].net.ratio * np.sqrt(365) for seed in range(60)]
    assert np.mean(ratios) == pytest.approx(2.0, abs=0.4)


def test_who_is_always_paid_the_spread_is_not_called_good_for_it():
    """At one cent inside the quote every trade passes as checked; both sides of it never do."""
    for seed in range(20):
        found, honest = record_of(0.0, seed, pays=-1)[0], record_of(0.0, seed)[0]
        assert found.net.ratio > honest.net.ratio
        before = bound(found.gross, 1, 0.95) * np.sqrt(365)
        assert judge(found, 1).bound == pytest.approx(before)
        assert judge(honest, 1).bound == pytest.approx(bound(honest.net, 1, 0.95) * np.sqrt(365))


def test_many_bots_keeping_the_luckiest_are_held_against_all_of_them():
    """Fifty tries without skill: the best looks skilled alone, and not among its fifty."""
    records = [record_of(COSTS, seed, days=120)[0] for seed in range(50)]
    best = max(records, key=lambda record: record.net.ratio)
    assert judge(best, 1).skilled
    assert not judge(best, 50).skilled
    assert judge(best, 50).bound < judge(best, 1).bound


def test_a_bound_is_ratio_less_luck_less_uncertainty():
    found = sharpe(np.random.default_rng(3).normal(0.1, 1.0, 400))
    assert luck(401, 1) == 0.0
    assert luck(401, 100) == pytest.approx(2.5306 / 20, abs=1e-4)  # E[max] of 100, Bailey 2014
    expected = found.ratio - 2.5306 / np.sqrt(399) - 1.6448536 * found.error
    assert bound(found, 100, 0.95) == pytest.approx(expected, abs=1e-5)


def test_what_is_above_0_is_halved_by_every_idle_month():
    assert decayed(1.0, 0) == 1.0
    assert decayed(1.0, 30) == 0.5
    assert decayed(1.0, 60) == 0.25
    assert decayed(-1.0, 60) == -1.0  # a loser does not rise by waiting


SOLID = Record(
    Sharpe(0.12, 0.05, 400, 0.0, 3.0), Sharpe(0.13, 0.05, 400, 0.0, 3.0), 0.3, 365.0,
    200, 400, 200, 0.05, 0.0, 0.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "group", "flags"),
    [
        ({}, Group.RANKED, ()),
        ({"active_days": 30, "trades": 50}, Group.RANKED, ()),
        ({"active_days": 29}, Group.PROVISIONAL, ()),
        ({"trades": 49}, Group.PROVISIONAL, ()),
        ({"idle_days": 90.0}, Group.RANKED, ()),
        ({"idle_days": 91.0}, Group.IDLE, ()),
        ({"below_share": 0.05}, Group.RANKED, ()),
        ({"below_share": 0.051}, Group.EXCLUDED, ()),
        ({"best_share": 0.5}, Group.RANKED, ()),
        ({"best_share": 0.51}, Group.FLAGGED, ("one_trade",)),
        ({"net": Sharpe(0.53, 0.05, 400, 0.0, 3.0)}, Group.FLAGGED, ("absurd_sharpe",)),
        ({"net": Sharpe(0.52, 0.05, 400, 0.0, 3.0)}, Group.RANKED, ()),
    ],
)
def test_each_limit_holds_at_its_edge(change, group, flags):
    found = judge(SOLID._replace(**change), 1)
    assert (found.group, found.flags) == (group, flags)
    assert found.skilled == (group == Group.RANKED)


def test_who_lost_after_costs_or_is_not_ranked_is_not_called_skilled():
    assert not judge(SOLID._replace(profit=-0.01), 1).skilled
    assert not judge(SOLID._replace(trades=10), 1).skilled


def test_a_record_without_a_ratio_has_no_bound():
    nothing = Sharpe(float("nan"), float("nan"), 1, float("nan"), float("nan"))
    assert judge(SOLID._replace(net=nothing, gross=nothing, trades=1), 1).bound is None
