"""From session to session: GJR-GARCH variance, trend, liquidity, stress and forced selling.

The same step serves the history before the first session (returns drawn here) and the sessions
themselves (returns from their minutes). Nothing here depends on how many paths are computed
together.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from market.simulator.config import SESSIONS_PER_YEAR, SimulatorConfig
from market.simulator.streams import Purpose, stream
from market.simulator.term import month_vol
from quant.arrays import BoolArray, FloatArray, IntArray

VARIANCE_RANGE = (0.1, 15.0)  # of the long-run variance
CARRY = 0.5  # of the intraday volatility move that is left at the next open

_TREND_EXIT = 0.03
_STRESS_ENTRY, _STRESS_EXIT = 0.012, 0.08
_LIQUIDITY_MEMORY, _LIQUIDITY_SD = 0.93, 0.07
_FAST, _SLOW = 0.90, 0.98
_TARGET, _EXPOSURE_CAP = 0.75, 1.5
_PRESSURE_MEMORY = 0.6
_MOMENTUM_MEMORY, _TAKEN_BACK = 0.9, 4.0
# planted drifts, in long-run daily standard deviations at strength 1
_TREND_DRIFT, _STRESS_DRIFT, _SELLING_DRIFT, _LIQUIDITY_DRIFT = 0.12, -0.3, 1.5, 0.6
_PLANTED_MEAN = -0.105  # of their sum, taken off so that effects move no long-run mean


@dataclass(frozen=True, slots=True, eq=False)
class DailyState:
    """What a session's close leaves for the next session, for n paths.

    Attributes
    ----------
    close : (n,) float64
        Last price, $.
    variance : (n,) float64
        Of the next close-to-close log return.
    front : (n,) float64
        Log factor of intraday volatility at the close.
    trend : (n,) int8
        -1 falling, 0 sideways, 1 rising; moves spot only through `drift`.
    momentum : (n,) float64
        Recent returns, exponentially weighted, in long-run daily standard deviations.
    liquidity, liquidity_mean : (n,) float64
        Log of traded volume against its long-run mean, and its slow average.
    stress : (n,) bool
        Whether the names of the basket move together.
    fast, slow : (n,) float64
        Exponentially weighted variances that funds which target volatility watch.
    exposure, pressure : (n,) float64
        What those funds may hold (1 is fully invested), and its recent changes.
    drift : (n,) float64
        Expected log growth of the next close-to-close return.
    """

    close: FloatArray
    variance: FloatArray
    front: FloatArray
    trend: npt.NDArray[np.int8]
    momentum: FloatArray
    liquidity: FloatArray
    liquidity_mean: FloatArray
    stress: BoolArray
    fast: FloatArray
    slow: FloatArray
    exposure: FloatArray
    pressure: FloatArray
    drift: FloatArray


class DayDraws(NamedTuple):
    """Random numbers of one day's step, each (n,)."""

    trend: FloatArray  # uniform
    stress: FloatArray  # uniform
    liquidity: FloatArray  # normal


