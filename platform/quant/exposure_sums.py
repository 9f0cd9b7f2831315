"""Exposure of one contract at a time, and its sums: what every sign assumption shares."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from quant.arrays import BoolArray, FloatArray, FloatLike, IntArray
from quant.bsm import greeks
from quant.chain import Chain
from quant.exposure_types import (
    ALL_EXPIRED,
    NO_CONTRACTS,
    NO_OPEN_INTEREST,
    NO_POSITIONS,
    NO_VOLATILITY,
    OK,
    ByContract,
    ByExpiry,
    ByStrike,
    Sign,
    Totals,
)
from quant.smile import contract_vols

_DAYS = 365.0
_MINUTES = 525_600.0


class PerContract(NamedTuple):
    """Exposure of one contract held long, by name of `UNITS`; what it was computed from."""

    years: FloatArray
    iv: FloatArray
    priced: BoolArray
    values: Mapping[str, FloatArray]


def per_contract(chain: Chain, iv: FloatLike | None) -> PerContract:
    """Compute the Greeks of every unexpired contract with a volatility, scaled to dollars."""
    vols = contract_vols(chain) if iv is None else np.asarray(iv, dtype=np.float64)
    if vols.shape != chain.strikes.shape:
        raise ValueError(f"iv has shape {vols.shape}, the chain {len(chain)}")
    years = chain.years()
    priced = (years > 0.0) & np.isfinite(vols) & (vols > 0.0)
    strikes, is_call, spot = chain.strikes[priced], chain.is_call[priced], chain.spot
    one = greeks(
        spot, strikes, years[priced], chain.r, chain.q, vols[priced], is_call,
        names=("gamma", "vanna", "charm", "delta", "speed", "zomma", "color"),
    )  # fmt: skip
    per_percent = spot / 100.0
    side = np.where(is_call, 1.0, -1.0)
    inside = np.heaviside(side * (spot - strikes), 0.5)
    settled = side * np.exp(-chain.q * years[priced]) * inside
    parts = {
        "gamma": one.gamma * per_percent,
        "vanna": one.vanna / 100.0,
        "charm_day": one.charm / _DAYS,
        "charm_minute": one.charm / _MINUTES,
        "charm_to_close": settled - one.delta,
        "delta": one.delta,
        "speed": one.speed * per_percent * per_percent,
        "zomma": one.zomma * per_percent / 100.0,
        "color": one.color * per_percent / _DAYS,
    }
    dollars = chain.multiplier[priced] * spot
    values = {name: np.full(len(chain), np.nan) for name in parts}
    for name, part in parts.items():
        values[name][priced] = dollars * part
    return PerContract(years, vols, priced, values)


def status_of(one: PerContract, held: FloatArray, sign: Sign) -> str:
    """Return "ok" or why nothing can be computed."""
    alive = one.years > 0.0
    owned = alive & np.isfinite(held) & (held != 0.0)
    if not alive.size:
        return NO_CONTRACTS
    if not alive.any():
        return ALL_EXPIRED
    if not owned.any():
        return NO_POSITIONS if sign == "flow" else NO_OPEN_INTEREST
    if not np.any(owned & one.priced):
        return NO_VOLATILITY
    return OK


def totals(chain: Chain, contracts: ByContract) -> Totals:
    """Sum over contracts."""
    front = chain.expiries == chain.expiries[chain.expiries > chain.time].min()
    names = Totals.__dataclass_fields__
    sums = {name: float(np.nansum(getattr(contracts, name))) for name in names}
    sums["charm_to_close"] = float(np.nansum(contracts.charm_to_close[front]))
    return Totals(**sums)


def _grouped(where: IntArray, count: int, values: FloatArray) -> FloatArray:
    """Sum the finite values of each group; NaN for a group without any."""
    finite = np.isfinite(values)
    sums = np.bincount(where[finite], weights=values[finite], minlength=count)
    return np.where(np.bincount(where[finite], minlength=count) > 0, sums, np.nan)


_SUMMED = {
    "gamma": "gamma", "vanna": "vanna", "charm": "charm_day", "delta": "delta",
    "speed": "speed", "zomma": "zomma", "color": "color",
}  # fmt: skip


def by_strike(chain: Chain, contracts: ByContract) -> ByStrike:
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
        oi_call=total(chain.open_interest, call),
        oi_put=total(chain.open_interest, ~call),
        **{name: total(getattr(contracts, of)) for name, of in _SUMMED.items()},
    )


def by_expiry(chain: Chain, contracts: ByContract) -> ByExpiry:
    """Sum over strikes."""
    expiries, where = np.unique(chain.expiries, return_inverse=True)
    years = np.zeros(expiries.size)
    years[where] = chain.years()
    summed = {**_SUMMED, "charm_to_close": "charm_to_close"}
    return ByExpiry(
        expiries=expiries,
        days=years * _DAYS,
        **{
            name: _grouped(where, expiries.size, getattr(contracts, of))
            for name, of in summed.items()
        },
    )
