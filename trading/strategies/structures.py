"""Which contracts: the legs of a structure out of a chain, by delta and expiry, or why none fits.

Every structure here loses no more than is known beforehand: the premium of an option, the debit
of a vertical, or the width of a vertical less its credit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import numpy as np

from quant import bsm
from quant.account_classes import Structure
from quant.arrays import BoolArray, FloatArray, IntArray
from quant.chain import Chain
from quant.implied_vol import chain_iv
from quant.smile import contract_vols
from tools_app.decisions import Reading, Risked
from trading.strategies.config import StructureRules

DAY_NS: Final = 86_400 * 1_000_000_000
NEAR: Final = 0.15
"""How far a leg's |delta| may lie from what is asked for."""
TICK: Final = Decimal("0.01")
SHARE: Final = 0.05
"""Of a leg's open interest that a trade takes at most; the risk gate's limit is no less."""
BEYOND: Final = 0.10
BEYOND_TICKS: Final = 3
"""How far beyond the middle a limit goes: a share of it, or so many ticks a leg. The risk gate's
collar is no tighter."""
_SIDES: Final = {Reading.LONG: 1, Reading.SHORT: -1}


@dataclass(frozen=True, slots=True)
class Leg:
    """A contract by its position in the chain, how many a unit buys, and what was seen of it."""

    place: int
    ratio: int
    strike: float
    is_call: bool
    delta: float
    bid: float
    ask: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """One unit of a structure.

    Attributes
    ----------
    kind : Structure
    legs : tuple of Leg
    expiry : int
        Settlement, ns UTC.
    multiplier : float
    mid, natural : float
        $ a unit of the underlying to pay: at the middles, and at the far sides of the quotes;
        below 0 to receive.
    limit : Decimal
        At which it is asked for: natural, but no farther from the middle than the collar.
    unit : Risked
        In $.
    reasons : tuple of str
    """

    kind: Structure
    legs: tuple[Leg, ...]
    expiry: int
    multiplier: float
    mid: float
    natural: float
    limit: Decimal
    unit: Risked
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why no structure fits."""

    reasons: tuple[str, ...]


def choose(
    chain: Chain, reading: Reading, rules: StructureRules, *, range_: float | None = None
) -> Chosen | Refused:
    """Return the structure that a reading asks for, or why there is none.

    Parameters
    ----------
    chain : Chain
    reading : Reading
        Long or short; no structure here trades a reading of volatility.
    rules : StructureRules
    range_ : float, optional
        Average true range of the underlying, $, for sizing.
    """
    side = _SIDES.get(reading)
    kind = Structure(rules.kind)
    if side is None:
        return _refused(f"A {kind.replace('_', ' ')} takes a side, and {reading} has none")
    expiry = _expiry(chain, rules)
    if isinstance(expiry, Refused):
        return expiry
    is_call = (side > 0) == (kind != Structure.CREDIT_VERTICAL)
    part = np.flatnonzero(chain.expiries == expiry)
    deltas = _deltas(chain.select(part))
    of_side = part[chain.is_call[part] == is_call], deltas[chain.is_call[part] == is_call]
    picked = _legs(chain, *of_side, kind, rules)
    if isinstance(picked, Refused):
        return picked
    return _priced(chain, kind, picked, expiry, rules, range_)


def sides(legs: Sequence[tuple[int, float, float]]) -> tuple[float, float]:
    """Return the middle and the far side of a package from its (ratio, bid, ask), $ to pay.

    NaN where a leg has no two-sided quote.
    """
    known = all(math.isfinite(bid + ask) and 0.0 <= bid <= ask for _, bid, ask in legs)
    if not known:
        return math.nan, math.nan
    mid = math.fsum(ratio * 0.5 * (bid + ask) for ratio, bid, ask in legs)
    natural = math.fsum(ratio * (ask if ratio > 0 else bid) for ratio, bid, ask in legs)
    return mid, natural


def limit_at(mid: float, natural: float, legs: int) -> Decimal:
    """Return the price to ask for: the far side, no farther from the middle than the collar."""
    most = mid + max(BEYOND * abs(mid), BEYOND_TICKS * float(TICK) * legs)
    cents = Decimal(repr(round(min(natural, most), 9)))
    return cents.quantize(TICK, rounding=ROUND_FLOOR)


def _refused(*reasons: str) -> Refused:
    return Refused(tuple(f"{one}." for one in reasons))


def _expiry(chain: Chain, rules: StructureRules) -> int | Refused:
    values = chain.expiry_values()
    days = (values - chain.time) / DAY_NS
    fits = (days >= rules.least_days) & (days <= rules.most_days) & (days > 0)
    if not fits.any():
        told = f"No expiry is {rules.least_days:g} to {rules.most_days:g} days away"
        return _refused(f"{told}; {_days_there(days)}")
    found = values[fits]
    return int(found[np.argmin(np.abs(days[fits] - rules.days))])


def _days_there(days: FloatArray) -> str:
    ahead = [f"{day:.1f}" for day in days[days > 0][:4].tolist()]
    return f"the nearest are {', '.join(ahead)}" if ahead else "none is ahead"


def _deltas(part: Chain) -> FloatArray:
    """Return the spot delta of each contract of one expiry, NaN without a volatility."""
    vols = chain_iv(part)
    sigma = contract_vols(part, vols)
    years = np.maximum(part.years(), 1e-9)
    rate = -np.log(vols.discount) / years
    carry = rate - np.log(vols.forward / part.spot) / years
    found = bsm.greeks(
        part.spot, part.strikes, years, rate, carry, sigma, part.is_call, names=("delta",)
    )
    deltas: FloatArray = found.delta
    return deltas


def _legs(
    chain: Chain, places: IntArray, deltas: FloatArray, kind: Structure, rules: StructureRules
) -> tuple[Leg, ...] | Refused:
    quoted = (chain.bids[places] > 0) & (chain.asks[places] > chain.bids[places])
    # What is not known is left to the risk gate.
    usable = quoted & np.isfinite(deltas) & ~(chain.open_interest[places] < rules.interest)
    near = _nearest(deltas, usable, rules.near)
    if near is None:
        return _refused(f"No quoted contract of this expiry has a delta near {rules.near:.2f}")
    if kind == Structure.LONG_OPTION:
        return (_leg(chain, places, deltas, near, 1),)
    farther = usable & (np.abs(deltas) < abs(deltas[near])) & _beyond(chain, places, near)
    far = _nearest(deltas, farther, rules.far)
    if far is None:
        return _refused(f"No quoted contract farther out has a delta near {rules.far:.2f}")
    sold = kind == Structure.CREDIT_VERTICAL
    pair = ((near, -1), (far, 1)) if sold else ((near, 1), (far, -1))
    return tuple(_leg(chain, places, deltas, at, ratio) for at, ratio in pair)


def _nearest(deltas: FloatArray, usable: BoolArray, wanted: float) -> int | None:
    if not usable.any():
        return None
    off = np.where(usable, np.abs(np.abs(deltas) - wanted), np.inf)
    found = int(np.argmin(off))
    return found if off[found] <= NEAR else None


def _beyond(chain: Chain, places: IntArray, near: int) -> BoolArray:
    """Return the contracts whose strikes are farther out of the money than one's."""
    strikes, is_call = chain.strikes[places], chain.is_call[places]
    out: BoolArray = np.where(is_call, strikes > strikes[near], strikes < strikes[near])
    return out


