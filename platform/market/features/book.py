"""Observations of the dealers' book: exposures, levels, thick and thin open interest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from market.features.analysis import Analysis
from market.features.context import RowBuilder
from market.frames import FloatArray, Missing
from quant import exposure_types as states
from quant.arrays import BoolArray
from quant.chain import Chain

HEAVY = 2.0
"""A strike is heavy from this multiple of the usual open interest of the strikes around spot."""
AROUND_MOVES = 3.0
"""Strikes within so many daily standard deviations of spot are around it."""
NEAR_MOVES = 0.5
NEAR_STEPS = 2.0
"""Strikes within half a standard deviation, or two strike steps where that is more, are near."""
AROUND_STRIKES = 6
"""The strike step is the median gap among so many strikes on each side of spot."""

TOTALS = ("gamma", "gamma_gross", "vanna", "charm_hour", "speed", "zomma")
LEVELS = ("zero_gamma", "vol_trigger", "call_wall", "put_wall", "abs_gamma_strike")
OF_LEVELS = ("abs_gamma_share", "gamma_under_put_wall")
TODAY = ("gamma_0dte", "gamma_gross_0dte", "charm_hour_0dte")
OPEN_INTEREST = ("thin_above", "thin_below", "heavy_above", "heavy_below")
COLUMNS = (
    *TOTALS,
    *LEVELS,
    *OF_LEVELS,
    *TODAY,
    *OPEN_INTEREST,
    "magnet_strike",
    "magnet_share",
)
WHY_NO_PROFILE = {
    states.NO_OPEN_INTEREST: Missing.NO_OPEN_INTEREST,
    states.NO_VOLATILITY: Missing.NO_QUOTE,
    states.ALL_EXPIRED: Missing.NO_CHAIN,
    states.NO_CONTRACTS: Missing.NO_CHAIN,
}


class StrikeInterest(NamedTuple):
    """Open interest of one expiry by strike, calls and puts together."""

    strikes: FloatArray
    contracts: FloatArray


def put_exposures(row: RowBuilder, done: Analysis, today: BoolArray) -> None:
    """Put the totals, the levels and today's share of them."""
    profile = done.profile
    if profile.status != states.OK:
        row.put_missing((*TOTALS, *LEVELS, *OF_LEVELS), WHY_NO_PROFILE[profile.status])
        row.put_missing(TODAY, WHY_NO_PROFILE[profile.status] if today.any() else Missing.NOT_0DTE)
        return
    gross = float(np.nansum(np.abs(profile.contracts.gamma)))
    row.put("gamma", profile.totals.gamma)
    row.put("gamma_gross", gross)
    row.put("vanna", profile.totals.vanna)
    row.put("charm_hour", 60.0 * (profile.totals.charm_minute or 0.0))
    row.put("speed", profile.totals.speed)
    row.put("zomma", profile.totals.zomma)
    levels = profile.levels
    row.put("zero_gamma", levels.zero_gamma, Missing.NO_LEVEL)
    row.put("vol_trigger", levels.vol_trigger_proxy, Missing.NO_LEVEL)
    row.put("call_wall", levels.call_wall, Missing.NO_LEVEL)
    row.put("put_wall", levels.put_wall, Missing.NO_LEVEL)
    row.put("abs_gamma_strike", levels.abs_gamma_strike, Missing.NO_LEVEL)
    share = _share_of_strike(done, levels.abs_gamma_strike, np.ones(len(done.chain), bool), gross)
    row.put("abs_gamma_share", share, Missing.NO_LEVEL)
    row.put("gamma_under_put_wall", _gamma_under(done, levels.put_wall), Missing.NO_LEVEL)
    _put_today(row, done, today)


def put_open_interest(row: RowBuilder, done: Analysis, today: BoolArray, move: float) -> None:
    """Put where the nearest expiry's open interest is thick and thin around spot.

    `move` is one standard deviation over a session, in currency.
    """
    interest = _front_interest(done.chain)
    if interest is None or not np.isfinite(move):
        why = Missing.NO_OPEN_INTEREST if interest is None else Missing.NO_QUOTE
        row.put_missing((*OPEN_INTEREST, "magnet_strike", "magnet_share"), why)
        return
    spot = done.chain.spot
    usual = _usual_around(interest, spot, AROUND_MOVES * move)
    near = max(NEAR_MOVES * move, NEAR_STEPS * _step(interest.strikes, spot))
    for name, side in (("thin_above", 1.0), ("thin_below", -1.0)):
        thickness = _thickness(interest, spot=spot, near=near, usual=usual, side=side)
        row.put(name, thickness, Missing.NO_OPEN_INTEREST)
    heavy = interest.strikes[interest.contracts >= HEAVY * usual] if usual > 0.0 else np.empty(0)
    over, under = heavy[heavy > spot], heavy[heavy <= spot]
    above = float(over[0]) if over.size else np.nan
    below = float(under[-1]) if under.size else np.nan
    row.put("heavy_above", above, Missing.NO_LEVEL)
    row.put("heavy_below", below, Missing.NO_LEVEL)
    _put_magnet(row, done, today, heavy)