@dataclass(frozen=True, slots=True, eq=False)
class DailyPaths:
    """Daily bars of n paths over d sessions, each (n, d).

    Prices in $, volume in shares, `month_vol` (30 days, at the money) per root year, `spread` the
    average quoted bid-ask as a share of price; `variance` of the close-to-close log return as
    expected before the session; `stress` marks sessions in which names moved together.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    month_vol: FloatArray
    spread: FloatArray
    variance: FloatArray
    stress: BoolArray


def starting_state(config: SimulatorConfig, count: int) -> DailyState:
    """Return the long-run state for `count` paths, long before the first session."""

    def full(value: float) -> FloatArray:
        return np.full(count, value)

    usual = config.daily_variance
    return DailyState(
        close=full(config.spot0),
        variance=full(usual),
        front=full(0.0),
        trend=np.zeros(count, dtype=np.int8),
        momentum=full(0.0),
        liquidity=full(0.0),
        liquidity_mean=full(0.0),
        stress=np.zeros(count, dtype=np.bool_),
        fast=full(usual),
        slow=full(usual),
        exposure=full(_TARGET),
        pressure=full(0.0),
        drift=full(config.annual_drift / SESSIONS_PER_YEAR),
    )


def next_state(
    config: SimulatorConfig,
    state: DailyState,
    *,
    shock: FloatArray,
    total: FloatArray,
    front: FloatArray,
    draws: DayDraws,
) -> DailyState:
    """Return the state after a session.

    Parameters
    ----------
    config : SimulatorConfig
    state : DailyState
        Before the session.
    shock : (n,) float64
        Log return without drift and hedging: variance reacts to news, not to its echo.
    total : (n,) float64
        Log return, close to close.
    front : (n,) float64
        Log factor of intraday volatility at the close.
    draws : DayDraws
    """
    exposure, pressure, fast, slow = _forced_selling(config, state, total)
    liquidity = _LIQUIDITY_MEMORY * state.liquidity + _LIQUIDITY_SD * draws.liquidity
    liquidity_mean = 0.97 * state.liquidity_mean + 0.03 * liquidity
    trend = _next_trend(state.trend, draws.trend)
    fall = shock < -1.5 * np.sqrt(state.variance)
    entry = np.where(fall, 5.0 * _STRESS_ENTRY, _STRESS_ENTRY)
    stress = np.where(state.stress, draws.stress >= _STRESS_EXIT, draws.stress < entry)
    momentum = _MOMENTUM_MEMORY * state.momentum + (1.0 - _MOMENTUM_MEMORY) * total / np.sqrt(
        config.daily_variance
    )
    # A hidden trend of the other sign is a trend all the same: reversed, moves are taken back.
    followed = trend if config.strength >= 0.0 else np.clip(_TAKEN_BACK * momentum, -1.0, 1.0)
    planted = (
        _TREND_DRIFT * followed
        + _STRESS_DRIFT * stress
        + _SELLING_DRIFT * np.minimum(pressure, 0.0)
        + _LIQUIDITY_DRIFT * np.minimum(liquidity - liquidity_mean, 0.0)
        - _PLANTED_MEAN
    )
    scale = config.strength * np.sqrt(config.daily_variance)
    return DailyState(
        close=state.close * np.exp(total),
        variance=_next_variance(config, state.variance, shock),
        front=front,
        trend=trend,
        momentum=momentum,
        liquidity=liquidity,
        liquidity_mean=liquidity_mean,
        stress=stress,
        fast=fast,
        slow=slow,
        exposure=exposure,
        pressure=pressure,
        drift=config.annual_drift / SESSIONS_PER_YEAR + scale * planted,
    )


def _next_variance(config: SimulatorConfig, variance: FloatArray, shock: FloatArray) -> FloatArray:
    usual = config.daily_variance
    reaction = config.garch_alpha + config.garch_gamma * (shock < 0.0)
    following = (
        usual * (1.0 - config.persistence) + reaction * shock**2 + config.garch_beta * variance
    )
    return np.clip(following, VARIANCE_RANGE[0] * usual, VARIANCE_RANGE[1] * usual)


def _forced_selling(
    config: SimulatorConfig, state: DailyState, total: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    fast = _FAST * state.fast + (1.0 - _FAST) * total**2
    slow = _SLOW * state.slow + (1.0 - _SLOW) * total**2
    seen = np.sqrt(np.maximum(fast, slow) * SESSIONS_PER_YEAR)
    exposure = np.minimum(_EXPOSURE_CAP, _TARGET * config.annual_vol / seen)
    pressure = _PRESSURE_MEMORY * state.pressure + exposure - state.exposure
    return exposure, pressure, fast, slow


def _next_trend(trend: npt.NDArray[np.int8], draw: FloatArray) -> npt.NDArray[np.int8]:
    """Leave a state with a fixed chance: sideways to either side, either side to sideways."""
    away = np.where(draw < 0.5 * _TREND_EXIT, 1, -1)
    entered = np.where(trend == 0, away, 0)
    return np.where(draw < _TREND_EXIT, entered, trend).astype(np.int8)


def volume_level(
    config: SimulatorConfig, *, variance: FloatArray, liquidity: FloatArray
) -> FloatArray:
    """Return the shares that a session's variance and liquidity make one expect."""
    return config.adv_shares * np.exp(liquidity) * (variance / config.daily_variance) ** 0.25


def relative_spread(
    config: SimulatorConfig, *, variance: FloatArray, liquidity: FloatArray
) -> FloatArray:
    """Return the underlying's usual quoted spread as a fraction of its price."""
    return 2.5e-5 * np.sqrt(variance / config.daily_variance) * np.exp(-liquidity)


@dataclass(frozen=True, slots=True, eq=False)
class _HistoryDraws:
    """Random numbers of the history, each (d, n): the loop reads one day at a time."""

    shocks: FloatArray
    uniforms: FloatArray  # (4, d, n): trend, stress, high, low
    normals: FloatArray  # (4, d, n): liquidity, gap, volume, front


