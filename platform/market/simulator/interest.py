"""Open interest by strike at the open: what the chain shows and what the dealers hedge.

One rule gives any strike's open interest, so the few strikes that paths hedge and the full chain
that a session quotes are the same book. Dealers are long the calls and short the puts at the open;
what customers buy in the session is known only from their trades.
"""

import numpy as np

from market.simulator.config import SimulatorConfig
from market.simulator.plans import Plan
from market.simulator.streams import Purpose, hashed_uniform
from quant.arrays import BoolArray, FloatArray, IntArray

_CALL_CENTER, _CALL_WIDTH = 0.6, 0.9
_PUT_WIDTH = 1.1
_TERM_SHARE = 1.6  # open interest of all later expiries at a wide strike, against the same day's
_TERM_SD = 3.5  # a later expiry's standard deviation, in daily ones


def same_day_interest(
    config: SimulatorConfig, plan: Plan, strikes: FloatArray, *, paths: IntArray, session: int
) -> tuple[FloatArray, FloatArray]:
    """Return open calls and puts of the contracts that expire at the close.

    Parameters
    ----------
    config : SimulatorConfig
    plan : Plan
        Of n paths.
    strikes : (n, k) float64
        $.
    paths : (n,) int64
        The number of each path.
    session : int

    Returns
    -------
    calls, puts : (n, k) float64
        Whole contracts.
    """
    x = (strikes - plan.opening[:, None]) / plan.sd[:, None]
    popular = config.open_interest * roundness(config, strikes)
    calls = popular * plan.calls[:, None] * _bell((x - _CALL_CENTER) / _CALL_WIDTH)
    puts = popular * plan.puts[:, None] * _bell((x - plan.put_center[:, None]) / _PUT_WIDTH)
    index = np.rint(strikes / config.strike_step).astype(np.int64)
    noise = hashed_uniform(config.seed, Purpose.ZERO_DTE_INTEREST, paths[:, None], session, index)
    swing = np.exp(0.8 * noise - 0.4)
    held = _held(plan, strikes)
    calls, puts = calls * swing * held, puts * (2.0 - swing) * held
    calls += config.open_interest * plan.wall[:, None] * at_wall(config, plan, strikes)
    return np.rint(calls), np.rint(puts)


def term_interest(
    config: SimulatorConfig, plan: Plan, strikes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return open calls and puts of all later expiries together, at wide strikes.

    Parameters and shapes as in `same_day_interest`; contracts, not rounded.
    """
    x = (strikes - plan.opening[:, None]) / (_TERM_SD * plan.sd[:, None])
    popular = _TERM_SHARE * config.open_interest * roundness(config, strikes)
    calls = popular * plan.calls[:, None] * _bell((x - 0.35) / 0.6)
    puts = popular * plan.puts[:, None] * _bell((x + 0.45) / 0.75)
    return calls, puts


def customer_buying(config: SimulatorConfig, plan: Plan, strikes: FloatArray) -> FloatArray:
    """Return the same-day calls that customers buy from dealers between the turning points.

    Shapes as in `same_day_interest`; whole contracts. The purchase is spread evenly.
    """
    width = np.maximum(0.2 * plan.sd, 0.75 * config.strike_step)[:, None]
    zone = np.abs(strikes - plan.zone_center[:, None]) <= width
    bought = plan.zone[:, None] * zone
    bought = bought + (plan.unwind * plan.wall)[:, None] * at_wall(config, plan, strikes)
    return np.rint(config.open_interest * bought)


def roundness(config: SimulatorConfig, strikes: FloatArray) -> FloatArray:
    """Return how popular a strike is for being a round number: 1, 1.7 or 2.4."""
    index = np.rint(strikes / config.strike_step)
    return np.where(index % 10 == 0, 2.4, np.where(index % 5 == 0, 1.7, 1.0))


def at_wall(config: SimulatorConfig, plan: Plan, strikes: FloatArray) -> BoolArray:
    """Return which strikes are the wall."""
    return np.abs(strikes - plan.wall_strike[:, None]) < 0.5 * config.strike_step


def _held(plan: Plan, strikes: FloatArray) -> FloatArray:
    """Return what is left of ordinary interest: almost nothing inside the vacuum."""
    inside = (strikes > plan.vacuum_low[:, None]) & (strikes < plan.vacuum_high[:, None])
    return np.where(inside, 0.03, 1.0)


def _bell(x: FloatArray) -> FloatArray:
    """Return a bell curve with fat tails: strikes far away are thin, never empty."""
    return np.exp(-0.5 * x**2) + 0.02 / (1.0 + x**2)
