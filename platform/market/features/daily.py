"""One row of a daily frame: a pure function of what is known at the close of one session."""

from __future__ import annotations

import numpy as np

from market.features.analysis import (
    Analysis,
    Smile,
    analyze,
    month_skew,
    month_volatility,
    term_slope,
)
from market.features.book import WHY_NO_PROFILE
from market.features.context import DailyBars, DailyContext, Observation, Report, RowBuilder
from market.frames import FloatArray, Missing
from quant import exposure_types as states

BASKET_RETURNS = 60
LEAST_NAMES = 5
LEAST_REPORTS = 4
REPORT_EXPIRY_YEARS = 21.0 / 365.0
"""The expiry after a report prices it clearly enough when it is at most three weeks away."""
_VOLATILITY = ("iv_30d", "skew_25d", "term_slope")
_GAMMA = ("gamma", "gamma_gross")
_PROXIES = ("credit", "bonds", "dollar")
MODEL = ("model_cell", "model_cell_probability", "anomaly_p", "forecast_low", "forecast_high")
"""Written by an approved model, once there is one."""
NEAR_SHARE = 0.05
_REPORTS = ("report_sessions", "implied_report_move", "past_report_move")
_BASKET = ("average_correlation", "first_eigen_share")
LEAST_ADVANCING = 5
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
        row.put_missing((*_VOLATILITY, *_GAMMA, "expiring_interest"), Missing.NO_CHAIN)
    else:
        row.put("iv_30d", month_volatility(done.smiles), Missing.NO_QUOTE)
        row.put("skew_25d", month_skew(done.smiles), Missing.NO_QUOTE)
        row.put("term_slope", term_slope(done.smiles), Missing.NO_QUOTE)
        _book(row, done)
    _reports(row, context, done)
    _events(row, context)
    _basket(row, context.basket)
    _advancing(row, context.basket)
    _proxies(row, context.proxies)
    row.put_missing(MODEL, Missing.NO_MODEL)
    return row.row()


def _bar(row: RowBuilder, bars: DailyBars) -> None:
    for name in ("open", "high", "low", "close"):
        row.put(name, getattr(bars, name)[-1], Missing.NO_BAR)
    volume = bars.volume[-1]
    row.put("volume", volume, Missing.NO_VOLUME)
    typical = (bars.high[-1] + bars.low[-1] + bars.close[-1]) / 3.0
    row.put("dollar_volume", volume * typical, Missing.NO_VOLUME)
    row.put("spread", bars.spread[-1], Missing.NO_QUOTE)


def _book(row: RowBuilder, done: Analysis) -> None:
    """Put the dealers' gamma after the close, and how much of the interest expired with it."""
    profile, chain = done.profile, done.chain
    if profile.status == states.OK:
        row.put("gamma", profile.totals.gamma)
        row.put("gamma_gross", float(np.nansum(np.abs(profile.contracts.gamma))))
    else:
        row.put_missing(_GAMMA, WHY_NO_PROFILE[profile.status])
    near = np.isfinite(chain.open_interest)
    near &= np.abs(chain.strikes / chain.spot - 1.0) <= NEAR_SHARE
    held = float(chain.open_interest[near].sum())
    ended = float(chain.open_interest[near & (chain.expiries <= chain.time)].sum())
    row.put("expiring_interest", ended / held if held > 0.0 else None, Missing.NO_OPEN_INTEREST)


def _events(row: RowBuilder, context: DailyContext) -> None:
    """Put how many sessions pass before the next Fed decision or report that is known."""
    if context.decisions is None:
        row.put("event_sessions", None, Missing.NO_EVENTS)
        return
    now = int(context.bars.time[-1])
    reports = [r.scheduled for r in context.reports or () if r.known <= now]
    ahead = [when for when in (*context.decisions, *reports) if when > now]
    closes = context.coming_closes
    before = np.count_nonzero(closes <= min(ahead)) if ahead else closes.size
    row.put("event_sessions", int(before))


def _advancing(row: RowBuilder, closes: FloatArray | None) -> None:
    """Put the share of the basket's names that closed higher than the session before."""
    if closes is None or closes.shape[1] < 2:
        row.put("advancing_share", None, Missing.NO_BASKET)
        return
    change = closes[:, -1] - closes[:, -2]
    known = change[np.isfinite(change)]
    share = float(np.mean(known > 0.0)) if known.size >= LEAST_ADVANCING else None
    row.put("advancing_share", share, Missing.NO_BASKET)


def _proxies(row: RowBuilder, closes: FloatArray | None) -> None:
    for at, name in enumerate(_PROXIES):
        row.put(name, None if closes is None else closes[at, -1], Missing.NO_PROXY)


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
