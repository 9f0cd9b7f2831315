"""Many sessions at once: spot, volatility, volume and dealer exposure by the minute, as arrays.

Each path depends on (seed, path, session) alone, to the last bit: chunks and workers may be cut
anywhere. (Another processor or build of NumPy may round `exp` and `log` otherwise.) With strength
0 spot is a martingale in every scenario; the planted effects come from hedging flows that are a
function of the past minute, scaled by `SimulatorConfig.strength`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.simulator.config import FULL_SESSION, SimulatorConfig
from market.simulator.daily import (
    CARRY,
    DailyState,
    DayDraws,
    bridge_range,
    next_state,
    simulate_history,
    volume_level,
)
from market.simulator.hedging import TERM_REACTION, DealerBook, Exposure, Hedger, make_book
from market.simulator.plans import Draws, Plan, draw, draw_scenarios, make_plan, volatility_scale
from market.simulator.profiles import variance_weights, volume_weights
from market.simulator.streams import Purpose, stream
from quant.arrays import FloatArray

CHUNK = 1024
"""Paths that are walked together: their strikes stay in the processor's cache."""

_OPENING_VOL = 0.05  # standard deviation of the overnight change of log intraday volatility
_ECHO = 0.5  # of a minute's hedging that happens within the minute itself
_SHOCK_REALIZED = 0.5  # of an implied-volatility shock that realized volatility follows


@dataclass(frozen=True, slots=True, eq=False)
class IntradayPaths:
    """One session of n paths over t minutes. Row m is known at the end of minute m + 1.

    Attributes
    ----------
    spot, high, low : (n, t) float64
        Of each minute, $; not rounded to ticks.
    front : (n, t) float64
        Log factor of implied volatility against the session's expected level.
    volume, signed_volume : (n, t) float64
        Shares; signed is bought minus sold by whoever crossed the spread.
    gamma, charm, vanna : (n, t) float64
        Dealers' exposure by open interest (calls long, puts short), same-day and later contracts
        together but charm same-day: $ of delta per 1 %, per minute, per volatility point.
    true_gamma : (n, t) float64
        As `gamma`, after what customers bought in the session: what the feedback follows.
    opening : (n,) float64
        First price, $.
    previous_close : (n,) float64
    variance : (n,) float64
        Of the close-to-close log return, as expected before the open.
    shock : (n,) float64
        Log return without drift and hedging.
    plan : Plan
        Scenario and times: latent, for tests and reports, never for a tool.
    book : DealerBook
    """

    spot: FloatArray
    high: FloatArray
    low: FloatArray
    front: FloatArray
    volume: FloatArray
    signed_volume: FloatArray
    gamma: FloatArray
    true_gamma: FloatArray
    charm: FloatArray
    vanna: FloatArray
    opening: FloatArray
    previous_close: FloatArray
    variance: FloatArray
    shock: FloatArray
    plan: Plan
    book: DealerBook

    @property
    def minutes(self) -> int:
        """Minutes of the session."""
        return int(self.spot.shape[1])

    def returns(self) -> FloatArray:
        """Return one-minute log returns, (n, t), the first from the opening price."""
        prices = np.concatenate([self.opening[:, None], self.spot], axis=1)
        changes: FloatArray = np.diff(np.log(prices), axis=1)
        return changes


def initial_state(config: SimulatorConfig, paths: npt.ArrayLike) -> DailyState:
    """Return the state before session 0 of each path; all at the configured spot."""
    return simulate_history(config, np.asarray(paths, dtype=np.int64))[1]


def simulate_session(
    config: SimulatorConfig,
    paths: npt.ArrayLike,
    state: DailyState,
    *,
    session: int = 0,
    minutes: int = FULL_SESSION,
) -> IntradayPaths:
    """Walk one session of each path.

    Parameters
    ----------
    config : SimulatorConfig
        Its `path` is not used.
    paths : (n,) int64
    state : DailyState
        Of the same n paths, before the session.
    session : int
        Position in the path's sequence of sessions, from 0.
    minutes : int
        1 to 390.

    Returns
    -------
    IntradayPaths
        About 14 n minutes float64 of memory; see `iterate_paths` for many paths.
    """
    numbers = np.asarray(paths, dtype=np.int64)
    draws = draw(config, numbers, session=session, minutes=minutes)
    share, variance = config.overnight_share, state.variance
    gap = np.sqrt(share * variance) * draws.starts[:, 0]
    opening = state.close * np.exp(share * (state.drift - 0.5 * variance) + gap)
    plan = make_plan(
        config,
        draws,
        scenario=draw_scenarios(config, numbers, session=session),
        opening=opening,
        variance=variance,
        minutes=minutes,
    )
    book = make_book(config, plan, numbers, session)
    walk = _Walk(config, state, plan, book, draws)
    for minute in range(minutes):
        walk.step(minute)
    return walk.result(gap)


