"""What an account's positions may lose together: full repricing, in a worker, at quotes of now.

The law of the scenarios is assumed and told: spots move by the volatility that options at the
money imply, all volatilities of an underlying by one factor that falls when the spot rises.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from market import calendars
from market.clock import SECOND, from_ns, to_ns
from quant import implied_vol, portfolio_risk
from quant.portfolio import Portfolio, Shocks
from quant.portfolio_risk import BUCKET_NAMES, DAYS, Figure, Liquidity
from quant.status import Status
from trading.models import Account, Position
from trading.risk import markets
from trading.risk.facts import Instrument, Quote
from trading.risk.markets import Seen
from trading.risk.pins import Ending, endings, half_width

HORIZON: Final = 1.0 / DAYS
VOL_OF_VOL: Final = 0.10
"""Standard deviation of the log of the volatilities over the horizon."""
LEVERAGE, BETWEEN, COMMON = -0.7, 0.8, 0.5
"""Correlation of a volatility with its spot; of spots; of what is left of the volatilities."""
MOVES: Final = (-0.1, -0.05, -0.02, -0.01, 0.0, 0.01, 0.02, 0.05, 0.1)
FACTORS: Final = (0.75, 1.0, 1.25, 1.5, 2.0)
ELAPSED: Final = (0.0, 1.0 / DAYS)
_NO_TIME_VALUE: Final = 0.05
_SOON_NS: Final = 5 * 86_400 * SECOND
_NEAREST: Final = 4
Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Row:
    """An option that is held, with what prices it."""

    on: int
    strike: float
    years: float
    sigma: float
    is_call: bool
    units: float
    half: float
    shown: float
    ending: Ending


def portfolio_body(account: Account, now: dt.datetime) -> Payload:
    """Return value at risk over a day, the stress grid and the Greeks of an account, $.

    With it how what ends within days may end, and of which market time all of it is. Where
    something held has no price, no figure is given: `unpriced` names it.
    """
    held = [
        (markets.instrument_of(one.symbol, one.multiplier), one.quantity)
        for one in Position.objects.filter(account=account).exclude(quantity=0)
    ]
    names = sorted({one.underlying for one, _ in held})
    seen = {name: markets.look(account, name, now) for name in names}
    rows, unpriced = _rows(held, names, seen)
    vols = [_at_the_money(seen[name]) for name in names]
    unpriced += [name for name, vol in zip(names, vols, strict=True) if vol is None]
    head = {
        "account": account.pk, "at": now.isoformat(), "unpriced": unpriced, "names": names,
        "as_of": _as_of(seen), "endings": endings([row.ending for row in rows]),
    }  # fmt: skip
    if not held or unpriced:
        return {**head, "figures": None}
    units = [
        float(sum((n * i.multiplier for i, n in held if i.underlying == name and i.option is None),
                  Decimal(0)))
        for name in names
    ]  # fmt: skip
    grounds = [seen[name].ground for name in names]
    whole = Portfolio.of(
        names, [float(one.spot or 0) for one in grounds], [row.on for row in rows],
        [row.strike for row in rows], [row.years for row in rows], [row.sigma for row in rows],
        [row.is_call for row in rows], [row.units for row in rows],
        r=[one.rate for one in grounds], q=[one.dividend for one in grounds], units=units,
    )  # fmt: skip
    return {**head, "figures": _figures(whole, rows, names, [vol or 0.0 for vol in vols])}


def _as_of(seen: dict[str, Seen]) -> str | None:
    """Return the market's time of the oldest snapshot that was looked at."""
    times = [one.kept.data.time for one in seen.values() if one.kept is not None]
    return from_ns(min(times)).isoformat() if times else None


