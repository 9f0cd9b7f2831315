"""Splits that do not look ahead, and tests of many models against a benchmark.

A sample is a label's interval [start, end]: it is decided at its start and known at its end.
Training samples whose interval meets that of a test block are purged, and those that begin within
an embargo after it are left out as well (Lopez de Prado 2018, chapters 7 and 12). Test samples are
never touched. The reality check and the test for superior predictive ability are those of the
`arch` package, with the stationary bootstrap.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from quant.arrays import BoolArray, FloatArray, FloatLike, IntArray


class Split(NamedTuple):
    """Positions of the training and of the test samples, and which groups are tested."""

    train: IntArray
    test: IntArray
    groups: tuple[int, ...]


def walk_forward(
    start: FloatLike,
    end: FloatLike,
    folds: int,
    *,
    window: int | None = None,
    embargo: float = 0.0,
) -> Iterator[Split]:
    """Yield splits that train on what is known when the test begins.

    Parameters
    ----------
    start, end : (n,) float64
        Instants of the labels, ordered by start, end not before start.
    folds : int
        Test blocks of equal length; the samples before the first one only train.
    window : int, optional
        Most training samples, the newest; by default all.
    embargo : float
        Time, in the unit of the instants, that must lie between the end of a training label and
        the beginning of the test.
    """
    begin, finish = _labels(start, end)
    blocks = _blocks(begin.size, folds + 1)
    for fold in range(1, folds + 1):
        test = np.arange(*blocks[fold])
        known = np.flatnonzero(finish[: test[0]] < begin[test[0]] - embargo)
        yield Split(known if window is None else known[-window:], test, (fold - 1,))


def purged_folds(
    start: FloatLike, end: FloatLike, folds: int, *, embargo: float = 0.0
) -> Iterator[Split]:
    """Yield one split per fold: it is tested, the rest trains, purged and embargoed."""
    yield from combinatorial(start, end, folds, 1, embargo=embargo)


def combinatorial(
    start: FloatLike, end: FloatLike, groups: int, tested: int, *, embargo: float = 0.0
) -> Iterator[Split]:
    """Yield every choice of `tested` of the groups: combinatorial purged cross-validation.

    Parameters
    ----------
    start, end : (n,) float64
        As in `walk_forward`.
    groups, tested : int
        15 splits and 5 paths for 6 and 2.
    embargo : float
        Time after each tested block in which no training label may begin.

    Raises
    ------
    ValueError
        Naming what is wrong.
    """
    begin, finish = _labels(start, end)
    if not 1 <= tested < groups:
        raise ValueError(f"tested is {tested}; give from 1 to {groups - 1}, below groups")
    blocks = _blocks(begin.size, groups)
    for chosen in combinations(range(groups), tested):
        inside = np.zeros(begin.size, dtype=np.bool_)
        for group in chosen:
            inside[slice(*blocks[group])] = True
        test = np.flatnonzero(inside)
        left = ~inside & ~_touched(begin, finish, [blocks[group] for group in chosen], embargo)
        yield Split(np.flatnonzero(left), test, chosen)


def backtest_paths(groups: int, tested: int) -> list[dict[int, int]]:
    """Return how the splits of `combinatorial` combine to whole histories.

    Each path maps every group to the number of the split that tested it; there are
    tested/groups C(groups, tested) of them, and each split's tested group is used once.
    """
    seen: dict[int, list[int]] = {group: [] for group in range(groups)}
    for number, chosen in enumerate(combinations(range(groups), tested)):
        for group in chosen:
            seen[group].append(number)
    return [
        {group: numbers[path] for group, numbers in seen.items()} for path in range(len(seen[0]))
    ]


def _labels(start: FloatLike, end: FloatLike) -> tuple[FloatArray, FloatArray]:
    begin, finish = (np.asarray(part, dtype=np.float64) for part in (start, end))
    if begin.ndim != 1 or begin.shape != finish.shape:
        raise ValueError(f"start has shape {begin.shape}, end {finish.shape}; give two equal rows")
    if not (np.isfinite(begin).all() and np.isfinite(finish).all()):
        raise ValueError("start or end has a value that is not finite")
    if np.any(np.diff(begin) < 0.0):
        place = int(np.flatnonzero(np.diff(begin) < 0.0)[0]) + 1
        raise ValueError(f"start[{place}] is before start[{place - 1}]; order samples by start")
    if np.any(finish < begin):
        raise ValueError(f"end[{int(np.flatnonzero(finish < begin)[0])}] is before its start")
    return begin, finish


def _blocks(count: int, groups: int) -> list[tuple[int, int]]:
    if groups < 2 or count < groups:
        raise ValueError(f"{count} samples cannot be cut into {groups} groups; give 2 or more")
    cuts = [count * group // groups for group in range(groups + 1)]
    return list(pairwise(cuts))


def _touched(
    begin: FloatArray, finish: FloatArray, blocks: list[tuple[int, int]], embargo: float
) -> BoolArray:
    """Return which samples meet a tested block's interval, or begin in the embargo after it."""
    out = np.zeros(begin.size, dtype=np.bool_)
    for first, last in blocks:
        low, high = begin[first], finish[first:last].max()
        out |= (begin <= high + embargo) & (finish >= low)
    return out


class Superior(NamedTuple):
    """Probabilities under the null that no model beats the benchmark.

    `consistent` is the one to report; `lower` and `upper` treat poor models as absent or as equal
    to the benchmark (Hansen 2005). White's reality check is `upper`.
    """

    lower: float
    consistent: float
    upper: float
    models: int
    observations: int


def superior_ability(
    benchmark: FloatLike, models: FloatLike, *, block: float, draws: int = 1000, seed: int
) -> Superior:
    """Test whether the best of many models has lower expected loss than a benchmark (SPA).

    Parameters
    ----------
    benchmark : (n,) float64
        Losses.
    models : (n, m) float64
    block : float
        Mean length of the blocks drawn: say about how long losses stay correlated.
    draws : int
    seed : int
    """
    return _bootstrap("SPA", benchmark, models, block, draws, seed)


def reality_check(
    benchmark: FloatLike, models: FloatLike, *, block: float, draws: int = 1000, seed: int
) -> Superior:
    """Test the same by White's reality check (2000), which is not studentized."""
    return _bootstrap("RealityCheck", benchmark, models, block, draws, seed)


def _bootstrap(
    name: str, benchmark: FloatLike, models: FloatLike, block: float, draws: int, seed: int
) -> Superior:
    # Not on the module: it takes a second to load and pulls in data frames.
    from arch import bootstrap

    base = np.asarray(benchmark, dtype=np.float64)
    others = np.asarray(models, dtype=np.float64)
    if base.ndim != 1 or others.ndim != 2 or others.shape[0] != base.size:
        raise ValueError(
            f"benchmark has shape {base.shape}, models {others.shape}; give (n,), (n, m)"
        )
    if block < 1.0:
        raise ValueError(f"block is {block}; give at least 1")
    test = getattr(bootstrap, name)(
        base, others, block_size=block, reps=draws, bootstrap="stationary", seed=seed
    )
    test.compute()
    found = test.pvalues
    return Superior(
        float(found["lower"]),
        float(found["consistent"]),
        float(found["upper"]),
        others.shape[1],
        base.size,
    )
