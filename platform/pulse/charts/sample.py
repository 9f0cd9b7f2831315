"""A figure for visitors who may not see live data: made from a formula and named so."""

from __future__ import annotations

from math import exp, pi, sqrt
from typing import Any, Final

SPOT: Final = 512.3
VOL_DAY: Final = 0.009
STRIKE_STEP: Final = 2
REACH: Final = 15


def illustration() -> dict[str, Any]:
    """Return an exposure payload of an invented book: heavy at round strikes, puts below spot."""
    rows = [_row(SPOT // 2 * 2 + STRIKE_STEP * offset) for offset in range(-REACH, REACH + 1)]
    return {
        "symbol": "an invented book",
        "spot": SPOT,
        "by_strike": rows,
        "totals": {"gamma": sum(row["gamma"] for row in rows)},
        "levels": {
            "zero_gamma": 505.4,
            "call_wall": max(rows, key=lambda row: float(row["gamma"]))["strike"],
            "put_wall": min(rows, key=lambda row: float(row["gamma"]))["strike"],
        },
    }


def _row(strike: float) -> dict[str, float]:
    width = SPOT * VOL_DAY * 2
    gamma = exp(-(((strike - SPOT) / width) ** 2) / 2) / sqrt(2 * pi)
    heavy = 2.6 if strike % 10 == 0 else 1.0
    call = gamma * heavy * (1.5 if strike > SPOT else 0.6) * 1e9
    put = -gamma * heavy * (0.7 if strike > SPOT else 1.9) * 1e9
    return {"strike": strike, "gamma_call": call, "gamma_put": put, "gamma": call + put}
