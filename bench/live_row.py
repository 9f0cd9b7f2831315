"""All 52 tools on one new row, as a live feed gives it, beside the whole frame computed again.

Rows are a simulated session of minutes and a simulated history of days; both ways run in turn.
Goal: the new row under 5 ms on one core.

    python bench/live_row.py --rows 60
"""

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

GOAL_MS = 5.0


def main() -> int:
    from market import calendars
    from market.features.assembly import assemble
    from market.frames import Kind
    from market.simulator import SimulatedMarket, SimulatorConfig
    from tools_app.live import LiveFrame
    from tools_app.registry import catalogue
    from tools_app.rehearsal import daily_rows, intraday_rows
    from tools_app.safety import judged_newest

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60)
    args = parser.parse_args()
    days = calendars.sessions(dt.date(2026, 1, 5), dt.date(2026, 6, 30))
    market = SimulatedMarket(SimulatorConfig(), [(d.date, d.open_ns, d.close_ns) for d in days])
    rows = {
        Kind.INTRADAY: intraday_rows(market.session(0), "SIM"),
        Kind.DAILY: daily_rows(market, 390),
    }
    live, again, count = np.zeros(args.rows), np.zeros(args.rows), 0
    for kind, seen in rows.items():
        tools = [tool for tool in catalogue() if tool.kind == kind]
        names = {name: None for tool in tools for name in tool.columns}
        count += len(tools)
        frame = LiveFrame(kind, tools)
        first = 390 - args.rows
        for row in range(390):
            at = slice(row, row + 1)
            start = time.perf_counter()
            frame.extend(
                seen.time[at],
                {name: column[at] for name, column in seen.columns.items()},
                {name: codes[at] for name, codes in seen.reasons.items()},
            )
            if row >= first:
                list(judged_newest(frame))
                live[row - first] += time.perf_counter() - start
                upto = slice(0, row + 1)
                start = time.perf_counter()
                whole = assemble(
                    kind,
                    "SIM",
                    seen.time[upto],
                    {name: column[upto] for name, column in seen.columns.items()},
                    {name: codes[upto] for name, codes in seen.reasons.items()},
                    names,
                )
                for tool in tools:
                    tool.evaluate(whole)
                again[row - first] += time.perf_counter() - start
    ms = 1e3 * np.quantile(live, [0.5, 0.95])
    peer = 1e3 * np.quantile(again, [0.5, 0.95])
    print(f"{count} tools, one new row, n {args.rows}: median {ms[0]:.2f} ms, p95 {ms[1]:.2f} ms")
    print(f"the whole frame again: median {peer[0]:.1f} ms, p95 {peer[1]:.1f} ms")
    print(f"ratio {peer[0] / ms[0]:.1f}")
    return 0 if ms[0] < GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
