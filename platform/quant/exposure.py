"""Dealer gamma, vanna, charm and delta exposure of an option chain, and the levels it implies.

Every figure is in $ of delta that the dealers' book gains: a positive gamma exposure means that
dealers sell rallies and buy dips, which dampens moves, and a negative one that they buy rallies
and sell dips, which amplifies them. Who holds which side is an assumption, never an observation,
and each result carries its name (`sign`).
"""

import numpy as np

from quant.arrays import BoolArray, FloatArray, FloatLike, IntArray
from quant.bsm import greeks
from quant.chain import Chain
from quant.exposure_types import (
    ALL_EXPIRED,
    ALWAYS_LONG,
    ALWAYS_SHORT,
    NO_GAMMA,
    NO_OPEN_INTEREST,
    NO_POSITIONS,
    NO_VOLATILITY,
    OK,
    SIGNS,
    UNITS,
    ByContract,
    ByExpiry,
    ByStrike,
    Levels,
    Profile,
    Sign,
    Totals,
)
from quant.gamma_sweep import GammaSweep, Roots, find_roots, sweep_grid
from quant.levels import WallMode, best_strike, max_pain, vol_trigger_proxy, walls
from quant.smile import contract_vols

__all__ = [
    "SIGNS",
    "UNITS",
    "ByContract",
    "ByExpiry",
    "ByStrike",
    "Levels",
    "Profile",
    "Sign",
    "Totals",
    "dealer_positions",
    "hedge_trade",
    "hedging",
    "profile",
]

_DAYS = 365.0
_MINUTES = 525_600.0


def dealer_positions(
    chain: Chain, sign: Sign = "naive", positions: FloatLike | None = None
) -> FloatArray:
    """Return what dealers are taken to hold, in contracts, + long; NaN where not known.

    Raises
    ------
    ValueError
        For an unknown sign, or when `positions` ((n,) contracts) is not given exactly for "flow".
    """
    if sign not in SIGNS:
        raise ValueError(f"unknown sign {sign!r}; choose from {', '.join(SIGNS)}")
    if (positions is not None) != (sign == "flow"):
        raise ValueError("positions belong to sign 'flow', and it needs them")
    if positions is not None:
        given = np.asarray(positions, dtype=np.float64)
        if given.shape != chain.strikes.shape:
            raise ValueError(f"positions have shape {given.shape}, the chain {len(chain)}")
        return given
    side = {"naive": (1.0, -1.0), "inverted_calls": (-1.0, -1.0), "none": (1.0, 1.0)}[sign]
    return np.where(chain.is_call, *side) * chain.open_interest


def hedging(gamma: float) -> str:
    """Say what a total gamma exposure makes dealers do."""
    if gamma > 0.0:
        return "Dealers are long gamma: they sell rallies and buy dips, which dampens moves."
    if gamma < 0.0:
        return "Dealers are short gamma: they buy rallies and sell dips, which amplifies moves."
    return "Dealers have no gamma to hedge."


def hedge_trade(gamma: float, move: float) -> float:
    """Return the $ of underlying dealers buy (+) or sell (-) after spot moves by `move` percent."""
    return -gamma * move


