"""The volatility surface of a chain: fitted, checked for arbitrage, honest about its quality.

Each expiry is fitted three ways. SVI follows the quotes most closely; SABR gives the parameters
that traders speak of; eSSVI slices, fitted in order so that they cannot cross, are free of
arbitrage by their form. What the closest SVI fits have of butterfly and calendar arbitrage is
reported, with place and size. An expiry's smile is SVI held free of both; where that is not good,
the eSSVI slice where that one is; else none, and the reason is said. Between expiries prices are
interpolated so that nothing of either kind comes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from quant import american, sabr, ssvi, svi
from quant.arrays import FloatArray
from quant.chain import Chain
from quant.crossings import Crossing, crossing
from quant.forwards import ForwardCurve, ForwardSource
from quant.implied_vol import ChainVols, chain_iv
from quant.smile_points import Points, cliffs, smile_points
from quant.surface_types import Model, Quality, Surface, SurfaceSlice, quality
from quant.svi import SVI

__all__ = ["Quality", "Surface", "SurfaceSlice", "fit"]


def fit(
    chain: Chain,
    vols: ChainVols | None = None,
    *,
    tick: float = 0.01,
    curve: ForwardCurve | None = None,
) -> Surface:
    """Fit a surface to a chain's quotes.

    Parameters
    ----------
    chain : Chain
    vols : ChainVols, optional
        Its implied volatilities, when they are known; for American contracts those of
        `quant.american.chain_vols`, which is also what is computed when they are not.
    tick : float
        Smallest price step, in currency.
    curve : ForwardCurve, optional
        Forwards to use where volatilities are not given.

    Returns
    -------
    Surface
    """
    known = vols if vols is not None else _vols(chain, tick, curve)
    points = smile_points(chain, known, tick)
    slices = [one for one in _slices(chain, known, points) if one.years > 0.0]
    slices, crossings = _with_svi(slices)
    slices = _with_smiles(_with_essvi(_with_sabr(slices)))
    return Surface(chain.time, chain.spot, tuple(slices), tuple(crossings))


def _vols(chain: Chain, tick: float, curve: ForwardCurve | None) -> ChainVols:
    if chain.american and curve is None:
        return american.chain_vols(chain, tick)
    return chain_iv(chain, tick, curve=curve)


def _slices(chain: Chain, vols: ChainVols, points: list[Points]) -> list[SurfaceSlice]:
    """Return the expiries with their points and nothing fitted yet."""
    expiries, first = np.unique(chain.expiries, return_index=True)
    years = chain.years()[first].tolist()
    return [
        SurfaceSlice(
            expiry=expiry,
            years=years[row],
            forward=float(vols.forward[at]),
            discount=float(vols.discount[at]),
            parity=bool(vols.source[at] == ForwardSource.PARITY),
            points=points[row],
        )
        for row, (expiry, at) in enumerate(zip(expiries.tolist(), first.tolist(), strict=True))
    ]


def _smile(one: SurfaceSlice) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    return one.points.k, one.points.mid, one.years, one.points.weights(one.years)


def _judged(one: SurfaceSlice, raw: SVI) -> Quality:
    fitted, money = raw.vol(one.points.k, one.years), raw.vol(0.0, one.years).item()
    return quality(one.points, one.years, fitted, money)


def _with_svi(slices: list[SurfaceSlice]) -> tuple[list[SurfaceSlice], list[Crossing]]:
    """Fit SVI as closely as it goes, leave out what falls off, and report its arbitrage."""
    fits = svi.calibrate_many([_smile(one) for one in slices], threads=1)
    cleared = [_cleared(one, found) for one, found in zip(slices, fits, strict=True)]
    again = [row for row, one in enumerate(cleared) if one is not slices[row]]
    anew = svi.calibrate_many([_smile(cleared[row]) for row in again], threads=1)
    for row, found in zip(again, anew, strict=True):
        fits[row] = found
    told = [row for row, found in enumerate(fits) if found is not None]
    raws = [found.raw for found in fits if found is not None]
    for row, raw, butterfly in zip(told, raws, svi.butterflies(raws), strict=True):
        one = cleared[row]
        cleared[row] = replace(one, raw=raw, raw_quality=_judged(one, raw), butterfly=butterfly)
    crossings = [
        crossing(raws[i], raws[i + 1], (told[i], told[i + 1]), slices[told[i + 1]].years)
        for i in range(len(raws) - 1)
    ]
    return cleared, [found for found in crossings if found is not None]


def _cleared(one: SurfaceSlice, found: svi.SVIFit | None) -> SurfaceSlice:
    """Return the slice without the points that fall off its fit; itself when there are none."""
    if found is None:
        return one
    off = cliffs(one.points, found.raw.vol(one.points.k, one.years) - one.points.mid)
    dropped = int(np.count_nonzero(off))
    if not dropped or off.size - dropped < svi.LEAST_POINTS:
        return one
    return replace(one, points=one.points.keep(~off), cliffs=dropped)


def _with_sabr(slices: list[SurfaceSlice]) -> list[SurfaceSlice]:
    smiles = [(np.exp(k), 1.0, years, iv, weight) for k, iv, years, weight in map(_smile, slices)]
    out = []
    for one, found in zip(slices, sabr.calibrate_many(smiles, threads=1), strict=True):
        if found is None:
            out.append(one)
            continue
        places = np.exp(np.append(one.points.k, 0.0))
        model = sabr.vol(places, 1.0, one.years, *found.parameters)
        judged = quality(one.points, one.years, model[:-1], model[-1].item(), also=found.fault)
        out.append(replace(one, sabr=found, sabr_quality=judged))
    return out


def _with_essvi(slices: list[SurfaceSlice]) -> list[SurfaceSlice]:
    out = []
    for one, found in zip(slices, ssvi.fit([_smile(one) for one in slices]), strict=True):
        if found is None:
            out.append(one)
            continue
        judged = _judged(one, found.parameters.raw())
        if judged.fault is not None and found.held_back:
            judged = judged._replace(fault=f"{judged.fault}, held back by an earlier expiry")
        out.append(replace(one, essvi=found, essvi_quality=judged))
    return out


def _with_smiles(slices: list[SurfaceSlice]) -> list[SurfaceSlice]:
    """Choose each expiry's smile, nearest first; none crosses the one before."""
    out: list[SurfaceSlice] = []
    floor: SVI | None = None
    for one in slices:
        chosen = _chosen(one, floor)
        out.append(chosen)
        floor = chosen.smile if chosen.smile is not None else floor
    return out


