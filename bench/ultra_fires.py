"""How often the intraday tools fire on simulated sessions with the effects on.

Exits with 1 when fewer than 8 of the ten Ultra tools (6 to 15) do.

python bench/ultra_fires.py --sessions 20 --seed 7 --strength 1
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections import Counter

from market import calendars
from market.frames import Kind
from market.simulator import SimulatedMarket, SimulatorConfig
from tools_app.contract import Tier
from tools_app.rehearsal import evaluate_all, intraday_rows, onsets

FIRST, LAST = dt.date(2026, 1, 5), dt.date(2026, 12, 30)


def simulated(*, seed: int, strength: float) -> SimulatedMarket:
    days = calendars.sessions(FIRST, LAST)
    config = SimulatorConfig(seed=seed, strength=strength)
    return SimulatedMarket(config, [(day.date, day.open_ns, day.close_ns) for day in days])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--strength", type=float, default=1.0)
    args = parser.parse_args()
    market = simulated(seed=args.seed, strength=args.strength)
    fired, rows, alarms, minutes = Counter(), Counter(), Counter(), 0
    names: dict[int, str] = {}
    days: dict[int, list[str]] = {}
    spent = 0.0
    for index in range(args.sessions):
        session = market.session(index)
        start = time.perf_counter()
        seen = intraday_rows(session, market.config.symbol)
        spent += time.perf_counter() - start
        minutes += len(seen.time)
        for tool, answer in evaluate_all(Kind.INTRADAY, market.config.symbol, seen).items():
            if tool.tier == Tier.FREE:
                continue
            count = onsets(answer)
            names[tool.id] = tool.slug
            rows[tool.id] += count.rows
            alarms[tool.id] += count.alarms
            if count.rows:
                fired[tool.id] += 1
                days.setdefault(tool.id, []).append(session.scenario)
    print(f"simulator, seed {args.seed}, strength {args.strength}, {args.sessions} sessions")
    print(f"{'tool':34} sessions  alarms  minutes  kinds of day")
    for number, slug in sorted(names.items()):
        kinds = ", ".join(f"{k} {n}" for k, n in Counter(days.get(number, [])).most_common(4))
        print(
            f"{number:2} {slug:31} {fired[number]:8} {alarms[number]:7} {rows[number]:8}  {kinds}"
        )
    print(f"{len(fired)} of {len(names)} tools fired")
    ultra = sum(6 <= number <= 15 for number in fired)
    print(f"{1e3 * spent / minutes:.1f} ms a minute: simulated, inverted, observed")
    return 0 if ultra >= 8 else 1


if __name__ == "__main__":
    sys.exit(main())
