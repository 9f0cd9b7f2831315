"""A vendor's volatilities and Greeks against ours, with what explains the difference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from market.payloads import Payload, expiry_key, iso, number
from quant import american, bsm, fields
from quant.arrays import FloatArray
from quant.chain import Chain
from quant.implied_vol import ChainVols, chain_iv
from quant.vendor import Compared, compare, scale

GREEKS = ("delta", "gamma", "theta", "vega", "rho")
_SMALLEST = {"delta": 0.05, "gamma": 1e-3, "theta": 0.05, "vega": 0.05, "rho": 0.05}
"""In the market's units: below them a vendor's digits end."""
_POINT = 0.01
_SIDES = 0.5 * _POINT
_SAME = 0.25 * _POINT
_EARLY = 0.1 * _POINT


def vendor_body(
    chain: Chain,
    columns: Mapping[str, FloatArray],
    *,
    time: int,
    head: Payload,
    tick: float,
) -> Payload | None:
    """Return the comparison, None when the snapshot carries no vendor's figures.

    Parameters
    ----------
    chain
    columns
        The snapshot's; `vendor_iv`, `vendor_delta` and so on are looked at.
    time
        When it was known, ns UTC.
    head
        What the snapshot says of itself: symbol, run, source, simulated.
    tick
        Smallest price step, $.
    """
    theirs = columns.get("vendor_iv")
    if theirs is None or not np.isfinite(theirs).any():
        return None
    vols = american.chain_vols(chain, tick)
    european = chain_iv(chain, tick) if chain.american else vols
    found = compare(chain, vols, theirs, tick)
    plain = compare(chain, european, theirs, tick)
    return {
        **head,
        "time": iso(time),
        "spot": number(chain.spot),
        "style": "american" if chain.american else "european",
        "expiries": [_expiry(one, other) for one, other in zip(found, plain, strict=True)],
        "greeks": _greeks(chain, vols, columns),
    }


def _expiry(one: Compared, european: Compared) -> Payload:
    return {
        "expiry": expiry_key(one.expiry),
        "days": number(one.years * 365.0),
        "contracts": one.contracts,
        "ours_only": one.ours_only,
        "theirs_only": one.theirs_only,
        "ratio": number(one.ratio),
        "clock_minutes": number(one.clock_minutes) if one.steady else None,
        "left": number(one.left),
        "left_95": number(one.left_95),
        "calls": number(one.calls),
        "puts": number(one.puts),
        "european_left": number(european.left),
        "reasons": _reasons(one, european),
    }


def _reasons(one: Compared, european: Compared) -> list[str]:
    """Say in words what the difference is made of."""
    if not np.isfinite(one.ratio):
        return [f"only {one.contracts} contracts have both volatilities"]
    said = []
    if one.steady:
        longer = "longer" if one.clock_minutes > 0.0 else "shorter"
        said.append(
            f"clock: the vendor counts {abs(one.clock_minutes):.0f} minutes {longer} to settlement"
        )
    if np.isfinite(one.calls) and np.isfinite(one.puts) and abs(one.calls - one.puts) > _SIDES:
        high = "calls" if one.calls > one.puts else "puts"
        said.append(f"forward: ours is higher on {high}, so rate, yield or spot differ")
    if european.left < one.left - _EARLY:
        said.append("exercise: the vendor inverts American quotes as European ones")
    if one.left <= _SAME:
        said.append("what is left is within a quarter of a point")
    elif not said:
        said.append("no single cause: volatilities scatter by more than quotes do")
    return said


def _greeks(chain: Chain, vols: ChainVols, columns: Mapping[str, FloatArray]) -> list[Payload]:
    """Return each Greek of the vendor as a multiple of ours, at the vendor's volatility."""
    present = [name for name in GREEKS if f"vendor_{name}" in columns]
    if not present:
        return []
    r, q = american.chain_rates(chain, vols)
    sigma = columns["vendor_iv"]
    ours = bsm.greeks(
        chain.spot, chain.strikes, chain.years(), r, q, sigma, chain.is_call, names=present
    ).quoted()
    out = []
    for name in present:
        found = scale(ours.values[name], columns[f"vendor_{name}"], _SMALLEST[name])
        out.append(
            {
                "name": name,
                "unit": fields.QUOTES[name].unit,
                "contracts": found.contracts,
                "ratio": number(found.ratio),
                "spread": number(found.spread),
            }
        )
    return out
