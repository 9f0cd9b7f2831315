"""Implied volatility of out-of-the-money prices without discounting, on an easy and a hard grid.

The easy grid has times of two days to two years, volatilities of 5 to 100 % and strikes within
three standard deviations, all drawn at random. The hard grid has strikes up to twelve deviations
away and next to the forward, times of one minute to two years and volatilities of 5 to 300 %. A
volatility fails when it is missing or its relative error is above one in a million. The prices are
ours; a sample of those of the hard grid is held against 50 digits first.

Ours is one call of `quant.implied_vol.implied_vol`. The peers are two exact solvers in the manner
of Jaeckel's "Let's be rational":

- fast-vollib's `jackel_iv_black`, called with the times as they are, and with a time of 1 for all
  and the root of time divided out after, for which it has a faster way;
- py_vollib_vectorized, the compiled loop inside `vectorized_implied_volatility_black` alone, which
  spares it the preparation of its inputs; it runs in a process of its own (`support/peers.py`).

The goal is held against the quicker way of the first. Threads are the same on both sides: all cores
against fast-vollib for 1,000,000 prices, one everywhere else.

    python bench/quant_implied_vol.py [--reps 3]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import mpmath
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import peers, timing
from quant import bsm
from quant.implied_vol import implied_vol

SIZES = (10_000, 1_000_000)
GOAL = 4.0
LARGEST_ERROR = 1e-10
FAILED = 1e-6
FORWARD = 100.0
SAMPLE = 200
MINUTE = 1 / 525_600
HARD_TIMES = np.array([MINUTE, 10 * MINUTE, 60 * MINUTE, 1 / 365, 30 / 365, 1.0, 2.0])
NEAR = (1e-9, 1e-6, 1e-3)  # deviations from the forward; 0 itself is among the even steps


class Grid:
    """Prices with the volatilities that made them."""

    def __init__(self, name: str, h: np.ndarray, T: np.ndarray, vol: np.ndarray) -> None:
        self.name, self.T, self.vol = name, T, vol
        self.K = FORWARD * np.exp(-h * vol * np.sqrt(T))
        self.is_call = self.K >= FORWARD
        self.price = bsm.price(FORWARD, self.K, T, 0.0, 0.0, vol, self.is_call)
        self.count = T.size

    def ours(self, threads: int) -> np.ndarray:
        """Return our volatilities."""
        found = implied_vol(
            self.price, FORWARD, self.K, self.T, 0.0, 0.0, self.is_call, threads=threads
        )
        return found.iv

    def judge(self, iv: np.ndarray) -> tuple[int, float, float]:
        """Return how many volatilities fail, and the largest and the median relative error."""
        with np.errstate(all="ignore"):
            error = np.abs(iv / self.vol - 1.0)
        failed = int(np.count_nonzero(~(error <= FAILED)))
        return failed, float(np.nanmax(error)), float(np.nanmedian(error))


def easy(count: int) -> Grid:
    rng = np.random.default_rng(1)
    h, vol = rng.uniform(-3.0, 3.0, count), rng.uniform(0.05, 1.0, count)
    return Grid("easy", h, rng.uniform(2 / 365, 2.0, count), vol)


def hard(count: int) -> Grid:
    vols = np.geomspace(0.05, 3.0, 30 if count < SIZES[-1] else 150)
    each = count // (HARD_TIMES.size * vols.size)
    steps = 12.0 * np.linspace(-1.0, 1.0, each - 2 * len(NEAR) - (each + 1) % 2)
    h = np.concatenate([steps, NEAR, np.negative(NEAR)])
    parts = np.meshgrid(h, HARD_TIMES, vols, indexing="ij")
    # In no order: neighbors that are alike would flatter whoever branches.
    order = np.random.default_rng(2).permutation(parts[0].size)
    return Grid("hard", *(part.ravel()[order] for part in parts))


def title(grid: Grid) -> str:
    return f"implied volatility, {grid.name}, {grid.count:,}"


def check_prices(grid: Grid) -> None:
    """Hold a sample of the prices against 50 digits."""
    worst = 0.0
    with mpmath.workdps(50):
        for place in range(0, grid.count, max(1, grid.count // SAMPLE)):
            F, K = mpmath.mpf(FORWARD), mpmath.mpf(float(grid.K[place]))
            s = mpmath.mpf(float(grid.vol[place])) * mpmath.sqrt(mpmath.mpf(float(grid.T[place])))
            d1 = mpmath.log(F / K) / s + s / 2
            side = 1 if grid.is_call[place] else -1
            true = side * (F * mpmath.ncdf(side * d1) - K * mpmath.ncdf(side * (d1 - s)))
            worst = max(worst, abs(float(grid.price[place] / true - 1)))
    timing.differs(f"prices of the {grid.name} grid and 50 digits, relative", worst)


def judged(grid: Grid, who: str, iv: np.ndarray, ours: bool = False) -> None:
    failed, worst, middle = grid.judge(iv)
    goal = LARGEST_ERROR if grid.name == "hard" else FAILED
    timing.row(
        f"{title(grid)}, correctness of {who}",
        f"{failed:,} failures",
        f"largest error {worst:.2g}",
        f"median error {middle:.2g}",
        f"none, at most {goal:g}" if ours else "",
        (failed == 0 and worst <= goal) if ours else None,
    )


def race(grid: Grid, name: str, threads: int, ways: dict[str, timing.Timer], reps: int) -> None:
    """Time ours against the quickest of a peer's ways."""
    best = min(ways, key=lambda way: ways[way]()) if len(ways) > 1 else next(iter(ways))
    pair = timing.in_turn(
        timing.timer(lambda: grid.ours(threads)), ways[best], reps, pieces=grid.count
    )
    work = f"{title(grid)}, {timing.threads(threads)}, {name} ({best}), a price"
    timing.faster(work, pair, GOAL)


