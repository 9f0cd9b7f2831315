"""How many planted copies the trust queue finds, and how many independent bots it flags.

Independent bots of four habits: minutes of their own, a grid of five minutes, the index from the
open to the close, breaks of the index. Of each habit a copy of each make is planted on a seed. A
share comes with its 95 % interval (Wilson's). Last, the time and memory of one search.

    python bench/copies.py --bots 1000 --days 60 --seeds 1 2 3 --large 5000
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from bench.support.crowd import COPIES, HABITS, Log, copied, gathered, market
from leaderboard.trusting.correlation import correlations
from leaderboard.trusting.likeness import alike
from leaderboard.trusting.overlap import overlaps
from quant.performance import wilson

MOST_TRADES = 1_000
LEAST_TRADES = 60
"""Of a bot that is copied."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bots", type=int, default=1000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--large", type=int, default=2000, help="bots of the timed search, 0: none")
    args = parser.parse_args()
    by_trades: Counter[tuple[str, str]] = Counter()
    by_any: Counter[tuple[str, str]] = Counter()
    for seed in args.seeds:
        try_seed(seed, args.bots, args.days, by_trades, by_any)
    print(f"\nplanted copies that were found, of {len(args.seeds)}: by trades, by either")
    print(f"{'':42}" + "".join(f"{habit:>18}" for habit in HABITS))
    for make in COPIES:
        counts = (f"{by_trades[h, make]}, {by_any[h, make]}" for h in HABITS)
        print(f"{make:42}" + "".join(f"{count:>18}" for count in counts))
    if args.large:
        timed(args.large, args.days)


def crowd(rng: np.random.Generator, bots: int, days: int) -> list[Log]:
    scene, makers = market(rng, days), list(HABITS.values())
    logs = [makers[number % len(makers)](rng, scene) for number in range(bots)]
    # The search reads the newest of each bot, so that much is made here.
    return [log.pick(np.argsort(np.argsort(-log.at)) < MOST_TRADES) for log in logs]


def try_seed(
    seed: int, bots: int, days: int, by_trades: Counter[tuple[str, str]],
    by_any: Counter[tuple[str, str]],
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    logs = crowd(rng, bots, days)
    began = time.perf_counter()
    pairs = alike(*gathered(logs, list(range(bots))))
    took = time.perf_counter() - began
    flagged = len({place for one in pairs for place in (one.first, one.second)})
    low, high = wilson(flagged, bots)
    print(
        f"seed {seed}: {flagged} of {bots} independent bots flagged, {flagged / bots:.2%} "
        f"({low:.2%} to {high:.2%}); {sum(len(log.at) for log in logs):,} trades, {took:.0f} s"
    )
    planted = {}
    for number, habit in enumerate(HABITS):
        fit = [
            place
            for place in range(number, bots, len(HABITS))
            if len(logs[place].at) >= LEAST_TRADES
        ]
        sources = rng.choice(fit, len(COPIES), replace=False)
        for source, (make, how) in zip(sources, COPIES.items(), strict=True):
            planted[int(source), len(logs)] = (habit, make)
            logs.append(copied(rng, logs[source], **how))
    found = {(one.first, one.second): one for one in alike(*gathered(logs, list(range(len(logs)))))}
    for place, name in planted.items():
        by_any[name] += place in found
        by_trades[name] += place in found and found[place].overlap is not None
    print(f"        with {len(planted)} copies: {len(found.keys() - planted.keys())} wrong pairs")


def timed(bots: int, days: int) -> None:
    logs = crowd(np.random.default_rng(1), bots, days)
    trades, profits = gathered(logs, list(range(bots)))
    before = peak()
    began = time.perf_counter()
    correlations(profits, trades.owners)
    between = time.perf_counter()
    overlaps(trades)
    ended = time.perf_counter()
    print(
        f"\n{bots:,} bots, {len(trades.at):,} trades: profits {between - began:.0f} s, trades "
        f"{ended - between:.0f} s; memory from {before:,.0f} to {peak():,.0f} MiB"
    )


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
