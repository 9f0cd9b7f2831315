"""One row of a daily frame: a pure function of what is known at the close of one session."""

from __future__ import annotations

import numpy as np

from market.features.analysis import Analysis, Smile, analyze, month_skew, month_volatility
from market.features.context import DailyBars, DailyContext, Observation, Report, RowBuilder
from market.frames import FloatArray, Missing

BASKET_RETURNS = 60
LEAST_NAMES = 5
LEAST_REPORTS = 4
REPORT_EXPIRY_YEARS = 21.0 / 365.0
"""The expiry after a report prices it clearly enough when it is at most three weeks away."""
_VOLATILITY = ("iv_30d", "skew_25d")
_REPORTS = ("report_sessions", "implied_report_move", "past_report_move")
_BASKET = ("average_correlation", "first_eigen_share")
_MEAN_SIZE = float(np.sqrt(2.0 / np.pi))
"""Mean size of a standard normal number."""


def observe_daily(context: DailyContext, analysis: Analysis | None = None) -> Observation:
    """Return the row of the last session in `context.bars`.

    Parameters
    ----------
    context : DailyContext
    analysis : Analysis, optional
        `analyze(context.chain)` when the caller has it already.

    Returns
    -------
    Observation
        A value for every daily observation column of the registry.
    """
    row = RowBuilder()
    _bar(row, context.bars)
    done = analysis
    if done is None and context.chain is not None and len(context.chain):
        done = analyze(context.chain)
    if done is None:
        row.put_missing(_VOLATILITY, Missing.NO_CHAIN)
    else:
        row.put("iv_30d", month_volatility(done.smiles), Missing.NO_QUOTE)
        row.put("skew_25d", month_skew(done.smiles), Missing.NO_QUOTE)
    _reports(row, context, done)
    _basket(row, context.basket)
    return row.row()


def _bar(row: RowBuilder, bars: DailyBars) -> None:
    for name in ("open", "high", "low", "close"):
        row.put(name, getattr(bars, name)[-1], Missing.NO_BAR)
    volume = bars.volume[-1]
    row.put("volume", volume, Missing.NO_VOLUME)
    typical = (bars.high[-1] + bars.low[-1] + bars.close[-1]) / 3.0
    row.put("dollar_volume", volume * typical, Missing.NO_VOLUME)
    row.put("spread", bars.spread[-1], Missing.NO_QUOTE)


def _reports(row: RowBuilder, context: DailyContext, done: Analysis | None) -> None:
    """Put how far the next report is, what options price for it, and what past ones did."""
    now = int(context.bars.time[-1])
    if context.reports is None:
        row.put_missing(_REPORTS, Missing.NO_EVENTS)
        return
    known = [report for report in context.reports if report.known <= now]
    past = past_moves(context.bars, [r for r in known if r.scheduled <= now])
    enough = past.size >= LEAST_REPORTS
    row.put("past_report_move", np.median(past) if enough else None, Missing.NO_HISTORY)
    following = min((r.scheduled for r in known if r.scheduled > now), default=None)
    last = int(context.coming_closes[-1]) if context.coming_closes.size else now
    if following is None or following > last:
        row.put_missing(("report_sessions", "implied_report_move"), Missing.NO_REPORT)
        return
    row.put("report_sessions", int(np.count_nonzero(context.coming_closes <= following)))
    if done is None:
        row.put("implied_report_move", None, Missing.NO_CHAIN)
    else:
        row.put("implied_report_move", _implied_move(done.smiles, following), Missing.NO_QUOTE)


def past_moves(bars: DailyBars, reports: list[Report]) -> FloatArray:
    """Return the sizes of the moves from the close before each report to the close after it."""
    after = np.searchsorted(bars.time, [r.scheduled for r in reports], side="right")
    after = after[(after > 0) & (after < bars.time.size)]
    moves = np.abs(bars.close[after] / bars.close[after - 1] - 1.0)
    known: FloatArray = moves[np.isfinite(moves)]
    return known


def _implied_move(found: dict[int, Smile], scheduled: int) -> float:
    """Return the mean size of the move priced for the report by the first expiry after it.

    The variance of ordinary days is taken from the last expiry before the report, where there
    is one.
    """
    after = next((s for expiry, s in found.items() if expiry > scheduled), None)
    if after is None or after.years > REPORT_EXPIRY_YEARS:
        return np.nan
    variance = after.at_the_money() ** 2 * after.years
    before = [s for expiry, s in found.items() if expiry <= scheduled]
    if before:
        variance -= before[-1].at_the_money() ** 2 * after.years
    return float(_MEAN_SIZE * np.sqrt(max(variance, 0.0))) if np.isfinite(variance) else np.nan


def _basket(row: RowBuilder, closes: FloatArray | None) -> None:
    """Put how closely the names of the basket moved together."""
    if closes is None or closes.shape[0] < LEAST_NAMES:
        row.put_missing(_BASKET, Missing.NO_BASKET)
        return
    if closes.shape[1] <= BASKET_RETURNS:
        row.put_missing(_BASKET, Missing.NO_HISTORY)
        return
    recent = closes[:, -BASKET_RETURNS - 1 :]
    with np.errstate(all="ignore"):
        returns = np.diff(np.log(recent), axis=1)
    whole = returns[np.isfinite(returns).all(axis=1) & (np.ptp(returns, axis=1) > 0.0)]
    if len(whole) < LEAST_NAMES:
        row.put_missing(_BASKET, Missing.NO_BASKET)
        return
    correlation = np.corrcoef(whole)
    n = len(whole)
    row.put("average_correlation", (correlation.sum() - n) / (n * (n - 1)))
    row.put("first_eigen_share", np.linalg.eigvalsh(correlation)[-1] / n)
