"""How the options that are held may end: in the money, near their strike, with how many shares.

The law is lognormal without drift, under the volatility that each option's own price implies: the
market's measure and no forecast. A position in the money at the cut-off is exercised or assigned
(OCC Rule 805), so its chance is N(d2) for a call and N(-d2) for a put (Black and Scholes 1973);
a contract short is taken to be assigned for certain then, which is the worst.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from market.kept import Kept
from market.snapshot import EPOCH
from quant import assignment, pins
from trading.risk.facts import Instrument

MOST_YEARS: Final = 8.0 / 365.0
"""Further away an end says nothing yet: a week and a day."""
_NARROW: Final = 0.005
"""Half width as a share of the strike where no neighbour says how wide the strikes stand."""
Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """An option that is held, with what it is known by: prices in $, time to its settlement."""

    instrument: Instrument
    quantity: Decimal
    spot: float
    mid: float
    sigma: float
    years: float
    rate: float
    half_width: float


def endings(held: Sequence[Ending]) -> list[Payload]:
    """Return of each option that ends within days how it may end, the soonest first.

    `in_money` and `near` are probabilities: of exercise or assignment, and of settling within
    `half_width` of the strike. `distance` is E|S - K| at settlement, $. `shares` are those that
    come (below 0 go) on the average, `shares_sd` their standard deviation
    M |Q| sqrt(p (1 - p)); None where cash is paid. `early` says of a short American put whether
    its holder does better by exercising tonight; None of others: of calls that hangs on dividends.
    """
    soon = [one for one in held if 0.0 < one.years <= MOST_YEARS]
    soon.sort(key=lambda one: (one.years, one.instrument.symbol))
    return [_ending(one) for one in soon]


def half_width(kept: Kept, instrument: Instrument) -> float:
    """Return half of the least gap between the strikes of an option's expiry, $."""
    option, layout = instrument.option, kept.data.layout
    if option is None:
        raise ValueError(f"{instrument.symbol} is no option; give one")
    days = layout.days == (option.expiry - EPOCH).days
    gaps = np.diff(np.unique(layout.strikes[days]))
    return float(gaps.min()) / 2.0 if gaps.size else _NARROW * float(option.strike)


def _ending(one: Ending) -> Payload:
    option = one.instrument.option
    if option is None:
        raise ValueError(f"{one.instrument.symbol} is no option; give one")
    strike, many = float(option.strike), float(one.instrument.multiplier)
    risk = assignment.pin_risk(
        is_call=option.is_call, spot=one.spot, strike=strike, quantity=float(one.quantity),
        sigma=one.sigma, years=one.years, half_width=one.half_width, multiplier=many,
    )  # fmt: skip
    far = pins.expected_distance(one.spot, np.array([strike]), one.years, 0.0, 0.0, one.sigma)
    cash = option.index
    return {
        "symbol": one.instrument.symbol,
        "quantity": float(one.quantity),
        "expiry": option.expiry.isoformat(),
        "hours": round(one.years * 365.0 * 24.0, 1),
        "in_money": _rounded(risk.in_money, 4),
        "near": _rounded(risk.near, 4),
        "half_width": one.half_width,
        "distance": _rounded(far[0], 2),
        "shares": None if cash else _rounded(risk.shares, 1),
        "shares_sd": None if cash else _rounded(risk.shares_sd, 1),
        "early": _early(one),
    }


def _early(one: Ending) -> bool | None:
    option = one.instrument.option
    if option is None or one.quantity >= 0 or option.is_call or not option.american:
        return None
    return bool(assignment.put_due(one.mid, one.spot, float(option.strike), one.rate, 1.0))


def _rounded(value: Any, places: int) -> float | None:
    found = float(value)
    return round(found, places) + 0.0 if math.isfinite(found) else None