def _history_draws(config: SimulatorConfig, paths: IntArray) -> _HistoryDraws:
    days, count = config.history_sessions, paths.size
    shocks = np.empty((count, days))
    uniforms = np.empty((count, 4, days))
    normals = np.empty((count, 4, days))
    for row, path in enumerate(paths.tolist()):
        source = stream(config.seed, Purpose.HISTORY, path=path)
        shocks[row] = source.standard_t(config.tail_df, days)
        source.random(out=uniforms[row])
        source.standard_normal(out=normals[row])
    unit = np.sqrt((config.tail_df - 2.0) / config.tail_df)
    return _HistoryDraws(
        shocks=np.ascontiguousarray(shocks.T) * unit,
        uniforms=np.ascontiguousarray(uniforms.transpose(1, 2, 0)),
        normals=np.ascontiguousarray(normals.transpose(1, 2, 0)),
    )


def simulate_history(config: SimulatorConfig, paths: IntArray) -> tuple[DailyPaths, DailyState]:
    """Return the `history_sessions` daily bars before the first session, and the state they leave.

    Parameters
    ----------
    config : SimulatorConfig
        Its `path` is not used.
    paths : (n,) int64
        Which paths; each depends on its own number alone.
    """
    draws = _history_draws(config, paths)
    days, count = draws.shocks.shape
    totals, variances = np.empty((days, count)), np.empty((days, count))
    liquidity, stress = np.empty((days, count)), np.empty((days, count), dtype=np.bool_)
    fronts = np.empty((days, count))
    state = starting_state(config, count)
    for day in range(days):
        shock = np.sqrt(state.variance) * draws.shocks[day]
        totals[day] = state.drift - 0.5 * state.variance + shock
        variances[day], liquidity[day], stress[day] = state.variance, state.liquidity, state.stress
        state = next_state(
            config,
            state,
            shock=shock,
            total=totals[day],
            front=CARRY * state.front + 0.1 * draws.normals[3, day],
            draws=DayDraws(draws.uniforms[0, day], draws.uniforms[1, day], draws.normals[0, day]),
        )
        fronts[day] = state.front
    bars = _bars(config, totals, variances, liquidity, draws)
    vol = month_vol(config, variance=variances, front=fronts)
    history = DailyPaths(
        **{name: np.ascontiguousarray(bar.T) for name, bar in bars.items()},
        month_vol=np.ascontiguousarray(vol.T),
        variance=np.ascontiguousarray(variances.T),
        stress=np.ascontiguousarray(stress.T),
    )
    return history, _at_spot(config, state)


def _at_spot(config: SimulatorConfig, state: DailyState) -> DailyState:
    """Return the state with every path's price at the configured spot."""
    kept = {name: getattr(state, name) for name in DailyState.__dataclass_fields__}
    return DailyState(**{**kept, "close": np.full(state.close.size, config.spot0)})


def _bars(
    config: SimulatorConfig,
    totals: FloatArray,
    variances: FloatArray,
    liquidity: FloatArray,
    draws: _HistoryDraws,
) -> dict[str, FloatArray]:
    """Make bars from close-to-close returns, ending at the configured spot."""
    share = config.overnight_share
    gap = share * totals + np.sqrt(share * config.session_share * variances) * draws.normals[1]
    rest = totals - gap
    spread_out = config.session_share * variances
    high, low = bridge_range(rest, spread_out, draws.uniforms[2], draws.uniforms[3])
    summed = np.cumsum(totals, axis=0)
    opening = config.spot0 * np.exp(summed - totals - summed[-1] + gap)
    closing = config.spot0 * np.exp(summed - summed[-1])
    level = volume_level(config, variance=variances, liquidity=liquidity)
    return {
        "open": opening,
        "high": np.maximum(opening * np.exp(high), closing),
        "low": np.minimum(opening * np.exp(low), closing),
        "close": closing,
        "volume": level * np.exp(0.15 * draws.normals[2]),
        "spread": relative_spread(config, variance=variances, liquidity=liquidity),
    }


def bridge_range(
    change: FloatArray, variance: FloatArray, high: FloatArray, low: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the highest and lowest log price, against the first, of Brownian bridges.

    Parameters
    ----------
    change, variance : float64
        From first to last, and over the way.
    high, low : float64
        Uniform numbers in [0, 1); high and low are drawn apart from each other.
    """
    up = np.sqrt(change**2 - 2.0 * variance * np.log1p(-high))
    down = np.sqrt(change**2 - 2.0 * variance * np.log1p(-low))
    return 0.5 * (change + up), 0.5 * (change - down)
