"""What is drawn for a session before its first minute: its scenario, levels and times."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from market.simulator.config import FULL_SESSION, SimulatorConfig
from market.simulator.profiles import variance_left, variance_weights
from market.simulator.scenarios import NAMES, SCENARIOS, Scenario
from market.simulator.streams import Purpose, stream
from quant.arrays import FloatArray, IntArray

BLOCK = 20
"""Sessions over which scenarios are spread as evenly as their weights allow."""

UNIFORMS, NORMALS = 10, 4
UNWIND_LATEST = 15  # minutes before the close by which every turning point has come


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Random numbers of one session for n paths; minutes run along the first axis.

    `heads` (n, UNIFORMS) and `starts` (n, NORMALS) fix the plan. `normals` (4, minutes, n) are
    for spot, volatility, volume and its sign; `uniforms` (2, minutes, n) for high and low.
    """

    heads: FloatArray
    starts: FloatArray
    normals: FloatArray
    uniforms: FloatArray


def draw(config: SimulatorConfig, paths: IntArray, *, session: int, minutes: int) -> Draws:
    """Draw what one session of each path needs."""
    count = paths.size
    heads, starts = np.empty((count, UNIFORMS)), np.empty((count, NORMALS))
    normals, uniforms = np.empty((count, 4, minutes)), np.empty((count, 2, minutes))
    for row, path in enumerate(paths.tolist()):
        source = stream(config.seed, Purpose.SESSION, path=path, session=session)
        source.random(out=heads[row])
        source.standard_normal(out=starts[row])
        source.standard_normal(out=normals[row])
        source.random(out=uniforms[row])
    return Draws(
        heads=heads,
        starts=starts,
        normals=np.ascontiguousarray(normals.transpose(1, 2, 0)),
        uniforms=np.ascontiguousarray(uniforms.transpose(1, 2, 0)),
    )


