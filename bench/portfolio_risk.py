"""Value at risk and shortfall of 500 options on 20 underlyings, and the margin of as many.

Ours is `quant.portfolio_risk.value_at_risk` as a whole: correlated draws, full repricing in 10,240
scenarios (ten scramblings of 1,024), tails with their errors, shares of every position. It must end
within a second. The peer does less: the same scenarios are given to it, and it reprices and takes
the two figures alone, in plain NumPy one position after another over all scenarios, which stays
within the caches and is how a loop over positions is written. NumPy uses one thread.

The two repricings alone are told apart, on all cores and on one. Margin is that of 500 positions by
strategy, goal 20 ms, in one underlying, twenty and a hundred.

    python bench/portfolio_risk.py [--reps 7]
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
from quant import margin, portfolio_risk, risk
from quant.margin_types import Holding
from quant.portfolio import Portfolio, Shocks
from quant.portfolio_risk import Liquidity

CONTRACTS, UNDERLYINGS = 500, 20
POWER, REPLICATIONS = 10, 10
HORIZON, LEVEL = 1 / 252, 0.99
GOAL_SECONDS, GOAL_MARGIN = 1.0, 0.020


def made(rng: np.random.Generator) -> tuple[Portfolio, Shocks]:
    spots = rng.uniform(50.0, 600.0, UNDERLYINGS)
    on = rng.integers(0, UNDERLYINGS, CONTRACTS)
    portfolio = Portfolio.of(
        [f"U{at}" for at in range(UNDERLYINGS)],
        spots,
        on,
        spots[on] * rng.uniform(0.85, 1.15, CONTRACTS),
        rng.uniform(0.01, 0.5, CONTRACTS),
        rng.uniform(0.15, 0.5, CONTRACTS),
        rng.random(CONTRACTS) < 0.5,
        100.0 * rng.integers(-10, 11, CONTRACTS),
        r=0.045,
        q=0.013,
        units=100.0 * rng.integers(-5, 6, UNDERLYINGS),
    )
    matrix = np.full((UNDERLYINGS, UNDERLYINGS), 0.5) + 0.5 * np.eye(UNDERLYINGS)
    vols = rng.uniform(0.15, 0.45, UNDERLYINGS)
    return portfolio, Shocks.of(vols, 0.25, matrix, leverage=-0.6, common=0.4)


def worth(S: np.ndarray, vol: np.ndarray, book: risk.Book, at: int, T: float) -> np.ndarray:
    """Return one option's value in each scenario, as one writes it in NumPy."""
    K, s = book.K[at], vol * (book.sigma[at] * np.sqrt(T))
    d1 = (np.log(S / K) + (book.r - book.q) * T) / s + 0.5 * s
    side = 1.0 if book.is_call[at] else -1.0
    stock = S * np.exp(-book.q * T) * ndtr(side * d1)
    return side * (stock - K * np.exp(-book.r * T) * ndtr(side * (d1 - s)))


def loop(portfolio: Portfolio, scenarios: list[risk.Scenarios]) -> np.ndarray:
    """Return losses by scenario, one position after another."""
    out = np.zeros(scenarios[0].spot.size)
    for book, (spot, vol) in zip(portfolio.books, scenarios, strict=True):
        for at in range(book.K.size):
            now = worth(np.array([book.S]), np.ones(1), book, at, book.T[at])[0]
            then = worth(spot, vol, book, at, book.T[at] - HORIZON)
            out += book.quantity[at] * (now - then)
        out += book.units * (book.S - spot)
    return out


def figures(losses: np.ndarray) -> tuple[float, float]:
    """Return the quantile and the mean beyond it."""
    var = float(np.quantile(losses, LEVEL, method="inverted_cdf"))
    return var, float(losses[losses >= var].mean())


def repriced(portfolio: Portfolio, scenarios: list[risk.Scenarios], threads: int) -> np.ndarray:
    total = np.zeros(scenarios[0].spot.size)
    for book, moved in zip(portfolio.books, scenarios, strict=True):
        total -= risk.profits(book, moved, HORIZON, threads)
    return total


def holding(rng: np.random.Generator, count: int) -> Holding:
    return Holding.of(
        100.0,
        rng.choice(np.arange(60.0, 141.0, 2.5), count),
        rng.integers(1, 8, count),
        rng.random(count) < 0.5,
        rng.integers(-10, 11, count),
        rng.uniform(0.1, 8.0, count),
        shares=100.0 * rng.integers(-5, 6),
    )


def main() -> None:
    reps = timing.repetitions(__doc__, 7)
    cores = len(os.sched_getaffinity(0))
    rng = np.random.default_rng(0)
    portfolio, shocks = made(rng)
    spreads = Liquidity.of(np.full(CONTRACTS, 0.05), np.full(CONTRACTS, 2000.0))
    rngs = np.random.default_rng(0).spawn(REPLICATIONS)
    scenarios = shocks.drawn(portfolio.books, HORIZON, POWER, rngs)
    count = scenarios[0].spot.size

    def whole() -> portfolio_risk.PortfolioRisk:
        return portfolio_risk.value_at_risk(
            portfolio, shocks, HORIZON, liquidity=spreads, power=POWER,
            replications=REPLICATIONS, level=LEVEL,
        )  # fmt: skip

    timing.header()
    mine, theirs = repriced(portfolio, scenarios, cores), loop(portfolio, scenarios)
    timing.differs("losses, over the largest", float(np.abs(mine - theirs).max() / abs(mine).max()))
    found, (var, cvar) = whole(), figures(theirs)
    timing.differs(
        "VaR, CVaR", {"VaR": found.var.value / var - 1, "CVaR": found.cvar.value / cvar - 1}
    )
    title = f"{CONTRACTS} options, {UNDERLYINGS} underlyings x {count:,} scenarios"
    pair = timing.in_turn(
        timing.timer(whole), timing.timer(lambda: figures(loop(portfolio, scenarios))), reps
    )
    timing.faster(f"{title}, all of it, NumPy loop that only reprices", pair)
    took = median(pair.ours)
    timing.row(
        f"{title}, all of it", timing.seconds(pair.ours), "-", "-", f"below {GOAL_SECONDS:g} s",
        took < GOAL_SECONDS,
    )  # fmt: skip
    for threads in sorted({cores, 1}, reverse=True):
        pair = timing.in_turn(
            timing.timer(lambda n=threads: repriced(portfolio, scenarios, n)),
            timing.timer(lambda: loop(portfolio, scenarios)),
            reps,
        )
        timing.faster(f"{title}, repricing, {timing.threads(threads)}, NumPy loop", pair)
    for parts in (1, 20, 100):
        held = {str(at): holding(rng, CONTRACTS // parts) for at in range(parts)}
        spent = timing.alone(timing.timer(lambda h=held: margin.account(h)), reps)
        met = median(spent) < GOAL_MARGIN
        work = f"margin, {CONTRACTS} positions in {parts} underlyings"
        goal_text = f"below {1e3 * GOAL_MARGIN:g} ms"
        timing.row(work, timing.seconds(spent), "-", "-", goal_text, met)


if __name__ == "__main__":
    main()
