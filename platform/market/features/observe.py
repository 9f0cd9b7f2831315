"""One row of an intraday frame: a pure function of what is known at the end of one minute.

`catalog` says what each column means. Nothing is carried from minute to minute but `Positions`,
which the caller keeps and hands back, so a replay gives the same rows bit for bit.
"""

from __future__ import annotations

import numpy as np

from market.features import book, flow, liquidity
from market.features.analysis import (
    Analysis,
    analyze,
    month_skew,
    month_volatility,
    term_slope,
)
from market.features.context import (
    CryptoNights,
    MinuteBar,
    MinuteView,
    Observation,
    Positions,
    Release,
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
ACCOUNT = ("short_strike",)
"""Known to an account's own frames alone."""
MODEL = ("policy_entry",)
"""Written by an approved model, once there is one."""
LEAST_NIGHTS = 40


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
    _calendar(row, view.time, context.releases)
    _around(row, view, context)
    row.put_missing(ACCOUNT, Missing.NO_ACCOUNT)
    row.put_missing(MODEL, Missing.NO_MODEL)
    after = flow.updated(positions, view.chain, view.option_flow)
    usable = view.chain is not None and len(view.chain) > 0 and not view.stale
    if not usable or view.chain is None:
        why = Missing.STALE_QUOTE if view.stale else Missing.NO_CHAIN
        row.put_missing((*VOLATILITY, *book.COLUMNS, *flow.COLUMNS, *liquidity.COLUMNS), why)
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
    flow.put_puts(row, view.chain, view.option_flow)
    liquidity.put_smiles(row, done)
    liquidity.put_quotes(row, done, move)
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


def _calendar(row: RowBuilder, now: int, releases: tuple[Release, ...] | None) -> None:
    """Put how long ago the newest scheduled release was, and how far the next Fed decision is."""
    past = [one.time for one in releases or () if one.time <= now]
    why = Missing.NO_EVENTS if releases is None else Missing.NO_RELEASE
    row.put("release_minutes", (now - max(past)) / MINUTE if past else None, why)
    ahead = [one.time for one in releases or () if one.fed and one.time > now]
    why = Missing.NO_EVENTS if releases is None else Missing.NO_DECISION
    row.put("fed_minutes", (min(ahead) - now) / MINUTE if ahead else None, why)


def _around(row: RowBuilder, view: MinuteView, context: SessionContext) -> None:
    """Put what else was known: the last close, the paired index, breadth, the tape, crypto."""
    row.put("previous_close", context.previous_close, Missing.NO_HISTORY)
    row.put("peer_close", view.peer, Missing.NO_PEER)
    row.put("advancing_share", view.advancing, Missing.NO_BASKET)
    row.put("off_exchange_share", view.off_exchange, Missing.NO_TAPE)
    gap, certainty = _crypto_gap(context.crypto)
    row.put("crypto_gap", gap, Missing.NO_CRYPTO)
    row.put("crypto_gap_t", certainty, Missing.NO_CRYPTO)


def _crypto_gap(crypto: CryptoNights | None) -> tuple[float, float]:
    """Return the gap that last night's crypto return predicts, and the t of its beta.

    Least squares through the origin over the earlier nights: overnight means are noise.
    """
    if crypto is None or crypto.past.size < LEAST_NIGHTS:
        return np.nan, np.nan
    square = float(crypto.past @ crypto.past)
    if not square > 0.0:
        return np.nan, np.nan
    beta = float(crypto.past @ crypto.gaps) / square
    rest = crypto.gaps - beta * crypto.past
    error = np.sqrt(float(rest @ rest) / (crypto.past.size - 1) / square)
    return beta * crypto.overnight, abs(beta) / error if error > 0.0 else np.nan


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
    row.put("iv_30d", month_volatility(done.smiles), Missing.NO_QUOTE)
    row.put("skew_25d", month_skew(done.smiles), Missing.NO_QUOTE)
    row.put("term_slope", term_slope(done.smiles), Missing.NO_QUOTE)


def _front_move(done: Analysis, day_years: float) -> float:
    """Return one standard deviation over a whole session by the nearest expiry, in currency."""
    front = next(iter(done.smiles.values()), None)
    if front is None:
        return np.nan
    return float(done.chain.spot * front.at_the_money() * np.sqrt(day_years))
