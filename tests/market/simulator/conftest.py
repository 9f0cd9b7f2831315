"""A small calendar and one market that the simulator's tests share."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest

from market.simulator import SimulatedMarket, SimulatorConfig
from market.simulator.paths import IntradayPaths, initial_state, simulate_session

HOLIDAYS = {dt.date(2024, 1, 15), dt.date(2024, 2, 19), dt.date(2024, 3, 29)}
HALF_DAY = dt.date(2024, 1, 5)

Calendar = list[tuple[dt.date, int, int]]


def _instant(day: dt.date, hour: int, minute: int) -> int:
    at = dt.datetime.combine(day, dt.time(hour, minute), dt.UTC)
    return int(at.timestamp()) * 1_000_000_000


@pytest.fixture(scope="session")
def calendar() -> Calendar:
    """Weekdays of early 2024 in New York winter hours, with holidays and one half day."""
    days = [dt.date(2024, 1, 2) + dt.timedelta(days=n) for n in range(110)]
    return [
        (day, _instant(day, 14, 30), _instant(day, 18 if day == HALF_DAY else 21, 0))
        for day in days
        if day.weekday() < 5 and day not in HOLIDAYS
    ]


@pytest.fixture(scope="session")
def market(calendar: Calendar) -> SimulatedMarket:
    """The standard market."""
    return SimulatedMarket(SimulatorConfig(), calendar)


@pytest.fixture(scope="session")
def walk() -> Callable[..., IntradayPaths]:
    """Walk session 0 of many paths, of one scenario or of all."""
    made: dict[tuple[float, str, int], IntradayPaths] = {}

    def walked(strength: float, scenario: str = "", count: int = 300) -> IntradayPaths:
        key = (strength, scenario, count)
        if key not in made:
            weights = {"scenario_weights": {scenario: 1.0}} if scenario else {}
            config = SimulatorConfig(strength=strength, **weights)
            paths = np.arange(count)
            made[key] = simulate_session(config, paths, initial_state(config, paths))
        return made[key]

    return walked