def advance(
    config: SimulatorConfig,
    paths: npt.ArrayLike,
    state: DailyState,
    walked: IntradayPaths,
    *,
    session: int,
) -> DailyState:
    """Return the state before the next session."""
    numbers = np.asarray(paths, dtype=np.int64)
    uniforms, normals = np.empty((2, numbers.size)), np.empty(numbers.size)
    for row, path in enumerate(numbers.tolist()):
        source = stream(config.seed, Purpose.DAY, path=path, session=session)
        uniforms[:, row] = source.random(2)
        normals[row] = source.standard_normal()
    return next_state(
        config,
        state,
        shock=walked.shock,
        total=np.log(walked.spot[:, -1] / state.close),
        front=walked.front[:, -1],
        draws=DayDraws(trend=uniforms[0], stress=uniforms[1], liquidity=normals),
    )


def iterate_paths(
    config: SimulatorConfig, *, first: int, count: int, chunk: int = CHUNK
) -> Iterator[IntradayPaths]:
    """Yield session 0 of paths first, first + 1, ... in chunks; any chunk gives the same bits."""
    for start in range(first, first + count, chunk):
        numbers = np.arange(start, min(start + chunk, first + count), dtype=np.int64)
        yield simulate_session(config, numbers, initial_state(config, numbers))


