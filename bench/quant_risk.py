"""Profits of a book of 500 options in 8,192 scenarios, by full repricing, and value at risk.

Ours is `quant.risk.profits`. The peer is plain NumPy on the same scenarios: the Black-Scholes
formula on arrays of scenarios by contracts, SciPy's ndtr for the normal distribution. The goal is
held against all scenarios at once, as one writes it first; blocks of scenarios that stay within the
caches, which are quicker, are reported. NumPy uses one thread; ours is timed as it comes, which
takes all cores, and on one.

`quant.risk.value_at_risk` as a whole, with sixteen scramblings of as many scenarios, is reported.

    python bench/quant_risk.py [--reps 7]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from scipy.special import ndtr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import timing
from quant import risk

CONTRACTS, POWER = 500, 13
SPOT, R, Q, HORIZON = 6000.0, 0.045, 0.013, 1 / 252
SPOT_VOL, VOL_OF_VOL, CORRELATION = 0.2, 0.3, -0.7
GOAL = 10.0
BLOCK = 64


def book_of(rng: np.random.Generator) -> risk.Book:
    return risk.Book.of(
        SPOT,
        rng.uniform(5500.0, 6500.0, CONTRACTS),
        rng.uniform(0.01, 0.5, CONTRACTS),
        rng.uniform(0.12, 0.3, CONTRACTS),
        rng.random(CONTRACTS) < 0.5,
        100.0 * rng.normal(size=CONTRACTS),
        r=R,
        q=Q,
    )


def drawn(rng: np.random.Generator) -> risk.Scenarios:
    z = rng.normal(size=(2, 1 << POWER))
    other = CORRELATION * z[0] + np.sqrt(1.0 - CORRELATION**2) * z[1]
    total = SPOT_VOL * np.sqrt(HORIZON)
    return risk.Scenarios(
        SPOT * np.exp((R - Q) * HORIZON - 0.5 * total**2 + total * z[0]),
        np.exp(VOL_OF_VOL * other - 0.5 * VOL_OF_VOL**2),
    )


def values(book: risk.Book, spot: np.ndarray, vol: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Return values by scenario and contract, as one writes it in NumPy."""
    S, s = spot[:, None], vol[:, None] * book.sigma * np.sqrt(T)
    d1 = (np.log(S / book.K) + (book.r - book.q) * T) / s + 0.5 * s
    side = np.where(book.is_call, 1.0, -1.0)
    first = S * np.exp(-book.q * T) * ndtr(side * d1)
    return side * (first - book.K * np.exp(-book.r * T) * ndtr(side * (d1 - s)))


def plain(book: risk.Book, scenarios: risk.Scenarios, block: int) -> np.ndarray:
    """Return profits, so many scenarios at a time."""
    now = values(book, np.array([book.S]), np.ones(1), book.T)[0] @ book.quantity
    out = np.empty(scenarios.spot.size)
    for at in range(0, out.size, block):
        part = slice(at, at + block)
        worth = values(book, scenarios.spot[part], scenarios.vol[part], book.T - HORIZON)
        out[part] = worth @ book.quantity - now
    return out


def main() -> None:
    reps = timing.repetitions(__doc__, 7)
    cores = len(os.sched_getaffinity(0))
    rng = np.random.default_rng(0)
    book, scenarios = book_of(rng), drawn(rng)
    timing.header()
    mine, theirs = risk.profits(book, scenarios, HORIZON), plain(book, scenarios, BLOCK)
    timing.differs(
        "profits, over the largest", float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    )
    title = f"VaR, {CONTRACTS} contracts x {1 << POWER:,} scenarios"
    for threads in (cores, 1):
        for block, name in ((1 << POWER, "all at once"), (BLOCK, f"{BLOCK} at a time")):
            pair = timing.in_turn(
                timing.timer(lambda n=threads: risk.profits(book, scenarios, HORIZON, n)),
                timing.timer(lambda b=block: plain(book, scenarios, b)),
                reps,
            )
            told = threads == cores and block != BLOCK
            work = f"{title}, {timing.threads(threads)}, NumPy ({name})"
            timing.faster(work, pair, GOAL if told else None)
    whole = timing.alone(
        timing.timer(
            lambda: risk.value_at_risk(
                book, HORIZON, spot_vol=SPOT_VOL, vol_of_vol=VOL_OF_VOL, correlation=CORRELATION,
                power=POWER,
            )
        ),
        max(1, reps // 2),
    )  # fmt: skip
    timing.row(f"{title}, 16 scramblings, VaR and CVaR", timing.seconds(whole), "-", "-", "", None)


if __name__ == "__main__":
    main()
