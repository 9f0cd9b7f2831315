"""A tool's record in figures, each with its sample size and its uncertainty. Plain functions.

A signal wins when its gain before costs is above zero; the base rate is how often the same reading
over the same horizon won anyway, on every row that was seen. Its edge is its gain before costs
less what the same reading gained anyway, in usual moves over the horizon, so that quiet and wild
sessions count alike. What is earned is told after costs. Signals of one session, and of sessions
whose outcomes overlap, hang together: they are one cluster, and all errors are taken over clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import betainc

from market.frames import FloatArray, IntArray
from quant.clustered import ClusteredMean, clustered_mean
from quant.performance import Sharpe, deflated_sharpe, sharpe, wilson
from tools_app.decay import HalfLife, half_life

YEAR = 252
TOOLS = 52
"""Trials of the deflated ratio: every tool of the catalogue was tried on the same data."""
PRIOR = 40.0
"""Signals whose weight the neutral prior of the reliability has."""
BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Finished signals of one tool, in comparable numbers, and what they are held against.

    Attributes
    ----------
    session : (n,) int64
        Place of the signal's session among those that were watched, in the order of watching.
    score : (n,) float64
    gain : (n,) float64
        Before costs, in log return, or in usual variances where `volatility`.
    move : (n,) float64
        The gain in usual moves over the horizon.
    base_share, base_move : (n,) float64
        Of the same reading on all rows seen: how often it won, and its mean move.
    quarters : (n, 4) float64
        Moves by the end of each quarter of the horizon; NaN where not known.
    quarter_rows : four int
    base_rows : int
        Rows behind the base rate.
    sessions : int
        Watched to their end, with or without a signal.
    overlap : int
        Sessions over which an outcome reaches: 1 within the session.
    volatility : bool
    cost : float
        Of one signal, in the unit of its gain.
    left_out : int
        Finished signals without what the figures need.
    """

    session: IntArray
    score: FloatArray
    gain: FloatArray
    move: FloatArray
    base_share: FloatArray
    base_move: FloatArray
    quarters: FloatArray
    quarter_rows: tuple[int, ...]
    base_rows: int
    sessions: int
    cost: float
    overlap: int = 1
    volatility: bool = False
    left_out: int = 0

    @property
    def block(self) -> int:
        """Sessions that are one cluster: no outcome reaches further than half of the next."""
        return 1 if self.overlap <= 1 else 2 * self.overlap

    @property
    def cluster(self) -> IntArray:
        """Cluster of each signal."""
        return self.session // self.block

    @property
    def edge(self) -> FloatArray:
        """What each signal gained before costs beyond the same reading anyway, in usual moves."""
        return self.move - self.base_move

    @property
    def net(self) -> FloatArray:
        """What each signal earned after costs."""
        return self.gain - self.cost

    @property
    def won(self) -> FloatArray:
        """1 where a signal gained before costs, 0 elsewhere."""
        return (self.gain > 0.0).astype(np.float64)

    def returns(self) -> FloatArray:
        """Return what was earned per block of watched sessions, one unit a signal, whole blocks."""
        blocks = self.sessions // self.block
        sums = np.bincount(self.cluster, weights=self.net, minlength=blocks)
        return sums[:blocks].astype(np.float64)

    def first(self, sessions: int) -> Record:
        """Return the record as it stood after its first sessions."""
        return self._where(self.session < sessions, sessions)

    def _where(self, kept: np.ndarray[tuple[int], np.dtype[np.bool_]], sessions: int) -> Record:
        return Record(
            session=self.session[kept],
            score=self.score[kept],
            gain=self.gain[kept],
            move=self.move[kept],
            base_share=self.base_share[kept],
            base_move=self.base_move[kept],
            quarters=self.quarters[kept],
            quarter_rows=self.quarter_rows,
            base_rows=self.base_rows,
            sessions=sessions,
            overlap=self.overlap,
            volatility=self.volatility,
            cost=self.cost,
            left_out=self.left_out,
        )


class Bin(NamedTuple):
    """Signals whose score lies in [low, high) and how often they won, with Wilson's interval."""

    low: float
    high: float
    score: float
    n: int
    rate: float
    rate_low: float
    rate_high: float


class Calibration(NamedTuple):
    """Whether the score is a probability.

    `error` is the mean distance of score and hit rate over the bins, weighted by their signals;
    `by_chance` what it would be about for a perfect score with as few signals.
    """

    bins: tuple[Bin, ...]
    error: float
    by_chance: float