def _figures(whole: Portfolio, rows: list[_Row], names: list[str], vols: list[float]) -> Payload:
    count = len(vols)
    spots = np.full((count, count), BETWEEN)
    np.fill_diagonal(spots, 1.0)
    shocks = Shocks.of(vols, VOL_OF_VOL, spots, leverage=LEVERAGE, common=COMMON)
    liquidity = Liquidity.of([row.half for row in rows], [row.shown for row in rows])
    found = portfolio_risk.value_at_risk(
        whole, shocks, HORIZON, liquidity=liquidity if rows else None
    )
    grid = portfolio_risk.stress(whole, MOVES, FACTORS, ELAPSED).sum(axis=0)
    greeks = portfolio_risk.buckets(whole)
    return {
        "level": found.level,
        "horizon_days": found.horizon * DAYS,
        "scenarios": found.scenarios,
        "var": _figure(found.var),
        "cvar": _figure(found.cvar),
        "liquid_cvar": _figure(found.liquid_cvar),
        "leaving": _cents(found.cost),
        "law": {
            "spot_vol": [round(vol, 4) for vol in vols], "vol_of_vol": VOL_OF_VOL,
            "leverage": LEVERAGE, "between": BETWEEN, "common": COMMON,
        },
        "stress": {
            "moves": list(MOVES), "factors": list(FACTORS), "elapsed_days": [0, 1],
            "profits": [[[_cents(v) for v in row] for row in grid[:, :, at]] for at in (0, 1)],
        },
        "buckets": {
            "names": list(BUCKET_NAMES),
            **{
                name: [_cents(v) for v in getattr(greeks, name).sum(axis=0)]
                for name in ("delta", "gamma", "vega", "theta")
            },
            "units": _cents(greeks.units.sum()),
        },
        "underlyings": [
            {
                "name": name,
                "units": _cents(greeks.units[at]),
                **{
                    greek: [_cents(v) for v in getattr(greeks, greek)[at]]
                    for greek in ("delta", "gamma", "vega", "theta")
                },
            }
            for at, name in enumerate(names)
        ],
    }  # fmt: skip


def _figure(one: Figure) -> Payload:
    return {"value": _cents(one.value), "error": _cents(one.error)}


def _cents(value: float) -> float | None:
    return round(float(value), 2) + 0.0 if math.isfinite(value) else None


def _rows(
    held: list[tuple[Instrument, Decimal]], names: list[str], seen: dict[str, Seen]
) -> tuple[list[_Row], list[str]]:
    """Return the options that are held, and the symbols of what has no price."""
    rows: list[_Row] = []
    unpriced: list[str] = []
    for instrument, quantity in held:
        place = seen[instrument.underlying]
        quote = place.quote(instrument)
        if place.ground.spot is None:
            unpriced.append(instrument.symbol)
        elif instrument.option is not None:
            row = _row(instrument, quantity, quote, place, names.index(instrument.underlying))
            if row is None:
                unpriced.append(instrument.symbol)
            else:
                rows.append(row)
    return rows, unpriced


def _row(
    instrument: Instrument, quantity: Decimal, quote: Quote | None, place: Seen, on: int
) -> _Row | None:
    option = instrument.option
    if option is None or quote is None or quote.mid is None or quote.years is None:
        return None
    if place.kept is None:
        return None
    strike, years = float(option.strike), quote.years
    vol = _vol(float(quote.mid), place, strike, years, option.is_call)
    sides = [quote.bid_size if quantity > 0 else quote.ask_size]
    many = float(instrument.multiplier)
    shown = next((float(one) * many for one in sides if one is not None and one > 0), math.inf)
    half = float((quote.ask or Decimal(0)) - (quote.bid or Decimal(0))) / 2.0
    ending = Ending(
        instrument, quantity, float(place.ground.spot or 0), float(quote.mid), vol, years,
        place.ground.rate, half_width(place.kept, instrument),
    )  # fmt: skip
    return _Row(on, strike, years, vol, option.is_call, float(quantity) * many, half, shown, ending)


def _vol(mid: float, place: Seen, strike: float, years: float, is_call: bool) -> float:
    ground = place.ground
    told = implied_vol.reference(
        np.array([mid]), float(ground.spot or 0), strike, years, ground.rate, ground.dividend,
        np.array([is_call]),
    )  # fmt: skip
    return float(told.iv[0]) if told.status[0] == Status.OK else _NO_TIME_VALUE


def _at_the_money(place: Seen) -> float | None:
    """Return the volatility that the nearest strikes of a coming expiry imply; None without one."""
    if place.kept is None or place.ground.spot is None:
        return None
    data, now = place.kept.data, to_ns(place.ground.now)
    settles, strikes = data.layout.settles, data.layout.strikes
    bids, asks = data.column("bids"), data.column("asks")
    fine = (settles > now + _SOON_NS) & (bids >= 0.0) & (asks > bids)
    if not fine.any():
        return None
    ends = settles[fine].min()
    rows = np.flatnonzero(fine & (settles == ends))
    spot = float(place.ground.spot)
    rows = rows[np.argsort(np.abs(strikes[rows] - spot), kind="stable")[:_NEAREST]]
    years = float(calendars.years(now, int(ends)))
    told = implied_vol.reference(
        (bids[rows] + asks[rows]) / 2.0, spot, strikes[rows], years, place.ground.rate,
        place.ground.dividend, data.layout.is_call[rows],
    )  # fmt: skip
    known = told.iv[told.status == Status.OK]
    return float(np.median(known)) if known.size else None
