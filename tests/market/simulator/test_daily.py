"""Daily history, the state between sessions, and the basket."""

from dataclasses import fields

import numpy as np
import pytest

from market.simulator import SimulatorConfig
from market.simulator.basket import CALM_CORRELATION, STRESS_CORRELATION, basket_closes
from market.simulator.daily import DailyPaths, DailyState, bridge_range, simulate_history

Array = np.ndarray


def _history(strength: float, count: int = 400, **given: float) -> tuple[DailyPaths, DailyState]:
    config = SimulatorConfig(strength=strength, **given)  # type: ignore[arg-type]
    return simulate_history(config, np.arange(count))


def _z(values: Array) -> float:
    return float(values.mean() / values.std() * np.sqrt(values.size))


@pytest.fixture(scope="module")
def histories() -> dict[float, tuple[DailyPaths, DailyState]]:
    return {strength: _history(strength) for strength in (-1.0, 0.0, 1.0)}


def test_a_path_does_not_depend_on_its_company() -> None:
    many, state = _history(1.0, 40)
    alone, own = simulate_history(SimulatorConfig(), np.array([23]))
    for item in fields(DailyPaths):
        assert np.array_equal(getattr(many, item.name)[23:24], getattr(alone, item.name))
    for item in fields(DailyState):
        assert np.array_equal(getattr(state, item.name)[23:24], getattr(own, item.name))


def test_bars_are_bars_and_end_at_the_configured_spot(
    histories: dict[float, tuple[DailyPaths, DailyState]],
) -> None:
    bars, state = histories[1.0]
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(bars.high >= np.maximum(bars.open, bars.close))
    assert np.all(bars.low > 0.0)
    assert np.allclose(bars.close[:, -1], 500.0, rtol=1e-12)
    assert np.array_equal(state.close, np.full(400, 500.0))


def test_returns_have_the_configured_volatility_fat_tails_and_clustering(
    histories: dict[float, tuple[DailyPaths, DailyState]],
) -> None:
    returns = np.diff(np.log(histories[0.0][0].close), axis=1)
    assert returns.std() * np.sqrt(252) == pytest.approx(0.16, rel=0.05)
    assert np.mean((returns / returns.std()) ** 4) > 5.0
    size = np.minimum(np.abs(returns), 4.0 * returns.std())
    assert np.corrcoef(size[:, 1:].ravel(), size[:, :-1].ravel())[0, 1] > 0.1
    assert abs(np.corrcoef(returns[:, 1:].ravel(), returns[:, :-1].ravel())[0, 1]) < 0.02


def test_falls_raise_variance_more_than_rises() -> None:
    bars, _ = _history(0.0)
    shocks = np.diff(np.log(bars.close), axis=1)[:, :-1]
    ahead = np.diff(bars.variance[:, 1:], axis=1) / bars.variance[:, 1:-1]
    large = np.abs(shocks) > 1.5 * np.sqrt(bars.variance[:, 1:-1])
    assert ahead[large & (shocks < 0)].mean() > 2.0 * ahead[large & (shocks > 0)].mean()


def test_trends_persist_when_planted_and_turn_when_reversed(
    histories: dict[float, tuple[DailyPaths, DailyState]],
) -> None:
    """Twenty-day momentum over 400 paths of 500 days: standard error about 0.005."""

    def momentum(strength: float) -> float:
        logs = np.log(histories[strength][0].close)
        past, ahead = logs[:, 20:-20] - logs[:, :-40], logs[:, 40:] - logs[:, 20:-20]
        past, ahead = past - past.mean(), ahead - ahead.mean()
        slopes = (past * ahead).mean(axis=1) / (past.std() * ahead.std())
        return _z(slopes)

    assert momentum(1.0) > 5.0
    assert abs(momentum(0.0)) < 3.5


def test_effects_move_no_long_run_mean(
    histories: dict[float, tuple[DailyPaths, DailyState]],
) -> None:
    for bars, _ in histories.values():
        growth = np.log(bars.close[:, -1] / bars.close[:, 0]) / 2.0
        assert abs(growth.mean()) < 0.06


def test_funds_sell_after_volatility_rose_only_when_planted(
    histories: dict[float, tuple[DailyPaths, DailyState]],
) -> None:
    def after_rise(strength: float) -> Array:
        bars, _ = histories[strength]
        returns = np.diff(np.log(bars.close), axis=1)
        rose = bars.variance[:, 2:] > 1.5 * bars.variance[:, 1:-1]
        scaled = returns[:, 1:] / np.sqrt(bars.variance[:, 2:])
        return scaled[rose]

    assert _z(after_rise(1.0)) < -4.0
    assert abs(_z(after_rise(0.0))) < 3.5
    assert _z(after_rise(-1.0)) > 4.0


def test_bridges_reach_beyond_both_ends() -> None:
    rng = np.random.default_rng(3)
    change = 0.01 * rng.standard_normal(20_000)
    high, low = bridge_range(change, np.full(20_000, 1e-4), rng.random(20_000), rng.random(20_000))
    assert np.all(high >= np.maximum(change, 0.0))
    assert np.all(low <= np.minimum(change, 0.0))
    # the expected maximum of a Brownian motion over its standard deviation is sqrt(2/pi)
    assert high.mean() / 0.01 == pytest.approx(np.sqrt(2 / np.pi), rel=0.02)


def _basket(days: int, *, stress: bool) -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    returns = 0.01 * rng.standard_normal((1, 2000))[:, :days]
    closes = basket_closes(
        SimulatorConfig(),
        np.array([0]),
        returns=returns,
        variances=np.full((1, days), 1e-4),
        stress=np.full((1, days), stress),
        names=12,
        anchor=100,
    )
    return closes[0], returns[0]


@pytest.mark.parametrize(
    ("stress", "correlation"), [(False, CALM_CORRELATION), (True, STRESS_CORRELATION)]
)
def test_names_move_together_as_their_regime_says(stress: bool, correlation: float) -> None:
    closes, returns = _basket(2000, stress=stress)
    moves = np.diff(np.log(closes), axis=1)
    pairs = np.corrcoef(moves)[np.triu_indices(12, 1)]
    assert pairs.mean() == pytest.approx(correlation, abs=0.06)
    with_market = [np.corrcoef(row, returns[1:])[0, 1] for row in moves]
    assert np.mean(with_market) == pytest.approx(np.sqrt(correlation), abs=0.05)


def test_more_days_leave_a_baskets_past_as_it_was() -> None:
    short, _ = _basket(300, stress=False)
    long, _ = _basket(500, stress=False)
    assert np.array_equal(long[:, :300], short)
    assert np.all(short > 0.0)
    assert np.array_equal(short[:, 100], np.rint(short[:, 100]))


def test_a_basket_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="two names"):
        basket_closes(
            SimulatorConfig(),
            np.array([0]),
            returns=np.zeros((1, 5)),
            variances=np.ones((1, 5)),
            stress=np.zeros((1, 5), dtype=bool),
            names=1,
            anchor=0,
        )
