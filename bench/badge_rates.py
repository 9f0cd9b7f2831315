"""How often the badge says proven of tools whose edge is known: both rates with their intervals.

Each try walks sessions of one-minute prices with clustered volatility and fat tails, lets a tool
fire at random minutes on a random side, and follows its signals by the platform's own rules. A
planted edge is a drift towards the signal's side over its horizon, as large as makes the annual
Sharpe ratio of the session returns what it should be in the long run.

    python bench/badge_rates.py --tries 1000 --sessions 250 --seed 7
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support.tries import Plan, tries
from quant.performance import wilson
from tools_app.badges import Badge, most_power
from tools_app.costs import MINUTES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=250)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    n = args.sessions
    plans = {
        "random, no costs": Plan(n, cost=0.0),
        "random, costs": Plan(n),
        "random, always long in a market that rises 20 % a year": Plan(n, side=1, drift=0.2),
        "random, four signals a session": Plan(n, signals=4),
        "random, looked at for 1,000 sessions": Plan(4 * n),
        "ratio 2 before costs": Plan(n, ratio=2.0, cost=0.0),
        "ratio 2 after costs": Plan(n, ratio=2.0),
        "ratio 2 after costs, four signals a session": Plan(n, ratio=2.0, signals=4),
        "ratio 2 after costs, kept for 500 sessions": Plan(3 * n, ratio=2.0),
        "ratio 2 after costs, gone after 250 sessions": Plan(3 * n, ratio=2.0, until=n),
    }
    print(f"{args.tries} tries each, {n} sessions, seed {args.seed}, costs {MINUTES * 1e4:g} bp")
    print(f"no test of daily returns at 5 % has more power than {most_power(2.0, n):.1%} (ratio 2)")
    print(f"{'tool':56} {'proven, 95 % interval':26} retired")
    for name, plan in plans.items():
        began = time.perf_counter()
        found = Counter(tries(plan, args.tries, args.seed))
        proven, retired = found[Badge.PROVEN], found[Badge.RETIRED]
        low, high = wilson(proven, args.tries)
        print(
            f"{name:56} {proven / args.tries:6.1%}  {low:6.1%} to {high:6.1%}  "
            f"{retired / args.tries:6.1%}   {time.perf_counter() - began:.0f} s"
        )


if __name__ == "__main__":
    main()