def against_fast_vollib(grid: Grid, threads: int, reps: int) -> None:
    peers.fast_vollib(threads)
    from fast_vollib.jackel.jackel_iv import jackel_iv_black

    root = np.sqrt(grid.T)
    ways: dict[str, Callable[[], np.ndarray]] = {
        "each time": lambda: jackel_iv_black(grid.price, FORWARD, grid.K, grid.T, grid.is_call),
        "time 1": lambda: jackel_iv_black(grid.price, FORWARD, grid.K, 1.0, grid.is_call) / root,
    }
    with np.errstate(all="ignore"):
        for way, call in ways.items():  # compiles, too
            judged(grid, f"fast-vollib ({way})", call())
        timers = {way: timing.timer(call) for way, call in ways.items()}
        race(grid, "fast-vollib", threads, timers, reps)


def against_vectorized(grid: Grid, reps: int) -> None:
    with peers.Vectorized() as peer:
        peer.give(
            price=grid.price,
            F=np.full(grid.count, FORWARD),
            K=grid.K,
            T=grid.T,
            side=np.where(grid.is_call, 1.0, -1.0),
        )
        once = peer.timer("vols")
        once()
        judged(grid, "py_vollib_vectorized", peer.answer()["iv"])
        race(grid, "py_vollib_vectorized", 1, {"inner loop": once}, reps)


def main() -> None:
    reps = timing.repetitions(__doc__, 3)
    cores = len(os.sched_getaffinity(0))
    timing.header()
    for count in SIZES:
        for grid in (easy(count), hard(count)):
            check_prices(grid)
            judged(grid, "ours", grid.ours(cores), ours=True)
            small = grid.count < SIZES[-1] // 2
            try:
                against_fast_vollib(
                    grid, 1 if small else cores, 2 * reps if small else max(1, reps - 1)
                )
            except peers.Missing as reason:
                timing.not_measured(f"{title(grid)}, fast-vollib", str(reason))
            try:
                against_vectorized(grid, 2 * reps if small else max(1, reps - 1))
            except peers.Missing as reason:
                timing.not_measured(f"{title(grid)}, py_vollib_vectorized", str(reason))


if __name__ == "__main__":
    main()
