"""Observations of signed option trades, and the dealers' positions that they build up."""

from __future__ import annotations

import numpy as np

from market.features.analysis import Analysis
from market.features.context import Positions, RowBuilder
from market.frames import FloatArray, Missing
from quant.arrays import BoolArray
from quant.chain import Chain

ZONE_MOVES = 2.0
"""The zone above spot reaches this many daily standard deviations."""
ZONE_YEARS = 8.0 / 365.0
"""Calls of the zone expire within eight days: their gamma is what moves with the day."""
SIGNED = ("otm_call_flow", "squeeze_gamma", "squeeze_strike", "wall_kept")
PUTS = ("put_flow", "option_volume")
COLUMNS = ("otm_call_volume", *SIGNED, *PUTS)
_ROOT_TAU = float(np.sqrt(2.0 * np.pi))


def updated(positions: Positions, chain: Chain | None, signed: FloatArray | None) -> Positions:
    """Return the dealers' positions after one minute: they take the other side of customers.

    A minute without a chain has no trades to tell of; one whose trades are not signed leaves the
    positions unknown for the rest of the session.
    """
    if chain is None:
        return positions
    if signed is None:
        return Positions(complete=False)
    held = _carried(positions, chain)
    return Positions(
        strikes=chain.strikes,
        expiries=chain.expiries,
        is_call=chain.is_call,
        held=held - np.asarray(signed, dtype=np.float64),
        complete=positions.complete,
    )


def dealer_positions(positions: Positions, chain: Chain) -> FloatArray | None:
    """Return dealers' contracts: open interest signed naively, then the other side of each trade.

    None when trades are not signed.
    """
    if not positions.complete or not positions.held.size:
        return None
    opened = np.where(chain.is_call, chain.open_interest, -chain.open_interest)
    out: FloatArray = opened + _carried(positions, chain)
    return out


def put_flow(row: RowBuilder, done: Analysis, positions: Positions, move: float) -> None:
    """Put the calls above spot: what traded in the minute, and the gamma dealers hold there.

    `move` is one standard deviation over a session, in currency.
    """
    chain = done.chain
    if not np.isfinite(move):
        row.put_missing(COLUMNS, Missing.NO_QUOTE)
        return
    zone = _zone(chain, ZONE_MOVES * move)
    volume = chain.volume[zone]
    known = np.isfinite(volume)
    row.put("otm_call_volume", volume[known].sum() if known.any() else None, Missing.NO_TRADES)
    if not positions.complete or not positions.held.size:
        row.put_missing(SIGNED, Missing.NO_TRADES)
        return
    row.put("wall_kept", _wall_kept(done, positions.held), Missing.NO_LEVEL)
    held = positions.held[zone]
    gamma = held * _gamma_at_strike(chain, done.iv, zone)
    usable = np.isfinite(gamma)
    row.put("otm_call_flow", -held[usable].sum() if usable.any() else None, Missing.NO_TRADES)
    row.put("squeeze_gamma", gamma[usable].sum() if usable.any() else None, Missing.NO_TRADES)
    short = np.where(usable & (gamma < 0.0), -gamma, 0.0)
    center = short @ chain.strikes[zone] / short.sum() if short.any() else None
    row.put("squeeze_strike", center, Missing.NO_LEVEL if usable.any() else Missing.NO_TRADES)


def put_puts(row: RowBuilder, chain: Chain, signed: FloatArray | None) -> None:
    """Put what traded in the minute, and the puts that customers bought less those they sold."""
    known = np.isfinite(chain.volume)
    row.put("option_volume", chain.volume[known].sum() if known.any() else None, Missing.NO_TRADES)
    puts = None if signed is None else np.asarray(signed, dtype=np.float64)[~chain.is_call]
    usable = puts is not None and bool(np.isfinite(puts).any())
    row.put("put_flow", np.nansum(puts) if usable and puts is not None else None, Missing.NO_TRADES)


def _zone(chain: Chain, reach: float) -> BoolArray:
    """Return the calls above spot that are near in strike and in time."""
    years = chain.years()
    zone: BoolArray = chain.is_call & (chain.strikes > chain.spot)
    zone &= (chain.strikes <= chain.spot + reach) & (years > 0.0) & (years <= ZONE_YEARS)
    return zone


def _wall_kept(done: Analysis, held: FloatArray) -> float | None:
    """Return the wall's gamma with the session's trades over that by open interest alone."""
    strike = done.profile.levels.abs_gamma_strike
    gamma, interest = np.abs(done.profile.contracts.gamma), done.chain.open_interest
    mine = (done.chain.strikes == strike) & (gamma > 0.0) & np.isfinite(held)
    if strike is None or not mine.any():
        return None
    traded = held[mine] @ (gamma[mine] / interest[mine])
    return float(1.0 + traded / gamma[mine].sum())


def _gamma_at_strike(chain: Chain, iv: FloatArray, zone: BoolArray) -> FloatArray:
    """Return $ of delta per 1 % that one contract gains with spot at its own strike.

    That is what hedgers would have to chase when spot arrives there, so it does not fade with
    the distance that spot still has to go.
    """
    total = iv[zone] * np.sqrt(chain.years()[zone])
    density = np.exp(-0.125 * total * total) / _ROOT_TAU
    gamma: FloatArray = chain.multiplier[zone] * chain.strikes[zone] * density / (100.0 * total)
    return gamma


def _carried(positions: Positions, chain: Chain) -> FloatArray:
    """Return what was held of each contract of the chain, matched by strike, expiry and right."""
    if not positions.held.size:
        return np.zeros(len(chain))
    same = (
        np.array_equal(positions.strikes, chain.strikes)
        and np.array_equal(positions.expiries, chain.expiries)
        and np.array_equal(positions.is_call, chain.is_call)
    )
    if same:
        return positions.held
    keys = zip(
        positions.strikes.tolist(),
        positions.expiries.tolist(),
        positions.is_call.tolist(),
        strict=True,
    )
    known = dict(zip(keys, positions.held.tolist(), strict=True))
    wanted = zip(
        chain.strikes.tolist(), chain.expiries.tolist(), chain.is_call.tolist(), strict=True
    )
    return np.array([known.get(key, 0.0) for key in wanted])
