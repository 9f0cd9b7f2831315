"""The table of a validation: one line a tool, each figure with its interval, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from market.frames import FloatArray, Kind
from quant.performance import deflated_sharpe, sharpe, wilson
from quant.validation import superior_ability
from tools_app.contract import Tool
from tools_app.validation.blocks import Tally
from tools_app.validation.daily import SESSIONS

TARGET_EDGE = 0.02
"""What a tool should win above the base rate."""
LEAST_SIGNALS = 30
TRIALS = 52
"""Tools tried on the same paths, at the least."""
CONFIDENT = 0.95
BY_DESIGN = (
    "a simulated day's volatility differs from what options expect at any strength of the "
    "effects; only the difference between runs with the effects on and off says something"
)
GROUPS = 500
"""Groups of paths whose sums the test of the whole family looks at."""
_Z = 1.959963984540054
_YEAR = 252.0
_FAN_STEPS = 26
FAN = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of a fan."""


@dataclass(frozen=True, slots=True)
class Line:
    """One tool on p paths.

    Attributes
    ----------
    sided : bool
        Whether most of its signals have a side.
    win, win_low, win_high : float
        Share of signals that gained more than they cost, with its 95 % interval: signals of one
        path are alike, so it counts paths.
    base : float
        How often the same reading at the same rows won on all paths.
    average, average_low, average_high : float
        Gain a signal after costs: log return in its direction, or for signals without a side the
        share of variance above what was expected.
    gross : float
        The same before costs.
    sharpe, sharpe_error : float
        Of the sum of gains a path, for a year.
    deflated : float
        Probability that the ratio is above what the best of as many worthless tools would show.
    target, gap : float
        Base rate and `TARGET_EDGE`; the win rate less that.
    bins : list
        Of the score: [mean score, win rate, signals].
    """

    tool_id: int
    kind: str
    sided: bool
    paths: int
    signals: int
    win: float
    win_low: float
    win_high: float
    base: float
    average: float
    average_low: float
    average_high: float
    gross: float
    sharpe: float
    sharpe_error: float
    deflated: float
    target: float
    gap: float
    verdict: str
    words: str
    bins: list[list[float]]


def lines(tools: Sequence[Tool], tallies: Mapping[int, Tally], kind: Kind) -> list[Line]:
    """Return the table of the tools of a kind, in the order given."""
    errors = np.array([sharpe(tallies[tool.id].gain).error for tool in tools])
    known = errors[np.isfinite(errors)]
    # The ratios of worthless tools differ by their standard errors. The spread of the ratios that
    # were measured would count planted effects as luck.
    spread = float(np.mean(known**2)) if known.size else 0.0
    return [_line(tool, tallies[tool.id], kind, max(TRIALS, len(tools)), spread) for tool in tools]


def _line(tool: Tool, tally: Tally, kind: Kind, trials: int, spread: float) -> Line:
    signals = int(tally.signals.sum())
    win, win_error = ratio(tally.wins, tally.signals)
    average, error = ratio(tally.gain, tally.signals)
    gross, _ = ratio(tally.gross, tally.signals)
    base = float(tally.base.sum()) / signals if signals else math.nan
    low, high = _interval(win, win_error, signals)
    found = sharpe(tally.gain)
    yearly = found.annual(_YEAR if kind is Kind.INTRADAY else _YEAR / SESSIONS)
    deflated = deflated_sharpe(
        found.ratio, found.observations, found.skewness, found.kurtosis, trials, spread
    )
    reach = _Z * error
    verdict, words = _verdict(
        signals=signals,
        sided=tally.sided,
        ahead=low > base and average - reach > 0.0,
        behind=high < base and average + reach < 0.0,
        deflated=deflated,
    )
    return Line(
        tool_id=tool.id,
        kind=kind.value,
        sided=tally.sided,
        paths=int(tally.signals.size),
        signals=signals,
        win=win,
        win_low=low,
        win_high=high,
        base=base,
        average=average,
        average_low=average - reach,
        average_high=average + reach,
        gross=gross,
        sharpe=yearly.ratio,
        sharpe_error=yearly.error,
        deflated=deflated,
        target=base + TARGET_EDGE,
        gap=win - base - TARGET_EDGE,
        verdict=verdict,
        words=words,
        bins=_bins(tally.bins),
    )