def _chosen(one: SurfaceSlice, floor: SVI | None) -> SurfaceSlice:
    """Return the slice with its smile, or with what speaks against each candidate."""
    against: dict[Model, str] = {}
    if one.raw is None:
        against["svi"] = f"{one.points.k.size} usable quotes, and SVI needs {svi.LEAST_POINTS}"
    for model, smile in _candidates(one, floor):
        judged = _judged(one, smile)
        free = smile is one.raw or _free(smile, floor, one.years)
        if judged.good and free:
            return replace(
                one,
                model=model,
                smile=smile,
                quality=judged,
                jump_wings=svi.to_jump_wings(smile, one.years),
                fault=against.get("svi") if model == "essvi" else None,
            )
        reason = judged.fault or "cannot be held free of arbitrage"
        against.setdefault(model, f"{_NAMES[model]} {reason}")
    return replace(one, fault="; ".join(against.values()))


_NAMES: dict[Model, str] = {"svi": "SVI", "essvi": "eSSVI"}


def _candidates(one: SurfaceSlice, floor: SVI | None) -> Iterator[tuple[Model, SVI]]:
    """Yield the smiles to try in turn.

    The closest fit if it is free; fits held free from it, from the eSSVI slice, and from the
    earlier smile lifted to this expiry's level, which is free already; the eSSVI slice.
    """
    other = None if one.essvi is None else one.essvi.parameters.raw()
    if one.raw is not None and one.butterfly is not None:
        if not one.butterfly.violated and not _crosses(floor, one.raw, one.years):
            yield "svi", one.raw
        starts = [one.raw, other]
        if floor is not None:
            lift = one.points.money**2 * one.years - floor.total_variance(0.0).item()
            starts.append(floor._replace(a=floor.a + max(lift, 0.0)))
        for start in starts:
            if start is not None:
                held = svi.calibrate_free(*_smile(one), start=start, floor=floor)
                if held is not None:
                    yield "svi", held.raw
    if other is not None:
        yield "essvi", other


def _free(smile: SVI, floor: SVI | None, years: float) -> bool:
    return not _crosses(floor, smile, years) and svi.free_of_butterflies(smile)


def _crosses(floor: SVI | None, smile: SVI, years: float) -> bool:
    return floor is not None and crossing(floor, smile, (0, 1), years) is not None