def draw_scenarios(
    config: SimulatorConfig, paths: IntArray, *, session: int
) -> npt.NDArray[np.int8]:
    """Return the position in `scenarios.NAMES` of each path's scenario.

    Each block of `BLOCK` sessions holds every scenario as often as its weight says, to the next
    whole number, in an order of its own.
    """
    weights = np.array([config.scenario_weights.get(name, 0.0) for name in NAMES])
    limits = np.cumsum(weights) / weights.sum()
    limits[-1] = 1.0
    block, place = divmod(session, BLOCK)
    at = np.empty(paths.size)
    for row, path in enumerate(paths.tolist()):
        source = stream(config.seed, Purpose.SCENARIO, path=path, session=block)
        at[row] = (source.random() + source.permutation(BLOCK)[place]) / BLOCK
    usable = np.flatnonzero(weights > 0)
    chosen = np.searchsorted(limits, at, side="right")
    chosen = np.minimum(chosen, usable[-1])
    return np.asarray(chosen, dtype=np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The scenario's numbers and times for n paths, each (n,).

    Times are minutes since the open. Prices in $. `first_ends` and `second_ends` are the turning
    points of the scenario; `shock_at` and `jump_at` are the session's length when nothing
    strikes. See `scenarios.Scenario` for the rest.
    """

    scenario: npt.NDArray[np.int8]
    opening: FloatArray
    sd: FloatArray  # daily standard deviation of spot, $
    calls: FloatArray
    puts: FloatArray
    put_center: FloatArray
    wall: FloatArray
    wall_strike: FloatArray
    vacuum_low: FloatArray  # between these two, exclusive, nothing is held
    vacuum_high: FloatArray
    unwind: FloatArray
    zone: FloatArray
    zone_center: FloatArray
    first_ends: IntArray
    second_ends: IntArray
    before: FloatArray
    between: FloatArray
    after: FloatArray
    shock_vol: FloatArray
    shock_jump: FloatArray
    shock_decay: FloatArray
    shock_hazard: FloatArray
    shock_at: IntArray
    jump_at: IntArray
    jump: FloatArray  # in daily standard deviations
    vol_of_vol: FloatArray
    liquidity: FloatArray


def _columns(scenario: npt.NDArray[np.int8]) -> dict[str, FloatArray]:
    """Return each number of the scenario table, and the ends of its ranges, per path."""
    rows = [SCENARIOS[name] for name in NAMES]
    table: dict[str, FloatArray] = {}
    for item in fields(Scenario):
        values = [getattr(row, item.name) for row in rows]
        if isinstance(values[0], tuple):
            table[f"{item.name}_low"] = np.array([low for low, _ in values])[scenario]
            table[f"{item.name}_high"] = np.array([high for _, high in values])[scenario]
        elif not isinstance(values[0], str):
            table[item.name] = np.array(values, dtype=np.float64)[scenario]
    return table


def make_plan(
    config: SimulatorConfig,
    draws: Draws,
    *,
    scenario: npt.NDArray[np.int8],
    opening: FloatArray,
    variance: FloatArray,
    minutes: int,
) -> Plan:
    """Turn draws into the session's plan.

    Parameters
    ----------
    config : SimulatorConfig
    draws : Draws
    scenario : (n,) int8
    opening : (n,) float64
        First price, $.
    variance : (n,) float64
        Of the close-to-close log return.
    minutes : int
        Of the session.
    """
    table, u, z = _columns(scenario), draws.heads.T, draws.starts.T
    sd = opening * np.sqrt(variance)
    first, second = _turning_points(table, u, minutes)
    wall_strike, vacuum_low, vacuum_high = _wall(config, table, u, z, opening=opening, sd=sd)
    storm = np.exp(table["storm"] * np.clip(config.strength, -1.5, 1.5))
    hazard = table["shock_hazard"]
    struck = first + _geometric(u[6], hazard, minutes)
    return Plan(
        scenario=scenario,
        opening=opening,
        sd=sd,
        wall_strike=wall_strike,
        vacuum_low=vacuum_low,
        vacuum_high=vacuum_high,
        zone_center=_listed(config, opening + table["zone_offset"] * sd),
        first_ends=first,
        second_ends=second,
        after=table["after"] * storm,
        shock_decay=0.5 ** (1.0 / table["shock_half_life"]),
        shock_at=np.where(struck < second, struck, minutes),
        jump_at=_jump_minute(config, u[7], u[8], minutes),
        jump=config.jump_mean + config.jump_sd * z[1],
        **{
            name: table[name]
            for name in (
                "calls",
                "puts",
                "put_center",
                "wall",
                "unwind",
                "zone",
                "before",
                "between",
                "shock_vol",
                "shock_jump",
                "shock_hazard",
                "vol_of_vol",
                "liquidity",
            )
        },
    )


def _turning_points(
    table: dict[str, FloatArray], u: FloatArray, minutes: int
) -> tuple[IntArray, IntArray]:
    first = table["first_low"] + (table["first_high"] - table["first_low"]) * u[0]
    length = table["second_low"] + (table["second_high"] - table["second_low"]) * u[1]
    latest = max(minutes - UNWIND_LATEST, 1)
    first_ends = np.minimum(np.floor(first * minutes), latest - 1).astype(np.int64)
    second_ends = np.minimum(np.floor((first + length) * minutes), latest).astype(np.int64)
    return first_ends, np.maximum(second_ends, first_ends + 1)


def _listed(config: SimulatorConfig, price: FloatArray) -> FloatArray:
    """Return the listed strike nearest to a price."""
    return np.rint(price / config.strike_step) * config.strike_step


def _wall(
    config: SimulatorConfig,
    table: dict[str, FloatArray],
    u: FloatArray,
    z: FloatArray,
    *,
    opening: FloatArray,
    sd: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the wall's strike and the empty interval beside it (of no width where none is)."""
    side = np.where(u[2] < 0.5, 1.0, -1.0)
    about = table["wall_offset"] * np.where(table["wall_away"] > 0, side, z[0])
    strike = _listed(config, opening + about * sd)
    empty = np.where(u[3] < 0.5, 1.0, -1.0)
    far = _listed(config, strike + empty * np.maximum(0.6 * sd, 3.0 * config.strike_step))
    there = table["vacuum"] > 0
    low = np.where(there, np.minimum(strike, far), strike)
    high = np.where(there, np.maximum(strike, far), strike)
    return strike, low, high


def _geometric(u: FloatArray, hazard: FloatArray, never: int) -> IntArray:
    """Return the minutes without a strike under a constant hazard; `never` where it is zero."""
    with np.errstate(divide="ignore"):
        waited = np.log1p(-u) / np.log1p(-hazard)
    return np.where(hazard > 0, np.minimum(waited, never), never).astype(np.int64)


def _jump_minute(
    config: SimulatorConfig, occurs: FloatArray, place: FloatArray, minutes: int
) -> IntArray:
    """Return the minute of the session's jump, spread as variance is; `minutes` for none."""
    reached = np.cumsum(variance_weights(minutes)) / variance_left(minutes)[0]
    minute = np.minimum(np.searchsorted(reached, place, side="right"), minutes - 1)
    chance = config.jump_probability * variance_left(minutes)[0]
    return np.where(occurs < chance, minute, minutes).astype(np.int64)


def volatility_scale(config: SimulatorConfig) -> float:
    """Return the factor that keeps average variance at its long-run level over the scenarios.

    Turning points count at the middle of their ranges, strength as zero, and the spot jumps of
    volatility shocks with their chance to strike.
    """
    weights = variance_weights(FULL_SESSION)
    half = 0.5 * FULL_SESSION
    total, mean = 0.0, 0.0
    for name, weight in config.scenario_weights.items():
        row = SCENARIOS[name]
        first = int(half * sum(row.first))
        middle = int(half * sum(row.second))
        factors = np.repeat(
            [row.before, row.between, row.after], [first, middle, FULL_SESSION - first - middle]
        )
        struck = 1.0 - (1.0 - row.shock_hazard) ** middle
        jumps = struck * row.shock_jump**2 / config.diffusion_share
        total += weight
        mean += weight * (float((weights * factors**2).sum()) + jumps)
    return float(np.sqrt(total / mean))
