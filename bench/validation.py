"""Path-steps per second of a validation, beside a vectorised backtest engine on the same prices.

Interleaved, in one process on one core:

- whole: one block simulated, its chain's exposures, features, all tools that one-minute paths
  judge, signals and gains;
- tools: the same without the simulation, on rows that are there already;
- vectorbt: two moving averages, their crossings and the portfolio of one strategy on the same
  prices (its numbers are closed over the compile of its first run).

A tool-step is one tool (one strategy) on one minute of one path.

    python bench/validation.py --paths 512 --rounds 3
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

Closes = np.ndarray[tuple[int, int], np.dtype[np.float64]]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")


def main() -> None:
    import django

    django.setup()
    from market.frames import Kind
    from tools_app.costs import MINUTES
    from tools_app.validation.blocks import Plan, run_block
    from tools_app.validation.chunks import intraday_chunks
    from tools_app.validation.services import by_kind, judged_tools
    from tools_app.validation.trades import Prices, judge, signals_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--days", type=int, default=256, help="paths of 60 sessions")
    args = parser.parse_args()
    tools = by_kind(judged_tools())
    minute_tools = tools[Kind.INTRADAY]
    plan = Plan(1, "on", Kind.INTRADAY, args.paths)
    daily = Plan(1, "on", Kind.DAILY, args.days)
    chunks = list(intraday_chunks(plan.config, minute_tools, 0, args.paths))
    closes = np.concatenate([chunk.frame.columns["close"] for chunk in chunks]).T
    steps = closes.size

    def ready() -> None:
        for frame, since, until in chunks:
            prices = Prices.of(frame.columns["close"], frame.columns["expected_move"])
            for tool in minute_tools:
                found = signals_of(tool.evaluate(frame), tool.pause, since, until)
                judge(found, prices, tool, MINUTES)

    contestants: dict[str, tuple[Callable[[], object], int, int]] = {
        "whole": (lambda: run_block(plan, minute_tools, 0), steps, len(minute_tools)),
        "tools": (ready, steps, len(minute_tools)),
        "daily whole": (
            lambda: run_block(daily, tools[Kind.DAILY], 0),
            60 * args.days,
            len(tools[Kind.DAILY]),
        ),
    }
    peer = vectorbt(closes)
    if peer is not None:
        contestants["vectorbt"] = (peer, steps, 1)
    for work, _, _ in contestants.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(args.rounds):
        for name, (work, _, _) in contestants.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    rates = {}
    print(f"{args.paths} paths of 390 minutes, {args.rounds} rounds, median; one core")
    for name, (_, count, strategies) in contestants.items():
        middle = statistics.median(seconds[name])
        rates[name] = count * strategies / middle
        print(
            f"{name:12} {count / middle:12,.0f} path-steps/s   x {strategies:2} tools = "
            f"{rates[name]:12,.0f} tool-steps/s"
        )
    if "vectorbt" in rates:
        for name in ("tools", "whole"):
            print(f"{name} / vectorbt: {rates[name] / rates['vectorbt']:.1f} x the tool-steps")
    whole = steps / statistics.median(seconds["whole"])
    days = 60 * args.days / statistics.median(seconds["daily whole"])
    print(f"100,000 one-minute paths on 2 cores: {1e5 * 390 / whole / 120:.1f} minutes, goal 15")
    print(f"100,000 paths of 60 sessions on 2 cores: {1e5 * 60 / days / 120:.1f} minutes, goal 10")


def vectorbt(
    closes: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> Callable[[], object] | None:
    """Return one run of the peer on (t, n) prices, or None where it is not installed."""
    try:
        import vectorbt as vbt
    except ImportError:
        print("vectorbt is not installed: make bench installs it")
        return None

    def run() -> object:
        fast, slow = (vbt.MA.run(closes, window) for window in (20, 50))
        portfolio = vbt.Portfolio.from_signals(
            closes,
            fast.ma_crossed_above(slow).to_numpy(),
            fast.ma_crossed_below(slow).to_numpy(),
            fees=1e-4,
            freq="1min",
        )
        return portfolio.total_return()

    return run


if __name__ == "__main__":
    main()
