"""How far the columns of the fast simulated paths lie from those of whole simulated chains.

The same walked sessions are read twice: once from their quotes, as the live feed does, and once
on the reduced book that `validate_tools` runs on. For each column: the error's 50 % and 95 %
quantiles, over the 5 to 95 % range of the whole chain's values (levels: in expected daily moves),
the correlation, and how often both say that there is no such level. Then, for each tool, how
often the two fire in the same half hour.

Exits with 1 when a column that `LIMITS` bounds is beyond its limit.

    python bench/path_columns.py --sessions 8 --seed 7
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys

import numpy as np

from market import calendars
from market.features.assembly import assemble
from market.frames import FloatArray, Kind
from market.simulator import SimulatedMarket, SimulatorConfig
from market.simulator.path_rows import path_columns, path_reasons
from tools_app.registry import catalogue
from tools_app.rehearsal import intraday_rows
from tools_app.validation.kinds import on_intraday_paths

FIRST, LAST = dt.date(2026, 1, 5), dt.date(2026, 12, 30)
LEVELS = (
    "zero_gamma", "vol_trigger", "call_wall", "put_wall", "abs_gamma_strike", "heavy_above",
    "heavy_below", "magnet_strike", "squeeze_strike",
)  # fmt: skip
LIMITS = {
    "gamma": 0.15, "gamma_gross": 0.10, "vanna": 0.20, "charm_hour": 0.10, "gamma_0dte": 0.10,
    "iv_0dte": 0.05, "iv_30d": 0.05, "zero_gamma": 0.25, "abs_gamma_strike": 0.05,
    "call_wall": 0.05, "put_wall": 0.05,
}  # fmt: skip
"""Largest median error allowed, on the scale that is printed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    config = SimulatorConfig(seed=args.seed)
    days = [(d.date, d.open_ns, d.close_ns) for d in calendars.sessions(FIRST, LAST)]
    market = SimulatedMarket(config, days)
    tools = [tool for tool in catalogue() if on_intraday_paths(tool)]
    names = list(dict.fromkeys(name for tool in tools for name in tool.columns))
    whole: list[dict[str, FloatArray]] = []
    fast: list[dict[str, FloatArray]] = []
    same = dict.fromkeys(tools, 0)
    either = dict.fromkeys(tools, 0)
    for index in range(args.sessions):
        session = market.session(index)
        rows = intraday_rows(session, config.symbol)
        columns = path_columns(config, session.walked)
        reasons = path_reasons(columns)
        full = assemble(Kind.INTRADAY, "SIM", rows.time, rows.columns, rows.reasons, names)
        quick = assemble(
            Kind.INTRADAY,
            "SIM",
            rows.time,
            {name: values[0] for name, values in columns.items()},
            {name: codes[0] for name, codes in reasons.items()},
            names,
        )
        whole.append(dict(rows.columns))
        fast.append({name: values[0] for name, values in columns.items()})
        for tool in tools:
            a, b = (halves(tool.evaluate(frame).fires) for frame in (full, quick))
            same[tool] += int(np.sum(a & b))
            either[tool] += int(np.sum(a | b))
    print(f"{args.sessions} sessions, seed {args.seed}")
    late = show_columns(whole, fast)
    print(f"\n{'tool':34} half hours fired in both   in either")
    for tool in tools:
        print(f"{tool.id:2} {tool.slug:31} {same[tool]:10} {either[tool]:20}")
    return int(bool(late))


def show_columns(
    whole: list[dict[str, FloatArray]], fast: list[dict[str, FloatArray]]
) -> list[str]:
    """Print a line a column; return the columns beyond their limits."""
    late = []
    print(f"{'column':22} {'median':>8} {'95 %':>8} {'correlation':>12} {'both have it':>13}")
    move = np.concatenate([one["expected_move_day"] for one in whole])
    for name in fast[0]:
        a = np.concatenate([one[name] for one in whole])
        b = np.concatenate([one[name] for one in fast])
        known = np.isfinite(a) & np.isfinite(b) & np.isfinite(move)
        agree = np.mean(np.isfinite(a) == np.isfinite(b))
        if known.sum() < 10:
            continue
        low, high = np.quantile(a[known], (0.05, 0.95))
        scale = move[known] if name in LEVELS else max(high - low, 1e-12)
        error = np.abs(a - b)[known] / scale
        middle, most = np.quantile(error, (0.5, 0.95))
        moves = min(np.ptp(a[known]), np.ptp(b[known])) > 0.0
        alike = np.corrcoef(a[known], b[known])[0, 1] if moves else np.nan
        mark = ""
        if name in LIMITS and middle > LIMITS[name]:
            late.append(name)
            mark = f"  beyond {LIMITS[name]}"
        print(f"{name:22} {middle:8.3f} {most:8.3f} {alike:12.3f} {agree:13.1%}{mark}")
    return late


def halves(
    fires: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return in which of the 13 half hours a tool fired."""
    return fires.reshape(13, 30).any(axis=1)


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
    django.setup()
    sys.exit(main())
