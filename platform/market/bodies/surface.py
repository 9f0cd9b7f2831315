"""The volatility surface: fits by expiry with their quality, arbitrage, tables and one smile."""

from __future__ import annotations

from typing import Any

import numpy as np

from market.payloads import AbsentError, Payload, expiry_key, iso, number, numbers
from quant import sabr, surface
from quant.arrays import FloatArray
from quant.butterfly import Butterfly
from quant.chain import Chain
from quant.crossings import Crossing
from quant.smile_grid import risk_neutral_density, vols_at_deltas
from quant.surface_types import Quality, Surface, SurfaceSlice
from quant.svi import SVI

DELTAS = tuple(round(0.05 * step, 2) for step in range(19, 0, -1))
"""Call deltas of the tables, from the low strikes to the high."""
MONEYNESS = (0.80, 0.85, 0.90, 0.925, 0.95, 0.975, 1.0, 1.025, 1.05, 1.075, 1.10, 1.15, 1.20)
"""Strikes of the tables, over spot."""
UNITS = {
    "vol": "per sqrt(year)",
    "miss": "per sqrt(year)",
    "spreads": "half-spreads",
    "forward": "$",
    "strike": "$",
    "density": "per $",
}
_CURVE = 121
_MARGIN = 0.5  # deviations by which a curve goes on beyond the last quote


def surface_body(
    chain: Chain,
    *,
    time: int,
    head: Payload,
    expiry: str | None = None,
    tick: float = 0.01,
) -> Payload:
    """Return the surface of a chain.

    Parameters
    ----------
    chain
    time
        When it was known, ns UTC.
    head
        What the snapshot says of itself: symbol, run, source, simulated.
    expiry
        Whose smile is given in full, as `expiry_key` names it; None takes the nearest with a fit.
    tick
        Smallest price step, $.

    Raises
    ------
    AbsentError
        The chain has no expiry of that name ahead.
    """
    fitted = surface.fit(chain, tick=tick)
    chosen = _pick(fitted, expiry)
    return {
        **head,
        "time": iso(time),
        "spot": number(chain.spot),
        "style": "american" if chain.american else "european",
        "units": UNITS,
        "expiries": [_slice(one) for one in fitted.slices],
        "crossings": [_crossing(found, fitted) for found in fitted.crossings],
        "good": sum(one.good for one in fitted.slices),
        "by_delta": _by_delta(fitted),
        "by_strike": _by_strike(fitted),
        "expiry": None if chosen is None else expiry_key(chosen.expiry),
        "smile": None if chosen is None else _smile(chosen, chain),
    }


def _pick(fitted: Surface, wanted: str | None) -> SurfaceSlice | None:
    if wanted is None:
        good = [one for one in fitted.slices if one.good]
        return next(iter([*good, *fitted.slices]), None)
    for one in fitted.slices:
        if expiry_key(one.expiry) == wanted:
            return one
    raise AbsentError(f"no expiry {wanted} ahead; choose one of the chain's expiries")


def _slice(one: SurfaceSlice) -> Payload:
    smile = one.smile
    skew, bend = _wings(one)
    return {
        "expiry": expiry_key(one.expiry),
        "settlement": iso(one.expiry),
        "days": number(one.years * 365.0),
        "forward": number(one.forward),
        "discount": number(one.discount),
        "parity": one.parity,
        "model": one.model,
        "fault": one.fault,
        "vol": number(one.money_vol()),
        "quoted_vol": number(one.points.money) if one.points.k.size else None,
        "skew_25d": skew,
        "curvature_25d": bend,
        "quality": _quality(one.quality),
        "quotes": {
            "listed": one.points.quotes,
            "used": int(one.points.k.size),
            "unquoted": one.points.unquoted,
            "thin": one.points.thin,
            "far": one.points.far,
            "off": one.cliffs,
        },
        "svi": _named(smile) if one.model == "svi" and smile is not None else None,
        "jump_wings": None if one.jump_wings is None else _named(one.jump_wings),
        "closest": None
        if one.raw is None
        else _named(one.raw) | {"quality": _quality(one.raw_quality), "butterfly": _butterfly(one)},
        "sabr": None
        if one.sabr is None
        else _named(one.sabr.parameters) | {"quality": _quality(one.sabr_quality)},
        "essvi": None
        if one.essvi is None
        else _named(one.essvi.parameters)
        | {"held_back": one.essvi.held_back, "quality": _quality(one.essvi_quality)},
    }


def _named(parameters: Any) -> Payload:
    return {name: number(value) for name, value in parameters._asdict().items()}


