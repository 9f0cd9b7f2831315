"""What a configuration refuses."""

import math
import pickle

import pytest

from market.simulator import SimulatorConfig
from market.simulator.config import BOUNDS
from market.simulator.scenarios import NAMES, PLANTED, SCENARIOS


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_each_number_is_refused_outside_its_bounds(name: str) -> None:
    low, high = BOUNDS[name]
    whole = isinstance(getattr(SimulatorConfig(), name), int)
    for value in (low - (1 if whole else 1e-6), high + (1 if whole else 1e-3), math.nan):
        with pytest.raises(ValueError, match=name):
            SimulatorConfig(**{name: value})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"symbol": "spy"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "TOOLONG"}, "symbol"),
        ({"seed": 1.5}, "seed"),
        ({"garch_beta": 0.99, "garch_gamma": 0.3}, "garch_alpha"),
        ({"garch_beta": 0.7}, "garch_alpha"),
        ({"skew_eta": 1.6, "skew_rho": -0.9}, "skew_eta"),
        ({"jump_probability": 0.5, "jump_sd": 1.0, "jump_mean": 1.0}, "jump_probability"),
        ({"strike_step": 5.0}, "strike_step"),
        ({"scenario_weights": {"boredom": 1.0}}, "boredom"),
        ({"scenario_weights": {"pin": -1.0}}, "scenario_weights"),
        ({"scenario_weights": {"pin": math.inf}}, "scenario_weights"),
        ({"scenario_weights": {}}, "scenario_weights"),
    ],
)
def test_contradictions_are_refused_by_name(given: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        SimulatorConfig(**given)  # type: ignore[arg-type]


def test_a_configuration_travels_to_another_process_unchanged() -> None:
    config = SimulatorConfig(seed=11, scenario_weights={"pin": 2.0})
    assert pickle.loads(pickle.dumps(config)) == config


def test_weights_are_the_callers_no_more_once_given() -> None:
    weights = {"pin": 1.0}
    config = SimulatorConfig(scenario_weights=weights)
    weights["cascade"] = 5.0
    assert config.scenario_weights == {"pin": 1.0}


def test_scenarios_are_a_whole_mix_and_every_ultra_tool_has_a_planted_effect() -> None:
    assert sum(scenario.weight for scenario in SCENARIOS.values()) == pytest.approx(1.0)
    assert {name for effect in PLANTED for name in effect.scenarios} <= set(NAMES)
    tools = {tool for effect in PLANTED for tool in effect.tools}
    assert tools >= set(range(6, 16))