def profile(
    chain: Chain,
    spots: FloatLike | None = None,
    iv: FloatLike | None = None,
    sign: Sign = "naive",
    *,
    positions: FloatLike | None = None,
    wall_mode: WallMode = "gross",
) -> Profile:
    """Return the dealers' exposure by contract, strike, expiry and spot, and its levels.

    Parameters
    ----------
    chain : Chain
        Expired contracts count for nothing.
    spots : (m,) float64, optional
        Where to evaluate the sweep, in currency, above zero, ascending. By default the grid that
        the search for zero gamma uses in any case (`quant.gamma_sweep.sweep_grid`).
    iv : (n,) float64, optional
        Volatility per contract, NaN to leave it out; by default `quant.smile.contract_vols`.
    sign : str
        A key of `SIGNS`.
    positions : (n,) float64, optional
        Dealers' net contracts for `sign="flow"`, NaN where not known.
    wall_mode : str
        "gross" or "net", see `quant.levels.walls`.

    Returns
    -------
    Profile
        Without open interest, positions or volatilities every figure is NaN or None and `status`
        says why.

    Raises
    ------
    ValueError
        For an unknown sign, or arguments whose shape is not the chain's.
    """
    held = dealer_positions(chain, sign, positions)
    vols = contract_vols(chain) if iv is None else np.asarray(iv, dtype=np.float64)
    if vols.shape != chain.strikes.shape:
        raise ValueError(f"iv has shape {vols.shape}, the chain {len(chain)}")
    years = chain.years()
    live = (years > 0.0) & np.isfinite(held) & np.isfinite(vols) & (vols > 0.0)
    status = _status(years, held, vols, sign)
    contracts = _by_contract(chain, held, vols, live if status == OK else np.zeros_like(live))
    by_strike = _by_strike(chain, contracts)
    grid = None if spots is None else np.asarray(spots, dtype=np.float64)
    if status == OK:
        sd, spacing = _scales(chain, vols, years, live)
        search = sweep_grid(spot=chain.spot, sd=sd, spacing=spacing)
        sweep = _sweep(chain, held, vols, live)
        values = sweep(search)
        roots = find_roots(sweep, search, values)
        levels = _levels(chain, by_strike, roots, values, sd=sd, spacing=spacing, mode=wall_mode)
        spots_out, gamma = (search, values) if grid is None else (grid, sweep(grid))
    else:
        levels = Levels(zero_gamma_reason=status, max_pain=_pain(chain), reason=status)
        spots_out = np.empty(0) if grid is None else grid
        gamma = np.full(spots_out.shape, np.nan)
    return Profile(
        status=status,
        sign=sign,
        contracts=contracts,
        totals=_totals(contracts, known=status == OK),
        by_strike=by_strike,
        by_expiry=_by_expiry(chain, contracts),
        levels=levels,
        spots=spots_out,
        gamma=gamma,
        left_out=int(np.count_nonzero((years > 0.0) & ~live)),
    )


def _status(years: FloatArray, held: FloatArray, vols: FloatArray, sign: Sign) -> str:
    """Return "ok" or why nothing can be computed."""
    alive = years > 0.0
    owned = alive & np.isfinite(held) & (held != 0.0)
    if not alive.any():
        return ALL_EXPIRED
    if not owned.any():
        return NO_POSITIONS if sign == "flow" else NO_OPEN_INTEREST
    if not np.any(owned & np.isfinite(vols) & (vols > 0.0)):
        return NO_VOLATILITY
    return OK


def _by_contract(chain: Chain, held: FloatArray, vols: FloatArray, live: BoolArray) -> ByContract:
    """Scale each live contract's Greeks by its position."""
    one = greeks(
        chain.spot,
        chain.strikes[live],
        chain.years()[live],
        chain.r,
        chain.q,
        vols[live],
        chain.is_call[live],
        names=("gamma", "vanna", "charm", "delta"),
    )
    dollars = held[live] * chain.multiplier[live] * chain.spot
    parts = {
        "gamma": one.gamma * (chain.spot / 100.0),
        "vanna": one.vanna / 100.0,
        "charm_day": one.charm / _DAYS,
        "charm_minute": one.charm / _MINUTES,
        "delta": one.delta,
    }
    out = {name: np.full(len(chain), np.nan) for name in parts}
    for name, part in parts.items():
        out[name][live] = dollars * part
    return ByContract(position=held, iv=vols, **out)


def _totals(contracts: ByContract, *, known: bool) -> Totals:
    """Sum over contracts."""
    if not known:
        return Totals(None, None, None, None, None)
    return Totals(
        gamma=float(np.nansum(contracts.gamma)),
        vanna=float(np.nansum(contracts.vanna)),
        charm_day=float(np.nansum(contracts.charm_day)),
        charm_minute=float(np.nansum(contracts.charm_minute)),
        delta=float(np.nansum(contracts.delta)),
    )


def _grouped(where: IntArray, count: int, values: FloatArray) -> FloatArray:
    """Sum the finite values of each group; NaN for a group without any."""
    finite = np.isfinite(values)
    sums = np.bincount(where[finite], weights=values[finite], minlength=count)
    return np.where(np.bincount(where[finite], minlength=count) > 0, sums, np.nan)


