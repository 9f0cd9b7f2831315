"""How often each of the 52 tools fires on simulated sessions, played as the feed plays them.

Exits with 1 when fewer than 45 tools fire with the effects on.

    python bench/tool_fires.py --sessions 60 --seed 7 --strength 1
"""

import argparse
import os
import sys
import time
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")

if TYPE_CHECKING:
    from tools_app.contract import Evaluation, Tool

GOAL = 45


def main() -> int:
    import django

    django.setup()
    from market.features.context import Observation
    from market.features.session import stacked
    from market.feed.recorder import SessionRecorder, daily_row
    from market.feed.simulated import HISTORY_SESSIONS, SimulatedSource
    from market.frames import Kind
    from market.simulator import SimulatorConfig
    from tools_app.rehearsal import evaluate_all, onsets

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--strength", type=float, default=1.0)
    args = parser.parse_args()
    config = SimulatorConfig(
        seed=args.seed, strength=args.strength, history_sessions=HISTORY_SESSIONS
    )
    source = SimulatedSource(config, kept=())
    alarms: Counter[Tool] = Counter()
    scored: Counter[Tool] = Counter()
    reasons: dict[Tool, Counter[str]] = {}
    days = []
    minutes, spent = 0, 0.0

    def count(tool: "Tool", answer: "Evaluation", since: int = 0) -> None:
        found = onsets(answer)
        alarms[tool] += found.alarms if not since else int(answer.fires[since:].sum())
        scored[tool] += int(np.isfinite(answer.score[since:]).sum())
        reasons.setdefault(tool, Counter()).update(answer.missing_counts())

    for session in islice(source.sessions(), args.sessions):
        if not days:
            days = [daily_row(context) for context in session.history()]
        recorder = SessionRecorder(session.session, session.context())
        start = time.perf_counter()
        shots = [recorder.record(data) for data in session.minutes()]
        spent += time.perf_counter() - start
        minutes += len(shots)
        rows = stacked(
            np.array([shot.row.time for shot in shots]),
            [Observation(shot.row.values, shot.row.reasons) for shot in shots],
        )
        for tool, answer in evaluate_all(Kind.INTRADAY, config.symbol, rows).items():
            count(tool, answer)
        days.append(daily_row(session.at_close(shots[-1].data)))
    rows = stacked(
        np.array([day.time for day in days]),
        [Observation(day.values, day.reasons) for day in days],
    )
    for tool, answer in evaluate_all(Kind.DAILY, config.symbol, rows).items():
        count(tool, answer, since=len(days) - args.sessions)
    print(f"simulator, seed {args.seed}, strength {args.strength}, {args.sessions} sessions")
    print(f"{'tool':40} {'fired':>6} {'rows scored':>12}  most rows without a score")
    for tool in sorted(reasons, key=lambda one: one.id):
        why = ", ".join(f"{text} {n}" for text, n in reasons[tool].most_common(2))
        print(f"{tool.id:2} {tool.slug:37} {alarms[tool]:6} {scored[tool]:12}  {why}")
    fired = sum(alarms[tool] > 0 for tool in reasons)
    print(f"{fired} of {len(reasons)} tools fired")
    print(f"{1e3 * spent / minutes:.1f} ms a minute: simulated, inverted, fitted, observed")
    return 0 if fired >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
