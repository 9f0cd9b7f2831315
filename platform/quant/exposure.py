"""Dealer gamma, vanna, charm and delta exposure of an option chain, and the levels it implies.

Every figure is in $ of delta that the dealers' book gains: a positive gamma exposure means that
dealers sell rallies and buy dips, which dampens moves, and a negative one that they buy rallies
and sell dips, which amplifies them. Who holds which side is an assumption, never an observation,
and each result carries its name (`sign`).
"""

from dataclasses import dataclass

import numpy as np

from quant.arrays import BoolArray, FloatArray, FloatLike
from quant.chain import Chain
from quant.exposure_sums import PerContract, by_expiry, by_strike, per_contract, status_of, totals
from quant.exposure_types import (
    ALWAYS_LONG,
    ALWAYS_SHORT,
    LEVELS,
    NO_GAMMA,
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
from quant.gamma_sweep import BookAtSpots, GammaSweep, Roots, book_at, find_roots, sweep_grid
from quant.levels import WallMode, best_strike, max_pain, vol_trigger_proxy, walls

__all__ = [
    "SIGNS",
    "UNITS",
    "ByContract",
    "ByExpiry",
    "ByStrike",
    "Hypotheses",
    "Levels",
    "Profile",
    "Sign",
    "Totals",
    "dealer_positions",
    "hedge_trade",
    "hedging",
    "hypotheses",
    "profile",
]


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
    one = per_contract(chain, iv)
    grid = None if spots is None else np.asarray(spots, dtype=np.float64)
    return _profile(chain, held, one, sign, grid, wall_mode)


@dataclass(frozen=True, slots=True, eq=False)
class Hypotheses:
    """One chain under every assumption on dealers' positions, side by side.

    Attributes
    ----------
    profiles : dict of Profile by sign
        "flow" only when positions from signed trades were given.
    robust : dict of bool or None, by the names of `LEVELS`
        Whether the level lies within half a strike step under every assumption that gives
        dealers a side; None where none of them has it.
    regime_robust : bool or None
        Whether net gamma has one sign under all of those; None without figures.
    """

    profiles: dict[Sign, Profile]
    robust: dict[str, bool | None]
    regime_robust: bool | None


def hypotheses(
    chain: Chain,
    iv: FloatLike | None = None,
    *,
    positions: FloatLike | None = None,
    wall_mode: WallMode = "gross",
) -> Hypotheses:
    """Return the exposure of a chain under every sign assumption, its Greeks computed once.

    Parameters
    ----------
    chain, iv, positions, wall_mode
        As in `profile`; without `positions` the assumption "flow" is left out.
    """
    one = per_contract(chain, iv)
    signs: list[Sign] = [sign for sign in SIGNS if sign != "flow" or positions is not None]
    profiles: dict[Sign, Profile] = {}
    for sign in signs:
        held = dealer_positions(chain, sign, positions if sign == "flow" else None)
        profiles[sign] = _profile(chain, held, one, sign, None, wall_mode)
    told = [done for sign, done in profiles.items() if sign != "none" and done.status == OK]
    robust = {name: _agree([getattr(done.levels, name) for done in told], told) for name in LEVELS}
    gammas = [done.totals.gamma or 0.0 for done in told]
    regime = len({gamma > 0.0 for gamma in gammas}) == 1 if gammas else None
    return Hypotheses(profiles, robust, regime)


def _agree(levels: list[float | None], told: list[Profile]) -> bool | None:
    """Say whether a level is the same under all assumptions, to half a strike step."""
    known = [level for level in levels if level is not None]
    if not known:
        return None
    steps = [done.step for done in told if done.step is not None]
    near = max(known) - min(known) <= 0.5 * min(steps, default=0.0)
    return len(known) == len(levels) and near


def _profile(
    chain: Chain,
    held: FloatArray,
    one: PerContract,
    sign: Sign,
    grid: FloatArray | None,
    mode: WallMode,
) -> Profile:
    """Scale exposures per contract by what is held, and sum, sweep and search them."""
    live = one.priced & np.isfinite(held)
    status = status_of(one, held, sign)
    shown = live if status == OK else np.zeros_like(live)
    scaled = {name: np.where(shown, held * value, np.nan) for name, value in one.values.items()}
    contracts = ByContract(position=held, iv=one.iv, **scaled)
    strikes = by_strike(chain, contracts)
    step = None
    if status == OK:
        sd, step = _scales(chain, one.iv, one.years, live)
        search = sweep_grid(spot=chain.spot, sd=sd, spacing=step)
        sweep = _sweep(chain, held, one, live)
        values = sweep(search)
        roots = find_roots(sweep, search, values)
        levels = _levels(chain, strikes, roots, values, sd=sd, spacing=step, mode=mode)
        spots, gamma = (search, values) if grid is None else (grid, sweep(grid))
        book = _book(spots, chain, held, one, live)
    else:
        levels = Levels(zero_gamma_reason=status, max_pain=_pain(chain), reason=status)
        spots = np.empty(0) if grid is None else grid
        gamma = np.full(spots.shape, np.nan)
        book = BookAtSpots(gamma, gamma, gamma)
    return Profile(
        status=status,
        sign=sign,
        contracts=contracts,
        totals=totals(chain, contracts) if status == OK else Totals(),
        by_strike=strikes,
        by_expiry=by_expiry(chain, contracts),
        levels=levels,
        spots=spots,
        gamma=gamma,
        vanna=book.vanna,
        charm_day=book.charm_day,
        delta=book.delta,
        left_out=int(np.count_nonzero((one.years > 0.0) & ~live)),
        step=step,
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


def _sweep(chain: Chain, held: FloatArray, one: PerContract, live: BoolArray) -> GammaSweep:
    return GammaSweep(
        spot=chain.spot,
        strikes=chain.strikes[live],
        years=one.years[live],
        iv=one.iv[live],
        weight=held[live] * chain.multiplier[live],
        r=chain.r,
        q=chain.q,
    )


def _book(
    spots: FloatArray, chain: Chain, held: FloatArray, one: PerContract, live: BoolArray
) -> BookAtSpots:
    return book_at(
        spots,
        spot=chain.spot,
        strikes=chain.strikes[live],
        years=one.years[live],
        iv=one.iv[live],
        weight=held[live] * chain.multiplier[live],
        is_call=chain.is_call[live],
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