class _Walk:
    """The walk of n paths through one session, one minute at a time."""

    def __init__(
        self,
        config: SimulatorConfig,
        state: DailyState,
        plan: Plan,
        book: DealerBook,
        draws: Draws,
    ) -> None:
        self._config, self._state, self._plan, self._book = config, state, plan, book
        self._draws = draws
        minutes, count = draws.normals.shape[1:]
        self._weights = variance_weights(minutes)
        self._hedger = Hedger(config, book, plan, variance=state.variance, minutes=minutes)
        self._records = {name: np.empty((minutes, count)) for name in _RECORDED}
        self._spot = plan.opening
        self._vol = CARRY * state.front + _OPENING_VOL * draws.starts[:, 2]
        self._shock_vol, self._vol_change = np.zeros(count), np.zeros(count)
        self._memory, self._news = np.zeros(count), np.zeros(count)
        self._sd = np.sqrt(state.variance)
        self._scale = self._sd * np.sqrt(config.diffusion_share) * volatility_scale(config)
        self._calm = 0.5 * config.vol_of_vol**2 / config.vol_reversion
        level = volume_level(config, variance=state.variance, liquidity=state.liquidity)
        self._level = level * plan.liquidity
        self._impact = self._impact_of_a_dollar()
        self._exposure = self._measure(0)

    def _impact_of_a_dollar(self) -> FloatArray:
        """Return the log return that hedging of one dollar causes, per unit of strength."""
        config, plan = self._config, self._plan
        minute_sd = self._sd * np.sqrt(config.session_share / FULL_SESSION)
        dollars: FloatArray = self._level * plan.opening / FULL_SESSION
        impact: FloatArray = config.impact * minute_sd / dollars
        return impact

    def _measure(self, minute: int) -> Exposure:
        return self._hedger.exposure(minute, self._spot, self._vol + self._shock_vol)

    def step(self, minute: int) -> None:
        """Walk one minute and record its end."""
        sd = self._minute_sd(minute)
        damping, hedges = self._hedging(minute, sd)
        diffusion = sd * self._draws.normals[0, minute] - 0.5 * sd**2
        jumps = self._jumps(minute)
        drift = self._config.session_share * self._weights[minute] * self._state.drift
        change = diffusion / (1.0 + _ECHO * damping) + jumps + drift + hedges
        self._news = self._news + diffusion + jumps
        speed = self._config.hedge_speed
        self._memory = (1.0 - speed) * self._memory + speed * change
        self._spot = self._spot * np.exp(change)
        self._move_vol(minute)
        self._exposure = self._measure(minute + 1)
        self._record(minute, change, sd)

    def _minute_sd(self, minute: int) -> FloatArray:
        """Return the standard deviation of the minute's return before hedging."""
        plan = self._plan
        factor = np.where(
            minute < plan.first_ends,
            plan.before,
            np.where(minute < plan.second_ends, plan.between, plan.after),
        )
        level = np.exp(self._vol + _SHOCK_REALIZED * self._shock_vol - self._calm)
        sd: FloatArray = self._scale * np.sqrt(self._weights[minute]) * factor * level
        return sd

    def _hedging(self, minute: int, sd: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the gamma feedback g, and the return that all hedging causes this minute."""
        config, seen = self._config, self._exposure
        unit = config.strength * self._impact
        damping = _capped(100.0 * seen.true * unit, config.gamma_cap)
        limit = config.flow_cap * sd
        charm = _capped(-seen.pull * self._hedger.decay(minute) * unit, limit)
        freed = (seen.pull + TERM_REACTION * seen.lean) * self._vol_change
        vanna = _capped(freed * unit, limit)
        return damping, charm + vanna - damping * self._memory

    def _jumps(self, minute: int) -> FloatArray:
        """Return the minute's jumps less what they were worth beforehand."""
        config, plan = self._config, self._plan
        jump = np.where(plan.jump_at == minute, plan.jump * self._sd, 0.0)
        mean = config.jump_mean * self._sd
        square = (config.jump_mean**2 + config.jump_sd**2) * self._state.variance
        chance = config.jump_probability * self._weights[minute]
        shock = plan.shock_jump * self._sd
        exposed = (minute >= plan.first_ends) & (minute < plan.second_ends)
        exposed &= minute <= plan.shock_at
        struck = np.where(plan.shock_at == minute, shock, 0.0)
        expected = np.where(exposed, plan.shock_hazard * np.expm1(shock), 0.0)
        change: FloatArray = jump - chance * (mean + 0.5 * square) + struck - expected
        return change

    def _move_vol(self, minute: int) -> None:
        config, plan, normals = self._config, self._plan, self._draws.normals
        own = np.sqrt(1.0 - config.leverage**2)
        noise = config.leverage * normals[0, minute] + own * normals[1, minute]
        speed = config.vol_of_vol * np.where(minute < plan.first_ends, 1.0, plan.vol_of_vol)
        vol = (1.0 - config.vol_reversion) * self._vol + speed * noise
        struck = np.where(plan.shock_at == minute, plan.shock_vol, 0.0)
        shock_vol = plan.shock_decay * self._shock_vol + struck
        self._vol_change = vol - self._vol + shock_vol - self._shock_vol
        self._vol, self._shock_vol = vol, shock_vol

    def _record(self, minute: int, change: FloatArray, sd: FloatArray) -> None:
        rows, seen = self._records, self._exposure
        rows["spot"][minute] = self._spot
        rows["change"][minute], rows["sd"][minute] = change, sd
        rows["front"][minute] = self._vol + self._shock_vol
        rows["gamma"][minute], rows["true_gamma"][minute] = seen.shown, seen.true
        rows["charm"][minute], rows["vanna"][minute] = seen.charm, seen.vanna

    def result(self, gap: FloatArray) -> IntradayPaths:
        """Return all minutes, with bars and volume, path by path."""
        rows, draws = self._records, self._draws
        change, sd = rows.pop("change"), rows.pop("sd")
        up, down = bridge_range(change, sd**2, draws.uniforms[0], draws.uniforms[1])
        start = rows["spot"] * np.exp(-change)
        volume, signed = self._volumes(change / sd)
        rows |= {
            "high": np.maximum(start * np.exp(up), rows["spot"]),
            "low": np.minimum(start * np.exp(down), rows["spot"]),
            "volume": volume,
            "signed_volume": signed,
        }
        return IntradayPaths(
            **{name: np.ascontiguousarray(row.T) for name, row in rows.items()},
            opening=self._plan.opening,
            previous_close=self._state.close,
            variance=self._state.variance,
            shock=gap + self._news,
            plan=self._plan,
            book=self._book,
        )

    def _volumes(self, moves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return shares traded and their sign, from moves in standard deviations, (t, n)."""
        noise, side = self._draws.normals[2], self._draws.normals[3]
        usual = self._level * volume_weights(moves.shape[0])[:, None]
        volume = usual * np.exp(0.35 * noise - 0.06) * (0.76 + 0.3 * np.abs(moves))
        return volume, volume * np.tanh(0.4 * moves + 0.4 * side)


_RECORDED = ("spot", "change", "sd", "front", "gamma", "true_gamma", "charm", "vanna")


def _capped(value: FloatArray, limit: FloatArray | float) -> FloatArray:
    """Return the value bent smoothly to stay within +-limit."""
    room = np.maximum(limit, 1e-300)
    return room * np.tanh(value / room)
