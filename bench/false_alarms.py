"""How often tools fire on the simulator's null days: the same days with the effects off.

Intraday tools on whole sessions with their chains; daily tools (except the one that needs company
reports) on the daily history of many independent paths. A share comes with its 95 % interval
(Wilson's over sessions, the normal one over paths): a tool's signals have to be judged against it.

    python bench/false_alarms.py --sessions 12 --paths 20 --seed 11
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
from collections import defaultdict

import numpy as np

from market import calendars
from market.frames import Kind
from market.simulator import SimulatedMarket, SimulatorConfig
from quant.performance import wilson
from tools_app.contract import Tool
from tools_app.rehearsal import Onsets, daily_rows, evaluate_all, intraday_rows, onsets

FIRST, LAST = dt.date(2026, 1, 5), dt.date(2026, 12, 30)
DAILY_SESSIONS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=12, help="whole sessions")
    parser.add_argument("--paths", type=int, default=20, help="paths of 500 daily bars")
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    days = [(d.date, d.open_ns, d.close_ns) for d in calendars.sessions(FIRST, LAST)]
    null = SimulatorConfig(seed=args.seed, strength=0.0)
    market = SimulatedMarket(null, days)
    found: dict[Tool, list[Onsets]] = defaultdict(list)
    for index in range(args.sessions):
        rows = intraday_rows(market.session(index), null.symbol)
        for tool, answer in evaluate_all(Kind.INTRADAY, null.symbol, rows).items():
            found[tool].append(onsets(answer))
    print(f"null sessions of one minute a row: {args.sessions}, seed {args.seed}")
    print(f"{'tool':34} alarms a session   sessions with one, 95 % interval   minutes fired")
    for tool, counts in found.items():
        show(tool, counts)
    daily: dict[Tool, list[Onsets]] = defaultdict(list)
    for path in range(args.paths):
        one = SimulatedMarket(dataclasses.replace(null, path=path), days)
        rows = daily_rows(one, DAILY_SESSIONS)
        for tool, answer in evaluate_all(Kind.DAILY, null.symbol, rows).items():
            daily[tool].append(onsets(answer))
    print(f"\nnull paths of {DAILY_SESSIONS} sessions: {args.paths}, seed {args.seed}")
    print(f"{'tool':34} alarms a year      sessions fired, 95 % interval")
    for tool, counts in daily.items():
        show_daily(tool, counts)


def show(tool: Tool, counts: list[Onsets]) -> None:
    hits = sum(count.rows > 0 for count in counts)
    low, high = wilson(hits, len(counts))
    alarms = sum(count.alarms for count in counts) / len(counts)
    scored = sum(count.scored for count in counts)
    share = sum(count.rows for count in counts) / scored if scored else float("nan")
    print(
        f"{tool.id:2} {tool.slug:31} {alarms:16.2f}   {hits:3} of {len(counts):3}, "
        f"{low:5.1%} to {high:5.1%}            {share:7.2%}"
    )


def show_daily(tool: Tool, counts: list[Onsets]) -> None:
    """Rows of one path hang together, so the interval is taken over paths."""
    shares = np.array([count.rows / count.scored for count in counts if count.scored])
    if not shares.size:
        print(f"{tool.id:2} {tool.slug:31} no score: {tool.judged_on}")
        return
    scored = sum(count.scored for count in counts)
    alarms = 252.0 * sum(count.alarms for count in counts) / scored
    error = 1.96 * shares.std(ddof=1) / np.sqrt(shares.size) if shares.size > 1 else np.inf
    print(
        f"{tool.id:2} {tool.slug:31} {alarms:13.2f}      {shares.mean():6.2%} of {scored:6}, "
        f"+- {error:.2%}"
    )


if __name__ == "__main__":
    main()