@dataclass(frozen=True)
class Figures:
    """Everything a scorecard says; see the fields of `Record` for the units.

    Attributes
    ----------
    hit_rate, hit_low, hit_high : float
        With Wilson's interval for the number of signals that clusters leave.
    base_rate : float
        Mean of the base rates of the signals' readings.
    excess : ClusteredMean
        Hit rate less base rate.
    gain : ClusteredMean
        Average return of a signal after costs.
    edge : ClusteredMean
        See `Record.edge`: the test of the badge is made on it.
    ratio : Sharpe
        Annual, of the returns per block of sessions after costs.
    deflated : float
        Probability that the ratio is above the best of `trials` tools without an edge.
    independent : float
        Signals that were worth as much if they did not hang together.
    reliability : float
        Posterior probability that the tool beats its base rate; 0.5 says nothing.
    """

    record: Record
    hit_rate: float
    hit_low: float
    hit_high: float
    base_rate: float
    excess: ClusteredMean
    gain: ClusteredMean
    edge: ClusteredMean
    ratio: Sharpe
    deflated: float
    trials: int
    independent: float
    reliability: float

    @cached_property
    def calibration(self) -> Calibration:
        """Return score against hit rate."""
        return calibration(self.record.score, self.record.won)

    @cached_property
    def decay(self) -> HalfLife:
        """Return the half-life of the edge, in rows of the tool's frame."""
        record = self.record
        return half_life(record.quarters, record.cluster, record.quarter_rows, self.edge.p)


def measure(record: Record, *, trials: int = TOOLS) -> Figures:
    """Return the figures of a record.

    Parameters
    ----------
    record : Record
    trials : int
        Configurations that were tried on this data; never fewer than there are tools.
    """
    n, won = record.score.size, record.won
    trials = max(trials, TOOLS)
    hits = clustered_mean(won, record.cluster)
    independent = _independent(hits)
    rate = float(won.mean()) if n else np.nan
    low, high = wilson(rate * independent if n else 0.0, independent)
    base = float(record.base_share.mean()) if n else np.nan
    per_block = sharpe(record.returns())
    return Figures(
        record=record,
        hit_rate=rate,
        hit_low=low,
        hit_high=high,
        base_rate=base,
        excess=clustered_mean(won - record.base_share, record.cluster),
        gain=clustered_mean(record.net, record.cluster),
        edge=clustered_mean(record.edge, record.cluster),
        ratio=per_block.annual(YEAR / record.block),
        deflated=_deflated(per_block, trials),
        trials=trials,
        independent=independent,
        reliability=reliability(rate, independent, base) if n else 0.5,
    )


def _deflated(per_block: Sharpe, trials: int) -> float:
    """Return the deflated ratio, the trials as far apart as tools without an edge would be."""
    if not np.isfinite(per_block.ratio):
        return np.nan
    return deflated_sharpe(
        per_block.ratio,
        per_block.observations,
        per_block.skewness,
        per_block.kurtosis,
        trials,
        1.0 / (per_block.observations - 1.0),
    )


def _independent(hits: ClusteredMean) -> float:
    """Return how many independent signals would leave the error that the clusters leave."""
    n, share = float(hits.observations), hits.mean
    if hits.clusters < 2 or not 0.0 < share < 1.0:
        return float(hits.clusters)
    return min(n, share * (1.0 - share) / hits.error**2) if hits.error > 0.0 else n


def reliability(rate: float, signals: float, base: float) -> float:
    """Return the posterior probability that the true hit rate is above the base rate.

    The prior is a beta distribution worth `PRIOR` signals whose median is the base rate, so that
    without signals the answer is 0.5: a weight for votes that neither adds nor takes away.

    Parameters
    ----------
    rate : float
        Share that won.
    signals : float
        Independent ones.
    base : float
    """
    edge = min(max(base, 0.02), 0.98)
    a = edge * (PRIOR - 2.0 / 3.0) + 1.0 / 3.0  # median (a - 1/3)/(a + b - 2/3), Kerman 2011
    return float(1.0 - betainc(a + rate * signals, PRIOR - a + (1.0 - rate) * signals, edge))


def calibration(score: FloatArray, won: FloatArray) -> Calibration:
    """Return how often signals of each tenth of the score won, and the calibration's error.

    Parameters
    ----------
    score : (n,) float64
        In [0, 1].
    won : (n,) float64
        1 or 0.
    """
    place = np.minimum((score * BINS + 1e-9).astype(np.int64), BINS - 1)
    bins = []
    for which in np.unique(place):
        inside = place == which
        n, hits = int(inside.sum()), float(won[inside].sum())
        interval = wilson(hits, n)
        ends = which / BINS, (which + 1) / BINS
        bins.append(Bin(*ends, float(score[inside].mean()), n, hits / n, *interval))
    total = float(max(score.size, 1))
    error = sum(b.n * abs(b.rate - b.score) for b in bins) / total
    # The mean of |x| for x normal with the binomial's spread.
    chance = sum(np.sqrt(2.0 / np.pi * b.n * b.score * (1.0 - b.score)) for b in bins) / total
    known = bool(bins)
    return Calibration(
        tuple(bins), float(error) if known else np.nan, float(chance) if known else np.nan
    )