def _gamma_under(done: Analysis, strike: float | None) -> float | None:
    """Return the net gamma of the strikes below one, None where there is none."""
    if strike is None:
        return None
    table = done.profile.by_strike
    return float(np.nansum(table.gamma[table.strikes < strike]))


def _put_today(row: RowBuilder, done: Analysis, today: BoolArray) -> None:
    gamma = done.profile.contracts.gamma[today]
    known = np.isfinite(gamma)
    if not known.any():
        no_interest = today.any() and not np.isfinite(done.chain.open_interest[today]).any()
        why = Missing.NO_OPEN_INTEREST if no_interest else Missing.NO_QUOTE
        row.put_missing(TODAY, why if today.any() else Missing.NOT_0DTE)
        return
    row.put("gamma_0dte", float(gamma[known].sum()))
    row.put("gamma_gross_0dte", float(np.abs(gamma[known]).sum()))
    charm = done.profile.contracts.charm_minute[today]
    row.put("charm_hour_0dte", 60.0 * float(np.nansum(charm)))


def _put_magnet(row: RowBuilder, done: Analysis, today: BoolArray, heavy: FloatArray) -> None:
    """Put the heavy strike of today's expiry that is nearest to spot."""
    if not today.any():
        row.put_missing(("magnet_strike", "magnet_share"), Missing.NOT_0DTE)
        return
    if not heavy.size:
        row.put_missing(("magnet_strike", "magnet_share"), Missing.NO_LEVEL)
        return
    strike = float(heavy[np.argmin(np.abs(heavy - done.chain.spot))])
    gross = float(np.nansum(np.abs(done.profile.contracts.gamma[today])))
    row.put("magnet_strike", strike)
    row.put("magnet_share", _share_of_strike(done, strike, today, gross), Missing.NO_QUOTE)


def _share_of_strike(
    done: Analysis, strike: float | None, among: BoolArray, gross: float
) -> float | None:
    """Return one strike's share of the gross gamma, None where there is none."""
    if strike is None or not gross > 0.0:
        return None
    mine = among & (done.chain.strikes == strike)
    return float(np.nansum(np.abs(done.profile.contracts.gamma[mine]))) / gross


def _front_interest(chain: Chain) -> StrikeInterest | None:
    """Return the open interest of the nearest live expiry that reports any."""
    known = (chain.expiries > chain.time) & np.isfinite(chain.open_interest)
    if not known.any():
        return None
    front = known & (chain.expiries == chain.expiries[known].min())
    strikes, where = np.unique(chain.strikes[front], return_inverse=True)
    contracts = np.zeros(strikes.size)
    np.add.at(contracts, where, chain.open_interest[front])
    return StrikeInterest(strikes, contracts) if contracts.any() else None


def _usual_around(interest: StrikeInterest, spot: float, reach: float) -> float:
    """Return the median of the strikes that have any: a wall must not make its peers look thin."""
    around = (np.abs(interest.strikes - spot) <= reach) & (interest.contracts > 0.0)
    return float(np.median(interest.contracts[around])) if around.any() else 0.0


def _step(strikes: FloatArray, spot: float) -> float:
    """Return the usual distance between listed strikes around spot."""
    index = int(np.searchsorted(strikes, spot))
    gaps = np.diff(strikes[max(0, index - AROUND_STRIKES) : index + AROUND_STRIKES])
    return float(np.median(gaps)) if gaps.size else 0.0


def _thickness(
    interest: StrikeInterest, *, spot: float, near: float, usual: float, side: float
) -> float | None:
    """Return open interest per strike on one side near spot, over what is usual around it."""
    if not usual > 0.0:
        return None
    away = side * (interest.strikes - spot)
    there = interest.contracts[(away > 0.0) & (away <= near)]
    return float(there.mean()) / usual if there.size else 0.0
