"""Dealer exposure of 10,000 contracts at 200 spots.

Ours prepares the positions and sweeps the spots in one go: `quant.gamma_sweep.GammaSweep` for
gamma, and with `book_at` for vanna, charm and delta, too, as `quant.exposure.profile` does. The
peer is what one writes in NumPy: the textbook formulas on arrays of 200 x 10,000, summed over the
contracts; SciPy's ndtr gives the normal distribution. It uses one thread, as NumPy does for such
work; ours is timed as it comes, which takes all cores, and on one.

The goal speaks of all four figures as they come, and of less than 60 ms. The whole profile of a
chain of as many contracts, with sums by strike and expiry, levels and roots, is reported beside.

    python bench/quant_exposure.py [--reps 9]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import median

import numpy as np
from scipy.special import ndtr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import timing
from quant import exposure
from quant.chain import NANOSECONDS_PER_YEAR, Chain
from quant.gamma_sweep import GammaSweep, book_at

CONTRACTS, SPOTS = 10_000, 200
SPOT, R, Q = 100.0, 0.03, 0.01
GOAL, MOST_SECONDS = 15.0, 0.06
NOW = 1_709_650_000_000_000_000


class Positions:
    """Contracts of ten expiries, a call and a put of each strike, and what dealers hold."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        strikes = np.linspace(70.0, 130.0, CONTRACTS // 20)
        self.K = np.tile(np.repeat(strikes, 2), 10)
        self.T = np.repeat(np.array([1, 4, 7, 14, 21, 30, 60, 90, 180, 365]) / 365, CONTRACTS // 10)
        self.is_call = np.tile([True, False], CONTRACTS // 2)
        # Nobody has one volatility for a call and its put: nothing can be merged.
        smile = 0.15 + 0.4 * np.log(self.K / SPOT) ** 2
        self.iv = smile + rng.uniform(0.0, 0.02, CONTRACTS)
        self.weight = 100.0 * rng.normal(0.0, 100.0, CONTRACTS)
        self.spots = np.linspace(80.0, 120.0, SPOTS)

    def gamma(self) -> np.ndarray:
        """Return our gamma exposure at every spot."""
        sweep = GammaSweep(
            spot=SPOT, strikes=self.K, years=self.T, iv=self.iv, weight=self.weight, r=R, q=Q
        )
        return sweep(self.spots)

    def four(self) -> dict[str, np.ndarray]:
        """Return our four exposures at every spot."""
        book = book_at(
            self.spots, spot=SPOT, strikes=self.K, years=self.T, iv=self.iv, weight=self.weight,
            is_call=self.is_call, r=R, q=Q,
        )  # fmt: skip
        return {"gamma": self.gamma(), "vanna": book.vanna, "charm": book.charm_day} | {
            "delta": book.delta
        }

    def naive(self, all_four: bool) -> dict[str, np.ndarray]:
        """Return the same by broadcasting."""
        S, K, T, v = self.spots[:, None], self.K, self.T, self.iv
        root = np.sqrt(T)
        d1 = (np.log(S / K) + (R - Q + 0.5 * v * v) * T) / (v * root)
        density = np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
        carry = np.exp(-Q * T)
        gamma = carry * density / (S * v * root)
        out = {"gamma": (self.weight * gamma * S * S / 100.0).sum(axis=1)}
        if not all_four:
            return out
        d2 = d1 - v * root
        side = np.where(self.is_call, 1.0, -1.0)
        delta = side * carry * ndtr(side * d1)
        vanna = -carry * density * d2 / v
        slope = (2.0 * (R - Q) * T - d2 * v * root) / (2.0 * T * v * root)
        charm = Q * delta - carry * density * slope
        out["vanna"] = (self.weight * vanna * S / 100.0).sum(axis=1)
        out["charm"] = (self.weight * charm * S / 365.0).sum(axis=1)
        out["delta"] = (self.weight * delta * S).sum(axis=1)
        return out

    def chain(self) -> Chain:
        """Return a chain of the same contracts."""
        unknown = np.full(CONTRACTS, np.nan)
        settles = NOW + np.rint(self.T * NANOSECONDS_PER_YEAR).astype(np.int64)
        interest = np.abs(self.weight) / 100.0
        return Chain(
            NOW, SPOT, self.K, settles, self.is_call, unknown, unknown, unknown, unknown, interest,
            unknown, np.full(CONTRACTS, 100.0), R, Q,
        )  # fmt: skip


def main() -> None:
    reps = timing.repetitions(__doc__, 9)
    cores = len(os.sched_getaffinity(0))
    held = Positions()
    mine, theirs = held.four(), held.naive(all_four=True)
    timing.header()
    apart = {
        name: float(np.abs(mine[name] - theirs[name]).max() / np.abs(theirs[name]).max())
        for name in theirs
    }
    timing.differs("exposures at all spots, over the largest", apart)
    title = f"exposure, {SPOTS} spots x {CONTRACTS:,} contracts"

    def race(name: str, goal: float | None, *, all_four: bool) -> timing.Pair:
        pair = timing.in_turn(
            timing.timer(held.four if all_four else held.gamma),
            timing.timer(lambda: held.naive(all_four)),
            reps,
        )
        timing.faster(f"{title}, {name}, NumPy broadcast", pair, goal)
        return pair

    pair = race(f"gamma, vanna, charm, delta, {timing.threads(cores)}", GOAL, all_four=True)
    took = median(pair.ours)
    timing.row(
        f"{title}, gamma, vanna, charm, delta, {timing.threads(cores)}, time",
        timing.seconds(pair.ours),
        "-",
        "-",
        f"less than {1e3 * MOST_SECONDS:g} ms",
        took < MOST_SECONDS,
    )
    race(f"gamma alone, {timing.threads(cores)}", GOAL, all_four=False)
    with timing.one_core():
        race("gamma, vanna, charm, delta, 1 thread", None, all_four=True)
        race("gamma alone, 1 thread", None, all_four=False)

    chain = held.chain()
    whole = timing.alone(
        timing.timer(lambda: exposure.profile(chain, held.spots, iv=held.iv)), reps
    )
    timing.row(f"{title}, the whole profile", timing.seconds(whole), "-", "-", "", None)


if __name__ == "__main__":
    main()