def _quality(found: Quality | None) -> Payload | None:
    if found is None:
        return None
    numeric = {name: number(getattr(found, name)) for name in Quality._fields if name != "fault"}
    return numeric | {"good": found.good, "fault": found.fault}


def _wings(one: SurfaceSlice) -> tuple[float | None, float | None]:
    """Return the 25-delta put less call volatility, and their mean less that at the forward."""
    if one.smile is None:
        return None, None
    put, call = vols_at_deltas(one.smile, one.years, [0.75, 0.25]).tolist()
    return number(put - call), number(0.5 * (put + call) - one.money_vol())


def _butterfly(one: SurfaceSlice) -> Payload | None:
    """Return where the closest fit has a negative density, in strikes."""
    found: Butterfly | None = one.butterfly
    if found is None:
        return None
    return {
        "violated": found.violated,
        "least": number(found.least),
        "strike": number(_strike(one.forward, found.at)),
        "between": [
            [number(_strike(one.forward, low)), number(_strike(one.forward, high))]
            for low, high in found.intervals
        ],
        "steepest": number(found.steepest),
    }


def _strike(forward: float, k: float) -> float:
    return float(forward * np.exp(k))


def _crossing(found: Crossing, fitted: Surface) -> Payload:
    earlier, later = fitted.slices[found.earlier], fitted.slices[found.later]
    return {
        "earlier": expiry_key(earlier.expiry),
        "later": expiry_key(later.expiry),
        "from": number(_strike(later.forward, found.low)) if np.isfinite(found.low) else None,
        "to": number(_strike(later.forward, found.high)) if np.isfinite(found.high) else None,
        "strike": number(_strike(later.forward, found.at)),
        "size": number(found.size),
    }


def _by_delta(fitted: Surface) -> Payload:
    """Return the smiles' volatilities at call deltas; expiries without a smile have none."""
    rows = []
    for one in fitted.slices:
        vols = np.full(len(DELTAS), np.nan)
        if one.smile is not None:
            vols = vols_at_deltas(one.smile, one.years, DELTAS)
        rows.append({"expiry": expiry_key(one.expiry), "vol": numbers(vols)})
    return {"deltas": list(DELTAS), "rows": rows}


def _by_strike(fitted: Surface) -> Payload:
    """Return the smiles' volatilities at strikes, and which of them lie among the quotes."""
    strikes = fitted.spot * np.array(MONEYNESS)
    rows = []
    for one in fitted.slices:
        k = np.log(strikes / one.forward)
        inside = np.zeros(k.size, dtype=np.bool_)
        if one.points.k.size:
            inside = (k >= one.points.k[0]) & (k <= one.points.k[-1])
        vols = one.vol(strikes)
        rows.append(
            {
                "expiry": expiry_key(one.expiry),
                "vol": numbers(vols),
                "quoted": inside.tolist(),
            }
        )
    return {"moneyness": list(MONEYNESS), "strikes": numbers(strikes), "rows": rows}


def _smile(one: SurfaceSlice, chain: Chain) -> Payload:
    """Return the quotes of one expiry and every fit along its strikes."""
    points = one.points
    body: Payload = {
        "forward": number(one.forward),
        "minutes_left": one.years * 525_600.0,
        "points": {
            "strike": numbers(chain.strikes[points.where]),
            "right": ["call" if right else "put" for right in chain.is_call[points.where]],
            "bid": numbers(points.bid),
            "mid": numbers(points.mid),
            "ask": numbers(points.ask),
        },
        "curve": None,
    }
    if not points.k.size:
        return body
    margin = _MARGIN * points.money * np.sqrt(one.years)
    k = np.linspace(points.k[0] - margin, points.k[-1] + margin, _CURVE)
    strikes = one.forward * np.exp(k)
    density = np.full(k.size, np.nan)
    if one.smile is not None:
        density = risk_neutral_density(one.smile, one.forward, strikes)
    body["curve"] = {
        "strike": numbers(strikes),
        "smile": numbers(one.vol(strikes)),
        "closest": numbers(_vols(one.raw, k, one.years)),
        "sabr": numbers(_sabr(one, k)),
        "essvi": numbers(
            _vols(None if one.essvi is None else one.essvi.parameters.raw(), k, one.years)
        ),
        "density": numbers(density),
    }
    return body


def _vols(smile: SVI | None, k: FloatArray, years: float) -> FloatArray:
    return np.full(k.size, np.nan) if smile is None else smile.vol(k, years)


def _sabr(one: SurfaceSlice, k: FloatArray) -> FloatArray:
    if one.sabr is None:
        return np.full(k.size, np.nan)
    return sabr.vol(np.exp(k), 1.0, one.years, *one.sabr.parameters)