def _leg(chain: Chain, places: IntArray, deltas: FloatArray, at: int, ratio: int) -> Leg:
    place = int(places[at])
    return Leg(
        place, ratio, float(chain.strikes[place]), bool(chain.is_call[place]), float(deltas[at]),
        float(chain.bids[place]), float(chain.asks[place]),
    )  # fmt: skip


def _room(chain: Chain, legs: tuple[Leg, ...]) -> int | None:
    """Return the units that are displayed in every leg, within the share of its interest."""
    parts = []
    for leg in legs:
        sizes = chain.ask_sizes if leg.ratio > 0 else chain.bid_sizes
        parts += [float(sizes[leg.place]), SHARE * float(chain.open_interest[leg.place])]
    known = [part for part in parts if math.isfinite(part)]
    return int(min(known)) if known else None


def _priced(
    chain: Chain,
    kind: Structure,
    legs: tuple[Leg, ...],
    expiry: int,
    rules: StructureRules,
    range_: float | None,
) -> Chosen | Refused:
    mid, natural = sides([(leg.ratio, leg.bid, leg.ask) for leg in legs])
    half = natural - mid
    if half > max(rules.widest * abs(mid), 2 * float(TICK)):
        return _refused(
            f"The market is too wide: ${half:.2f} from the middle of ${mid:.2f} to the far side"
        )
    limit = limit_at(mid, natural, len(legs))
    many = {float(chain.multiplier[leg.place]) for leg in legs}
    if len(many) != 1:
        return _refused("The contracts stand for different numbers of units")
    multiplier = many.pop()
    width = abs(legs[0].strike - legs[-1].strike)
    price = float(limit)
    if kind == Structure.LONG_OPTION:
        loss, win = price, None
    elif kind == Structure.DEBIT_VERTICAL:
        loss, win = price, width - price
    else:
        loss, win = width + price, -price
    if loss <= 0.0 or (win is not None and win <= 0.0):
        return _refused(f"At ${price:.2f} over a width of ${width:.2f} it can win or lose nothing")
    delta = multiplier * math.fsum(leg.ratio * leg.delta for leg in legs)
    unit = Risked(
        loss * multiplier, None if win is None else win * multiplier, delta, range_,
        _room(chain, legs),
    )  # fmt: skip
    days = (expiry - chain.time) / DAY_NS
    words = " and ".join(
        f"{'buys' if leg.ratio > 0 else 'sells'} {leg.strike:g} {'call' if leg.is_call else 'put'} "
        f"at a delta of {leg.delta:+.2f}"
        for leg in legs
    )
    said = (
        f"A {kind.replace('_', ' ')} {words}, {days:.1f} days to settlement.",
        f"It asks for ${price:+.2f}: middle ${mid:+.2f}, far side ${natural:+.2f}.",
    )
    return Chosen(kind, legs, expiry, multiplier, mid, natural, limit, unit, said)
