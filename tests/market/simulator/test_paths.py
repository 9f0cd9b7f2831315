"""Many sessions as arrays: the same bits in any cut, and moments as configured."""

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from market.simulator import SimulatorConfig
from market.simulator.paths import (
    IntradayPaths,
    advance,
    initial_state,
    iterate_paths,
    simulate_session,
)
from market.simulator.profiles import variance_left, variance_weights, volume_weights
from market.simulator.scenarios import NAMES

Walk = Callable[..., IntradayPaths]
ARRAYS = [item.name for item in fields(IntradayPaths) if item.name not in ("plan", "book")]
BAND = slice(15, 345)


def _same(one: IntradayPaths, other: IntradayPaths, rows: slice) -> None:
    for name in ARRAYS:
        assert np.array_equal(getattr(one, name)[rows], getattr(other, name)), name
    for part in ("plan", "book"):
        left, right = getattr(one, part), getattr(other, part)
        for item in fields(left):
            assert np.array_equal(getattr(left, item.name)[rows], getattr(right, item.name))


@pytest.mark.parametrize("chunk", [1, 7, 60])
def test_any_chunk_size_gives_the_same_bits(walk: Walk, chunk: int) -> None:
    whole = walk(1.0, count=300)
    start = 0
    for part in iterate_paths(SimulatorConfig(), first=0, count=60, chunk=chunk):
        size = part.spot.shape[0]
        _same(whole, part, slice(start, start + size))
        start += size
    assert start == 60


def test_paths_may_be_asked_for_in_any_order(walk: Walk) -> None:
    config, numbers = SimulatorConfig(), np.array([250, 3, 17])
    part = simulate_session(config, numbers, initial_state(config, numbers))
    assert np.array_equal(part.spot, walk(1.0, count=300).spot[numbers])


def test_later_sessions_do_not_depend_on_the_company_either() -> None:
    config = SimulatorConfig()

    def third(numbers: list[int]) -> IntradayPaths:
        state = initial_state(config, numbers)
        for session in range(2):
            walked = simulate_session(config, numbers, state, session=session)
            state = advance(config, numbers, state, walked, session=session)
        return simulate_session(config, numbers, state, session=2)

    _same(third([4, 9, 12]), third([9]), slice(1, 2))


def test_seed_and_path_change_everything(walk: Walk) -> None:
    config = SimulatorConfig(seed=8)
    other = simulate_session(config, np.arange(3), initial_state(config, np.arange(3)))
    assert not np.any(other.spot == walk(1.0, count=300).spot[:3])


def test_strength_changes_the_walk_and_not_the_draws(walk: Walk) -> None:
    off, on = walk(0.0, count=300), walk(1.0, count=300)
    assert np.array_equal(off.plan.scenario, on.plan.scenario)
    assert np.array_equal(off.plan.first_ends, on.plan.first_ends)
    assert not np.array_equal(off.spot, on.spot)


def test_bars_are_bars(walk: Walk) -> None:
    walked = walk(1.0, count=300)
    opens = np.concatenate([walked.opening[:, None], walked.spot[:, :-1]], axis=1)
    slack = 1e-9 * walked.spot
    assert np.all(walked.high + slack >= np.maximum(opens, walked.spot))
    assert np.all(walked.low - slack <= np.minimum(opens, walked.spot))
    assert np.all(walked.low > 0.0)
    assert np.all(np.abs(walked.signed_volume) <= walked.volume)
    for name in ARRAYS:
        assert np.isfinite(getattr(walked, name)).all(), name


def test_with_strength_off_spot_is_a_martingale_in_every_scenario(walk: Walk) -> None:
    """3,000 paths: a drift of 0.06 daily sd overall, or 0.3 in one scenario, would be seen."""
    walked = walk(0.0, count=3000)
    gained = (walked.spot[:, -1] / walked.previous_close - 1.0) / np.sqrt(walked.variance)

    def z(values: np.ndarray) -> float:
        return float(values.mean() / values.std() * np.sqrt(values.size))

    assert abs(z(gained)) < 3.3
    for position in range(len(NAMES)):
        assert abs(z(gained[walked.plan.scenario == position])) < 3.7


def test_with_strength_off_the_past_minutes_tell_nothing(walk: Walk) -> None:
    """Standard errors are 0.001: an autocorrelation of 0.005 would be seen."""
    walked = walk(0.0, count=3000)
    moves = walked.returns() / np.sqrt(variance_weights(390) * walked.variance[:, None])
    moves = np.clip(moves, -4.0, 4.0)
    for seen in (moves, np.sign(walked.gamma) * moves, np.sign(walked.charm), walked.front):
        known = seen[:, :-1]
        slope = np.mean(known * moves[:, 1:], axis=1) / known.std()
        assert abs(slope.mean()) < 4.5 * slope.std() / np.sqrt(slope.size)


def test_annual_volatility_is_the_configured_one(walk: Walk) -> None:
    walked = walk(0.0, count=3000)
    total = np.log(walked.spot[:, -1] / walked.previous_close)
    assert total.std() * np.sqrt(252) == pytest.approx(0.16, rel=0.07)
    surprise = total / np.sqrt(walked.variance)
    assert surprise.std() == pytest.approx(1.0, abs=0.06)


def test_tails_are_fat(walk: Walk) -> None:
    walked = walk(0.0, count=3000)
    daily = np.log(walked.spot[:, -1] / walked.previous_close)
    minutes = walked.returns()
    for returns in (daily, minutes.ravel()):
        assert np.mean((returns / returns.std()) ** 4) > 4.0


def test_volatility_and_volume_are_u_shaped(walk: Walk) -> None:
    walked = walk(0.0, "balanced", 300)
    realized = (walked.returns() ** 2).mean(axis=0)
    traded = walked.volume.mean(axis=0)
    for shape in (realized, traded):
        morning, noon, evening = shape[:20].mean(), shape[170:220].mean(), shape[-20:].mean()
        assert morning > 1.7 * noon
        assert evening > 1.4 * noon


def test_profiles_add_up_and_a_half_day_has_its_share() -> None:
    for weights in (variance_weights, volume_weights):
        assert weights(390).sum() == pytest.approx(1.0)
        assert weights(210).sum() == pytest.approx(210 / 390)
    left = variance_left(390)
    assert left[0] == pytest.approx(1.0)
    assert left[-1] == 0.0
    assert np.all(np.diff(left) < 0.0)
    with pytest.raises(ValueError, match="391"):
        variance_weights(391)


def test_volatility_falls_with_rising_spot(walk: Walk) -> None:
    walked = walk(0.0, "balanced", 300)
    together = np.corrcoef(walked.returns()[:, 1:].ravel(), np.diff(walked.front).ravel())[0, 1]
    assert -0.85 < together < -0.5


def test_signed_volume_follows_the_minute(walk: Walk) -> None:
    walked = walk(0.0, "balanced", 300)
    share = walked.signed_volume / walked.volume
    assert 0.3 < np.corrcoef(share.ravel(), np.sign(walked.returns()).ravel())[0, 1] < 0.9


def test_half_days_have_their_own_length() -> None:
    config = SimulatorConfig()
    walked = simulate_session(config, [0, 1], initial_state(config, [0, 1]), minutes=210)
    assert walked.minutes == 210
    assert np.all(walked.plan.second_ends < 210)