def ratio(parts: Any, counts: Any) -> tuple[float, float]:
    """Return a sum over signals divided by their number, and its standard error over paths."""
    total = float(counts.sum())
    if not total:
        return math.nan, math.nan
    value = float(parts.sum()) / total
    away = parts - value * counts
    return value, float(np.sqrt(np.sum(away**2))) / total


def _interval(win: float, error: float, signals: int) -> tuple[float, float]:
    """Return Wilson's interval for as many independent signals as the error over paths says."""
    if not signals:
        return math.nan, math.nan
    inside = win * (1.0 - win)
    alone = inside / error**2 if error > 0.0 and inside > 0.0 else float(signals)
    trials = max(1, round(min(alone, float(signals))))
    return wilson(round(win * trials), trials)


def _verdict(
    *, signals: int, sided: bool, ahead: bool, behind: bool, deflated: float
) -> tuple[str, str]:
    if signals < LEAST_SIGNALS:
        return "too few", f"{signals} signals; {LEAST_SIGNALS} are the least that say anything"
    if not sided:
        return "compare", BY_DESIGN
    if ahead and deflated >= CONFIDENT:
        return "edge", "wins above the base rate, gains after costs, and beats the luck of the draw"
    if ahead:
        return "unproven", "ahead, but the best of as many worthless tools could look like this"
    if behind:
        return "loses", "wins below the base rate and loses after costs"
    return "no edge", "no edge is seen after costs"


def _bins(bins: FloatArray) -> list[list[float]]:
    return [
        [float(total / count), float(wins / count), float(count)]
        for count, wins, total in bins.tolist()
        if count
    ]


def family_p(tallies: Sequence[Tally], seed: int, draws: int = 1000) -> float:
    """Return the probability, were all tools worthless, that the best would look as good (SPA).

    Hansen's test over sums of groups of paths; paths are independent, so blocks have length 1.
    Tools without a side are left out, see `BY_DESIGN`. NaN when there is nothing to test.
    """
    gains = [tally.gain for tally in tallies if tally.signals.any() and tally.sided]
    if not gains:
        return math.nan
    paths = gains[0].size
    groups = min(GROUPS, paths)
    place = np.arange(paths) * groups // paths
    summed = np.stack([np.bincount(place, weights=one, minlength=groups) for one in gains], axis=1)
    moving = summed[:, np.ptp(summed, axis=0) > 0.0]
    if not moving.size:
        return math.nan
    return superior_ability(np.zeros(groups), -moving, block=1.0, draws=draws, seed=seed).consistent


def fan(tally: Tally, kind: Kind) -> dict[str, Any]:
    """Return quantiles of the sum of gains over a year of paths, from as many years as there are.

    `steps` are sessions from the start, `quantiles` one row for each of `FAN`.
    """
    year = round(_YEAR if kind is Kind.INTRADAY else _YEAR / SESSIONS)
    length = max(1, min(year, tally.gain.size))
    years = tally.gain.size // length
    sums = np.cumsum(tally.gain[: years * length].reshape(years, length), axis=1)
    steps = np.unique(np.linspace(0, length - 1, min(length, _FAN_STEPS)).astype(np.int64))
    each = 1 if kind is Kind.INTRADAY else SESSIONS
    return {
        "years": years,
        "steps": ((steps + 1) * each).tolist(),
        "levels": list(FAN),
        "quantiles": np.quantile(sums[:, steps], FAN, axis=0).round(6).tolist(),
    }


def as_json(line: Line) -> dict[str, Any]:
    """Return a line with None for what is not a number."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(line).items()
    }