def _by_strike(chain: Chain, contracts: ByContract) -> ByStrike:
    """Sum over expiries."""
    strikes, where = np.unique(chain.strikes, return_inverse=True)
    call = chain.is_call

    def total(values: FloatArray, mask: BoolArray | None = None) -> FloatArray:
        kept = values if mask is None else np.where(mask, values, np.nan)
        return _grouped(where, strikes.size, kept)

    return ByStrike(
        strikes=strikes,
        gamma_call=total(contracts.gamma, call),
        gamma_put=total(contracts.gamma, ~call),
        gamma=total(contracts.gamma),
        vanna=total(contracts.vanna),
        charm=total(contracts.charm_day),
        oi_call=total(chain.open_interest, call),
        oi_put=total(chain.open_interest, ~call),
    )


def _by_expiry(chain: Chain, contracts: ByContract) -> ByExpiry:
    """Sum over strikes."""
    expiries, where = np.unique(chain.expiries, return_inverse=True)
    years = np.zeros(expiries.size)
    years[where] = chain.years()
    return ByExpiry(
        expiries=expiries,
        days=years * _DAYS,
        gamma=_grouped(where, expiries.size, contracts.gamma),
        vanna=_grouped(where, expiries.size, contracts.vanna),
        charm=_grouped(where, expiries.size, contracts.charm_day),
    )


def _scales(
    chain: Chain, vols: FloatArray, years: FloatArray, live: BoolArray
) -> tuple[float, float]:
    """Return the standard deviation to the nearest live expiry and its strike spacing, in $."""
    front = live & (years == years[live].min())
    strikes = chain.strikes[front]
    at_money = np.argmin(np.abs(strikes - chain.spot))
    sd = chain.spot * float(vols[front][at_money]) * float(np.sqrt(years[front][0]))
    gaps = np.diff(np.unique(strikes))
    spacing = float(np.median(gaps)) if gaps.size else 0.01 * chain.spot
    return sd, spacing


def _sweep(chain: Chain, held: FloatArray, vols: FloatArray, live: BoolArray) -> GammaSweep:
    return GammaSweep(
        spot=chain.spot,
        strikes=chain.strikes[live],
        years=chain.years()[live],
        iv=vols[live],
        weight=held[live] * chain.multiplier[live],
        r=chain.r,
        q=chain.q,
    )


def _pain(chain: Chain) -> float | None:
    """Return max pain of the nearest expiry that is still alive."""
    alive = chain.years() > 0.0
    if not alive.any():
        return None
    front = alive & (chain.expiries == chain.expiries[alive].min())
    found = max_pain(
        strikes=chain.strikes[front],
        is_call=chain.is_call[front],
        open_interest=chain.open_interest[front],
        multiplier=chain.multiplier[front],
        spot=chain.spot,
    )
    return None if found is None else found.strike


def _levels(
    chain: Chain,
    by_strike: ByStrike,
    roots: Roots,
    values: FloatArray,
    *,
    sd: float,
    spacing: float,
    mode: WallMode,
) -> Levels:
    strikes, spot = by_strike.strikes, chain.spot
    call, put = np.nan_to_num(by_strike.gamma_call), np.nan_to_num(by_strike.gamma_put)
    call_wall, put_wall = walls(
        strikes=strikes, gamma_call=call, gamma_put=put, spot=spot, mode=mode
    )
    zero = trigger = reason = None
    if roots.spots.size:
        zero = float(roots.spots[np.argmin(np.abs(roots.spots - spot))])
        trigger = vol_trigger_proxy(
            strikes=strikes, gamma=call + put, zero_gamma=zero, sd=sd, spacing=spacing
        )
    else:
        total = values.sum()
        reason = ALWAYS_LONG if total > 0.0 else ALWAYS_SHORT if total < 0.0 else NO_GAMMA
    return Levels(
        zero_gamma=zero,
        zero_gamma_roots=tuple(float(root) for root in roots.spots),
        zero_gamma_slopes=tuple(int(slope) for slope in roots.slopes),
        zero_gamma_reason=reason,
        call_wall=call_wall,
        put_wall=put_wall,
        abs_gamma_strike=best_strike(strikes, np.abs(call) + np.abs(put), spot),
        vol_trigger_proxy=trigger,
        max_pain=_pain(chain),
    )
