"""Whether a set of parameters is deployed: the rule, with its reasons in words.

A set replaces the default only when all of this holds of the rows that no search saw, joined over
the folds: there are enough signals; the deflated Sharpe ratio, with every trial that the ledger
ever saw of the family counted, is above 0.95 (Bailey and Lopez de Prado 2014); and the set's Sharpe
ratio is above the default's in at least 95 % of paired draws of the circular block bootstrap
(Politis and Romano 1992). Otherwise the default stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from market.frames import FloatArray
from quant.performance import deflated_sharpe, sharpe

CONFIDENCE: Final = 0.95
LEAST_SIGNALS: Final = 30
DRAWS: Final = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the decision looks at.

    Attributes
    ----------
    best, default : (n,) float64
        Gains a row after costs, out of sample, on the same rows.
    signals, default_signals : int
        Out of sample.
    trials : int
        Every setting that was ever judged for the family, this search included.
    spread : float
        Variance over the family's trials of `standing` out of sample; NaN when not known.
    horizon : int
        Rows that a signal is held: the length of the bootstrap's blocks.
    found : bool
        Whether the newest fold chose a setting other than the default.
    """

    best: FloatArray
    default: FloatArray
    signals: int
    default_signals: int
    trials: int
    spread: float
    horizon: int
    found: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to deploy, why in words, and the figures behind it."""

    deploy: bool
    reasons: tuple[str, ...]
    figures: Mapping[str, float | int | None]

    @property
    def words(self) -> str:
        """The reasons as one text."""
        return " ".join(self.reasons)


def decide(given: Evidence, *, seed: int) -> Decision:
    """Decide whether the set found by a search replaces the default."""
    found = sharpe(given.best)
    # Of worthless trials that do not depend on each other the variance is 1. One family's trials
    # are alike and would spread less, which is no reason to deflate less.
    spread = max(given.spread, 1.0) if math.isfinite(given.spread) else 1.0
    rows = max(given.best.size, 1)
    deflated = deflated_sharpe(
        found.ratio, found.observations, found.skewness, found.kurtosis, given.trials, spread / rows
    )
    better = beats(given.best, given.default, block=given.horizon, seed=seed)
    checks = (
        _signals(given),
        _deflated(deflated, given.trials),
        _better(better),
    )
    deploy = given.found and all(passed for passed, _ in checks)
    said = tuple(text for _, text in checks)
    return Decision(
        deploy=deploy,
        reasons=(_verdict(given, deploy=deploy), *said),
        figures={
            "signals": given.signals,
            "default_signals": given.default_signals,
            "rows": given.best.size,
            "gain": float(given.best.sum()),
            "default_gain": float(given.default.sum()),
            "sharpe": _known(found.ratio * math.sqrt(rows)),
            "default_sharpe": _known(sharpe(given.default).ratio * math.sqrt(rows)),
            "deflated_sharpe": _known(deflated),
            "better": better,
            "trials": given.trials,
            "spread": spread,
        },
    )


def _verdict(given: Evidence, *, deploy: bool) -> str:
    if deploy:
        return "The set found replaces the default: it passed every check out of sample."
    if not given.found:
        return "The default stays: the search chose nothing else."
    return "The default stays: not every check out of sample was passed."


def _signals(given: Evidence) -> tuple[bool, str]:
    enough = given.signals >= LEAST_SIGNALS
    verdict = "enough" if enough else "too few"
    return enough, f"Signals: {given.signals}, {verdict}; {LEAST_SIGNALS} are needed."


def _deflated(deflated: float, trials: int) -> tuple[bool, str]:
    counted = f"with all {trials:,} trials of the family counted"
    if not math.isfinite(deflated):
        return False, f"Deflated Sharpe: not known, {counted}."
    passed = deflated > CONFIDENCE
    verdict = "passed" if passed else "not passed"
    return passed, (
        f"Deflated Sharpe: {_cut(deflated)} {counted}, {verdict}; more than {CONFIDENCE} is needed."
    )


def _better(better: float) -> tuple[bool, str]:
    passed = better >= CONFIDENCE
    verdict = "passed" if passed else "not passed"
    return passed, (
        f"Better than the default with probability {_cut(better)}, {verdict}; "
        f"at least {CONFIDENCE} is needed."
    )


def _cut(value: float) -> str:
    """Return three digits, cut and not rounded: 0.9499 is no 0.950."""
    return f"{math.floor(value * 1000) / 1000:.3f}"


def beats(
    best: FloatArray, default: FloatArray, *, block: int, seed: int, draws: int = DRAWS
) -> float:
    """Return the share of paired draws in which one series has a higher Sharpe ratio than another.

    Circular block bootstrap: both series are drawn in the same blocks, so what they share cancels.
    A series that stays at 0 has the ratio 0. Equal ratios are not higher.

    Parameters
    ----------
    best, default : (n,) float64
    block : int
        Rows of a block.
    seed : int
    draws : int

    Raises
    ------
    ValueError
        When the series are empty or of different lengths.
    """
    if best.shape != default.shape or best.ndim != 1 or not best.size:
        raise ValueError("give two series of the same rows")
    n = best.size
    length = max(1, min(block, n))
    count = -(-n // length)
    starts = np.random.default_rng(seed).integers(0, n, size=(draws, count))
    mine, other = (_drawn(series, starts, length) for series in (best, default))
    return float(np.mean(mine > other))


def _drawn(series: FloatArray, starts: np.ndarray, length: int) -> FloatArray:
    """Return the Sharpe ratio of each draw of blocks."""
    around = np.concatenate([series, series[: length - 1]])
    sums, squares = (
        np.convolve(values, np.ones(length), mode="valid") for values in (around, around**2)
    )
    rows = starts.shape[1] * length
    mean = sums[starts].sum(axis=1) / rows
    variance = np.maximum(squares[starts].sum(axis=1) / rows - mean**2, 0.0)
    ratio = np.zeros(mean.size)
    np.divide(mean, np.sqrt(variance), out=ratio, where=variance > 1e-24)
    return ratio


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
