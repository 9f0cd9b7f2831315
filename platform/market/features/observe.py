"""One row of an intraday frame: a pure function of what is known at the end of one minute.

`catalog` says what each column means. Nothing is carried from minute to minute but `Positions`,
which the caller keeps and hands back, so a replay gives the same rows bit for bit.
"""

from __future__ import annotations

import numpy as np

from market.features import book, flow
from market.features.analysis import (
    Analysis,
    analyze,
    month_skew,
    month_volatility,
)
from market.features.context import (
    MinuteBar,
    MinuteView,
    Observation,
    Positions,
    RowBuilder,
    SessionContext,
)
from market.frames import Missing

MINUTE = 60 * 1_000_000_000
YEAR_MINUTES = 525_600.0
LATE_SETTLEMENT = 30 * MINUTE
"""Options that settle up to half an hour after the close are still today's."""

BAR = ("open", "high", "low", "close", "volume", "dollar_volume", "spread")
VOLATILITY = (
    "iv_0dte",
    "iv_30d",
    "skew_25d",
    "term_slope",
    "expected_move",
    "expected_move_day",
)
FRONT_DAYS = 5.0 / 365.0


def observe(
    view: MinuteView,
    context: SessionContext,
    positions: Positions,
    analysis: Analysis | None = None,
) -> tuple[Observation, Positions]:
    """Return the minute's row and the positions after it.

    Parameters
    ----------
    view : MinuteView
    context : SessionContext
    positions : Positions
        As returned for the minute before; `Positions()` at the open.
    analysis : Analysis, optional
        `analyze(view.chain)` when the caller has it already.

    Returns
    -------
    Observation
        A value for every intraday observation column of the registry.
    Positions
    """
    row = RowBuilder()
    _bar(row, view.bar)
    row.put("minutes_open", (view.time - context.open) / MINUTE)
    row.put("minutes_left", (context.close - view.time) / MINUTE)
    _release(row, view.time, context.releases)
    after = flow.updated(positions, view.chain, view.option_flow)
    usable = view.chain is not None and len(view.chain) > 0 and not view.stale
    if not usable or view.chain is None:
        why = Missing.STALE_QUOTE if view.stale else Missing.NO_CHAIN
        row.put_missing((*VOLATILITY, *book.COLUMNS, *flow.COLUMNS), why)
        return row.row(), after
    done = analysis or analyze(view.chain)
    today = (view.chain.expiries > view.time) & (
        view.chain.expiries <= context.close + LATE_SETTLEMENT
    )
    day_years = (context.close - context.open) / MINUTE / YEAR_MINUTES
    _volatility(row, done, has_today=bool(today.any()), day_years=day_years)
    move = _front_move(done, day_years)
    book.put_exposures(row, done, today)
    book.put_open_interest(row, done, today, move)
    flow.put_flow(row, done, after, move)
    return row.row(), after


def _bar(row: RowBuilder, bar: MinuteBar | None) -> None:
    """Put the underlying's minute."""
    if bar is None:
        row.put_missing(BAR, Missing.NO_BAR)
        return
    for name in ("open", "high", "low", "close"):
        row.put(name, getattr(bar, name), Missing.NO_BAR)
    row.put("volume", bar.volume, Missing.NO_VOLUME)
    row.put("dollar_volume", bar.volume * (bar.high + bar.low + bar.close) / 3.0, Missing.NO_VOLUME)
    quoted = 0.0 < bar.bid <= bar.ask
    row.put(
        "spread",
        (bar.ask - bar.bid) / (0.5 * (bar.ask + bar.bid)) if quoted else None,
        Missing.NO_QUOTE,
    )


def _release(row: RowBuilder, now: int, releases: tuple[int, ...] | None) -> None:
    """Put how long ago the newest scheduled release was."""
    past = [when for when in releases or () if when <= now]
    why = Missing.NO_EVENTS if releases is None else Missing.NO_RELEASE
    row.put("release_minutes", (now - max(past)) / MINUTE if past else None, why)


def _volatility(row: RowBuilder, done: Analysis, *, has_today: bool, day_years: float) -> None:
    """Put the implied volatilities and what they say of today's range."""
    front = next(iter(done.smiles.values()), None)
    spot = done.chain.spot
    if has_today and front is not None:
        iv = front.at_the_money()
        row.put("iv_0dte", iv, Missing.NO_QUOTE)
        row.put("expected_move", spot * iv * np.sqrt(front.years), Missing.NO_QUOTE)
        row.put("expected_move_day", spot * iv * np.sqrt(day_years), Missing.NO_QUOTE)
    else:
        why = Missing.NO_QUOTE if has_today else Missing.NOT_0DTE
        row.put_missing(("iv_0dte", "expected_move", "expected_move_day"), why)
    month = month_volatility(done.smiles)
    later = next((s for s in done.smiles.values() if s.years >= FRONT_DAYS), None)
    near = np.nan if later is None else later.at_the_money()
    row.put("iv_30d", month, Missing.NO_QUOTE)
    row.put("skew_25d", month_skew(done.smiles), Missing.NO_QUOTE)
    row.put("term_slope", month - near, Missing.NO_QUOTE)


def _front_move(done: Analysis, day_years: float) -> float:
    """Return one standard deviation over a whole session by the nearest expiry, in currency."""
    front = next(iter(done.smiles.values()), None)
    if front is None:
        return np.nan
    return float(done.chain.spot * front.at_the_money() * np.sqrt(day_years))
