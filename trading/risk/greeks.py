"""Greeks of options and shares in $, from their middles. Plain NumPy: nothing is compiled here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from quant import bsm, implied_vol
from quant.status import Status
from trading.risk.facts import Ground, Holding, Sensitivity

_NO_TIME_VALUE: Final = 0.05
"""Volatility of an option whose price has none: its Greeks are those of its exercise value."""
_DIGITS: Final = 6


def sensitivities(
    parts: Sequence[Holding], grounds: Mapping[str, Ground]
) -> list[Sensitivity | None]:
    """Return the Greeks of holdings, $: None where price, time or quote is not known.

    Delta is the worth of the underlying that would move as much, gamma its change for a move of
    1 %, vega for a vol point, theta for a day (at most what the option is worth).
    """
    found: list[Sensitivity | None] = [None] * len(parts)
    rows: list[tuple[int, tuple[float, ...]]] = []
    for place, one in enumerate(parts):
        ground = grounds.get(one.instrument.underlying)
        if ground is None or ground.spot is None:
            continue
        spot, option, quote = float(ground.spot), one.instrument.option, one.quote
        if option is None:
            found[place] = Sensitivity(delta=one.units * ground.spot)
        elif quote is not None and quote.mid is not None and quote.years is not None:
            rows.append((place, (
                spot, float(option.strike), quote.years, ground.rate, ground.dividend,
                float(option.is_call), float(quote.mid), float(one.units),
            )))  # fmt: skip
    if rows:
        for (place, _), made in zip(rows, _of_options([row for _, row in rows]), strict=True):
            found[place] = made
    return found


def _of_options(rows: Sequence[tuple[float, ...]]) -> list[Sensitivity]:
    S, K, T, r, q, call, mid, units = np.array(rows, dtype=np.float64).T
    is_call = call > 0.5
    told = implied_vol.reference(mid, S, K, T, r, q, is_call)
    sigma = np.where(told.status == Status.OK, told.iv, _NO_TIME_VALUE)
    names = ("delta", "gamma", "vega", "theta")
    greeks = bsm.reference(S, K, T, r, q, sigma, is_call, names=names).quoted()
    alive = units * (T > 0.0)
    columns = (
        greeks.delta * S * alive, greeks.gamma * S**2 / 100.0 * alive, greeks.vega * alive,
        np.maximum(greeks.theta, -mid) * alive,
    )  # fmt: skip
    return [
        Sensitivity(*(Decimal(repr(round(float(value), _DIGITS))) for value in row))
        for row in zip(*columns, strict=True)
    ]


def summed(parts: Sequence[Sensitivity | None]) -> Sensitivity | None:
    """Return the sum, None when a part is not known."""
    found = Sensitivity()
    for one in parts:
        if one is None:
            return None
        found = found.plus(one)
    return found
