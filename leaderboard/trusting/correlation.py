"""Correlation of daily profits: pairs that are far closer than everybody else is to them.

Bots that trade one index are all correlated. So a pair counts only when it stands out among the
pairs that each of the two has with other owners' bots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from leaderboard.trusting.overlap import CHANCE, CLONE, MIRROR, RING, pairs_compared

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST_DAYS: Final = 20
LEAST_RHO: Final = 0.9
LEAST_RANKS: Final = 0.7
"""Correlation of ranks, so that one wild day makes no pair."""
LEAST_OTHERS: Final = 20
"""Other owners to hold a pair against; with fewer nobody can say what is usual."""
NEARER: Final = np.log(20) / 2
"""Fisher's z by which a pair stands out: its distance 1 - rho a twentieth of the usual one."""
ERRORS: Final = 3.0
_BLOCK: Final = 256
_MOST: Final = 1 - 1e-12


@dataclass(frozen=True, slots=True)
class Correlation:
    """Two bots' daily profits over the `days` on which both were active.

    `low` and `high` hold rho with 95 % (Fisher). `log10_p` is the probability of such a rho by
    chance. `usual` is rho with the nearest owner beyond a ring.
    """

    rho: float
    low: float
    high: float
    days: int
    log10_p: float
    usual: float

    @property
    def kind(self) -> str:
        """What the sign says."""
        return CLONE if self.rho > 0 else MIRROR


def correlations(profits: Floats, owners: Ints) -> dict[tuple[int, int], Correlation]:
    """Return the pairs of different owners' bots whose profits are alike beyond all others.

    Parameters
    ----------
    profits : float array, (bots, days)
        NaN where a bot was not active.
    owners : int array, (bots,)
    """
    numbers = np.unique(owners, return_inverse=True)[1]
    found: dict[tuple[int, int], Correlation] = {}
    if len(owners) == 0 or numbers.max() < LEAST_OTHERS:
        return found
    table = _Table(profits, numbers)
    close, usual = _close(table)
    for a, b, rho, days in (one for one in close if _stands_out(one, usual)):
        sign = 1 if rho > 0 else -1
        common = max(usual[a, sign], usual[b, sign])
        one = described(rho, days, sign * common)
        if (
            one.log10_p <= np.log10(CHANCE / pairs_compared(owners))
            and sign * _ranks(profits[a], profits[b]) >= LEAST_RANKS
        ):
            found[a, b] = one
    return found


Close = tuple[int, int, float, int]
"""Two places, their rho, and its days."""


def _close(table: _Table) -> tuple[list[Close], dict[tuple[int, int], float]]:
    """Return pairs that are close, and by place and sign how close others are beyond a ring."""
    usual: dict[tuple[int, int], float] = {}
    close: list[Close] = []
    for start in range(0, len(table.active), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(table.active)))
        rho, days = table.block(rows)
        for a, b in np.argwhere(np.abs(rho) >= LEAST_RHO):
            if rows[a] < b:
                close.append((int(rows[a]), int(b), float(rho[a, b]), int(days[a, b])))
        for sign in (1, -1):
            each = table.by_owner(sign * rho)
            few = (each > -np.inf).sum(axis=1) < LEAST_OTHERS
            beyond = np.where(few, 1.0, np.sort(each, axis=1)[:, -RING])
            usual |= {(int(row), sign): float(one) for row, one in zip(rows, beyond, strict=True)}
    return close, usual


def _stands_out(one: Close, usual: dict[tuple[int, int], float]) -> bool:
    a, b, rho, days = one
    sign = 1 if rho > 0 else -1
    apart = _z(abs(rho)) - _z(max(usual[a, sign], usual[b, sign]))
    return bool(apart >= max(NEARER, ERRORS / np.sqrt(days - 3)))


def described(rho: float, days: int, usual: float) -> Correlation:
    """Return a correlation with its interval and its probability by chance.

    Source: R. A. Fisher, On the probable error of a coefficient of correlation, Metron 1, 1921.
    """
    z, error = _z(rho), 1 / np.sqrt(days - 3)
    low, high = np.tanh(z - 1.96 * error), np.tanh(z + 1.96 * error)
    tail = float(norm.logsf(abs(z) / error) + np.log(2)) / np.log(10)
    return Correlation(rho, float(low), float(high), days, min(0.0, float(tail)), usual)


def correlation(ours: Floats, theirs: Floats) -> tuple[float, int] | None:
    """Return rho of two bots and its days, None where too few are common."""
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    days = int(both.sum())
    if days < LEAST_DAYS or not (np.ptp(ours[both]) and np.ptp(theirs[both])):
        return None
    return float(np.corrcoef(ours[both], theirs[both])[0, 1]), days


def _z(rho: float) -> float:
    return float(np.arctanh(np.clip(rho, -_MOST, _MOST)))


def _ranks(ours: Floats, theirs: Floats) -> float:
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    return float(np.corrcoef(rankdata(ours[both]), rankdata(theirs[both]))[0, 1])


class _Table:
    """Profits with what sums over common days need."""

    def __init__(self, profits: Floats, owners: Ints) -> None:
        self.owners = owners
        self.order = np.argsort(owners, kind="stable")
        self.first = np.searchsorted(owners[self.order], np.arange(owners.max() + 1))
        self.active = (~np.isnan(profits)).astype(np.float64)
        spread = np.sqrt(np.nanmean(np.where(self.active > 0, profits, 0.0) ** 2, axis=1))
        scale = np.where(spread > 0, spread, 1.0)[:, None]
        self.values = np.where(self.active > 0, profits, 0.0) / scale
        self.squares = self.values**2

    def block(self, rows: Ints) -> tuple[Floats, Ints]:
        """Return rho of some bots with other owners', NaN where it is not known, and its days."""
        active, values, squares = self.active[rows], self.values[rows], self.squares[rows]
        days = active @ self.active.T
        ours, theirs = values @ self.active.T, active @ self.values.T
        with np.errstate(divide="ignore", invalid="ignore"):
            covariance = values @ self.values.T - ours * theirs / days
            our_spread = squares @ self.active.T - ours**2 / days
            their_spread = active @ self.squares.T - theirs**2 / days
            flat = (our_spread < 1e-9 * days) | (their_spread < 1e-9 * days)
            rho = covariance / np.sqrt(our_spread * their_spread)
        rho[flat | (days < LEAST_DAYS)] = np.nan
        rho[self.owners[rows][:, None] == self.owners[None]] = np.nan
        return np.clip(rho, -1, 1), days.astype(np.int64)

    def by_owner(self, rho: Floats) -> Floats:
        """Return the highest of each owner's, below all where none is known."""
        known = np.where(np.isnan(rho), -np.inf, rho)
        return np.maximum.reduceat(known[:, self.order], self.first, axis=1)
