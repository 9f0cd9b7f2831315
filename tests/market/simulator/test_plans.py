"""Scenarios and their times."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from market.simulator import SimulatorConfig
from market.simulator.paths import IntradayPaths
from market.simulator.plans import BLOCK, draw_scenarios
from market.simulator.scenarios import NAMES, SCENARIOS

Walk = Callable[..., IntradayPaths]


def _sequence(config: SimulatorConfig, path: int, sessions: int) -> list[str]:
    paths = np.array([path])
    return [NAMES[draw_scenarios(config, paths, session=at)[0]] for at in range(sessions)]


@pytest.mark.parametrize("path", range(5))
def test_each_block_of_sessions_holds_every_scenario_as_its_weight_says(path: int) -> None:
    counts = Counter(_sequence(SimulatorConfig(), path, BLOCK))
    for name, scenario in SCENARIOS.items():
        assert np.floor(BLOCK * scenario.weight) <= counts[name] <= np.ceil(BLOCK * scenario.weight)


def test_orders_differ_between_blocks_and_paths() -> None:
    config = SimulatorConfig()
    orders = {tuple(_sequence(config, path, BLOCK)) for path in range(4)}
    orders.add(tuple(_sequence(config, 0, 2 * BLOCK)[BLOCK:]))
    assert len(orders) == 5


def test_over_paths_scenarios_are_as_frequent_as_weighted(walk: Walk) -> None:
    counts = np.bincount(walk(0.0, count=3000).plan.scenario, minlength=len(NAMES))
    for count, name in zip(counts, NAMES, strict=True):
        weight = SCENARIOS[name].weight
        assert abs(count / 3000 - weight) < 4.5 * np.sqrt(weight * (1 - weight) / 3000)


def test_a_scenario_without_weight_never_occurs() -> None:
    config = SimulatorConfig(scenario_weights={"pin": 1.0, "balanced": 0.0, "black_swan": 0.0})
    assert set(_sequence(config, 0, 3 * BLOCK)) == {"pin"}


def test_turning_points_lie_in_their_ranges(walk: Walk) -> None:
    plan = walk(0.0, count=3000).plan
    for position, name in enumerate(NAMES):
        here, scenario = plan.scenario == position, SCENARIOS[name]
        first, second = plan.first_ends[here] / 390, plan.second_ends[here] / 390
        assert np.all((first >= scenario.first[0] - 1 / 390) & (first <= scenario.first[1]))
        length = second - first
        assert np.all((length >= scenario.second[0] - 2 / 390) & (second <= 375 / 390))


def test_shocks_strike_at_their_hazard(walk: Walk) -> None:
    plan = walk(0.0, "vol_shock", 600).plan
    struck = plan.shock_at < 390
    assert np.all(plan.shock_at[struck] >= plan.first_ends[struck])
    assert np.all(plan.shock_at[struck] < plan.second_ends[struck])
    waited = (plan.shock_at - plan.first_ends)[struck]
    # a geometric wait of hazard 0.02, cut at about 165 minutes, has a mean near 43
    assert waited.mean() == pytest.approx(43.0, abs=6.0)


def test_storms_are_scaled_by_strength(walk: Walk) -> None:
    for strength, factor in ((0.0, 1.0), (1.0, np.exp(0.8)), (-1.0, np.exp(-0.8))):
        assert np.allclose(walk(strength, "compression").plan.after, factor)
