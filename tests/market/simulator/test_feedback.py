"""Dealer hedging: true, absent and reversed by strength, on equal random numbers.

Power: each claim was measured at strength 1 on these seeds at four standard errors or more; where
a test compares strengths on the same paths, the paths are paired, which removes most noise.
"""

from collections.abc import Callable

import numpy as np
import pytest

from market.simulator import SimulatorConfig
from market.simulator.paths import IntradayPaths, initial_state, simulate_session

Walk = Callable[..., IntradayPaths]
Array = np.ndarray


def _z(values: Array) -> float:
    return float(values.mean() / values.std() * np.sqrt(values.size))


def _autocorrelation(walked: IntradayPaths) -> Array:
    returns = walked.returns()
    return (returns[:, 1:] * returns[:, :-1]).mean(axis=1) / (returns**2).mean(axis=1)


def _realized(walked: IntradayPaths) -> Array:
    return (walked.returns() ** 2).sum(axis=1) / walked.variance


def _half_hours(walked: IntradayPaths) -> Array:
    """Variance of 30-minute against 1-minute returns: above 1 moves extend, below they fade."""
    returns = walked.returns()
    slow = returns.reshape(returns.shape[0], 13, 30).sum(axis=2)
    return (slow**2).sum(axis=1) / (returns**2).sum(axis=1)


@pytest.mark.parametrize("scenario", ["short_gamma", "black_swan"])
def test_short_gamma_sessions_extend_moves_and_are_wilder(walk: Walk, scenario: str) -> None:
    on, off, reversed_ = (walk(strength, scenario) for strength in (1.0, 0.0, -1.0))
    assert np.median(on.gamma[:, 195]) < 0.0
    assert _z(_autocorrelation(on)) > 8.0
    assert abs(_z(_autocorrelation(off))) < 3.5
    assert _z(_autocorrelation(reversed_)) < -8.0
    assert _z(np.log(_realized(on) / _realized(off))) > 8.0
    assert _z(np.log(_realized(reversed_) / _realized(off))) < -8.0


def test_long_gamma_sessions_fade_moves_and_are_calmer(walk: Walk) -> None:
    on, off, reversed_ = (walk(strength, "pin") for strength in (1.0, 0.0, -1.0))
    assert np.median(off.gamma[:, 195]) > 0.0
    assert _z(np.log(_half_hours(on) / _half_hours(off))) < -3.5
    assert _z(np.log(_half_hours(reversed_) / _half_hours(off))) > 3.5
    assert _z(np.log(_realized(on) / _realized(off))) < -5.0


def test_the_sign_of_gamma_across_all_sessions_decides(walk: Walk) -> None:
    """Sessions of every kind: those whose dealers are short on average are the wilder ones."""
    for strength, sign in ((1.0, 1), (-1.0, -1)):
        walked, base = walk(strength, count=3000), walk(0.0, count=3000)
        short = base.gamma.mean(axis=1) < -0.5e9
        calm = base.gamma.mean(axis=1) > 0.5e9
        change = np.log(_realized(walked) / _realized(base))
        assert sign * (change[short].mean() - change[calm].mean()) > 0.2


def test_a_pin_holds_only_while_hedging_is_on(walk: Walk) -> None:
    def ends_at_wall(strength: float) -> float:
        walked = walk(strength, "pin")
        away = np.abs(walked.spot[:, -1] / walked.plan.wall_strike - 1.0)
        return float((away < 0.0015).mean())

    assert ends_at_wall(1.0) > ends_at_wall(0.0) + 0.1 > ends_at_wall(-1.0) + 0.15


def test_charm_pulls_towards_a_heavy_strike(walk: Walk) -> None:
    def pull(strength: float) -> float:
        walked = walk(strength, "charm_flow", 600)
        way = np.log(walked.spot[:, -1] / walked.spot[:, 200]) / np.sqrt(walked.variance)
        return _z(-np.sign(walked.charm[:, 200]) * way)

    assert pull(1.0) > 5.0
    assert abs(pull(0.0)) < 3.5
    assert pull(-1.0) < pull(0.0)


def test_a_retracing_volatility_shock_moves_spot_by_vanna(walk: Walk) -> None:
    def reversal(strength: float) -> float:
        walked = walk(strength, "vol_shock", 600)
        row = np.arange(600)
        start = np.minimum(walked.plan.shock_at + 2, 389)
        end = np.minimum(start + 60, 389)
        hit = walked.plan.shock_at < 330
        way = np.log(walked.spot[row, end] / walked.spot[row, start]) / np.sqrt(walked.variance)
        flow = np.sign(
            walked.vanna[row, start] * (walked.front[row, start] - walked.front[row, end])
        )
        return _z((flow * way)[hit])

    assert reversal(1.0) > 4.0
    assert abs(reversal(0.0)) < 3.5
    assert reversal(-1.0) < -4.0


def test_a_storm_follows_the_quiet_only_while_planted(walk: Walk) -> None:
    def after(strength: float) -> float:
        walked = walk(strength, "compression")
        minute = np.arange(walked.minutes)
        late = minute >= walked.plan.second_ends[:, None]
        quiet = (minute >= walked.plan.first_ends[:, None]) & ~late
        squares = walked.returns() ** 2
        spans = [(squares * part).sum(axis=1) / part.sum(axis=1) for part in (late, quiet)]
        return float(np.median(np.sqrt(spans[0] / spans[1])))

    assert after(1.0) > 1.6 * after(0.0) > 2.5 * after(-1.0)


def test_a_squeeze_carries_spot_on_when_it_reaches_the_zone(walk: Walk) -> None:
    def carried(strength: float) -> Array:
        walked = walk(strength, "squeeze", 600)
        near = walked.plan.zone_center - 0.15 * walked.plan.sd
        minute = np.arange(walked.minutes)
        inside = (walked.spot > near[:, None]) & (minute > walked.plan.second_ends[:, None])
        reached = inside.argmax(axis=1)
        row = np.flatnonzero(inside.any(axis=1) & (reached < 355))
        at = reached[row]
        way = np.log(walked.spot[row, at + 30] / walked.spot[row, at])
        return way / np.sqrt(walked.variance[row])

    assert _z(carried(1.0)) > 3.0
    assert abs(_z(carried(0.0))) < 3.5


def test_the_customers_purchase_turns_true_gamma_and_not_the_shown_one(walk: Walk) -> None:
    walked = walk(0.0, "squeeze")
    row = np.arange(300)
    end = walked.plan.second_ends
    assert np.median(walked.true_gamma[row, end] - walked.gamma[row, end]) < -0.3e9
    assert np.array_equal(walked.true_gamma[:, 0], walked.gamma[:, 0])


def test_without_impact_no_strength_matters() -> None:
    paths = np.arange(5)
    spots = []
    for strength in (0.0, 2.0):
        config = SimulatorConfig(
            strength=strength, impact=0.0, scenario_weights={"short_gamma": 1.0}
        )
        state = initial_state(SimulatorConfig(strength=0.0), paths)
        spots.append(simulate_session(config, paths, state).spot)
    assert np.array_equal(*spots)
