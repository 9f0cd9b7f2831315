"""Signals as the tools announce them, and addresses that each vendor's grammar takes."""

from __future__ import annotations

import datetime as dt
from typing import Any

OPEN = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
GIVEN = {
    "email": {},
    "discord": {"url": f"https://discord.com/api/webhooks/{'1' * 18}/{'aB3_' * 17}"},
    "slack": {"url": f"https://hooks.slack.com/services/T0ABCDEF1/B0ABCDEF2/{'aB3d' * 6}"},
    "telegram": {"token": f"123456789:{'AA_b' * 9}", "chat": "-1001234567890"},
    "webhook": {"url": "https://hooks.example.com/pulse?team=1"},
}
SECRETS = ("aB3_" * 17, "aB3d" * 6, "AA_b" * 9)


def signal(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A signal of a free tool at 10:00 New York time, with an hour of prices."""
    at = OPEN + dt.timedelta(minutes=30 + number)
    times = [at - dt.timedelta(minutes=59 - minute) for minute in range(60)]
    return {
        "id": number,
        "tool": {"id": 7, "slug": "vanna-flow", "name": "Vanna <flow> & co", "tier": "free"},
        "symbol": "SPY",
        "run": 3,
        "source": "simulator",
        "simulated": True,
        "time": iso(at),
        "score": 0.72,
        "threshold": 0.5,
        "side": 1,
        "volatility": 0,
        "price": 513.4,
        "reasons": [
            {"label": "gamma", "value": -1.9e9, "unit": "$", "text": "net gamma -1.93 bn (< 0)"},
            {"label": "time", "value": None, "unit": "", "text": "10:01 ET"},
        ],
        "outcome": {
            "horizon": {"value": 30, "unit": "minutes"},
            "usual_move": 0.002, "stop": 512.4, "target": 514.9, "done": False, "result": None,
            "rows": None, "price": None, "gain": None, "best": None, "worst": None,
        },
        "greeks": [{"label": "Dealer gamma", "unit": "$ per 1 %", "value": -1.93e9}],
        "prices": {
            "time": [iso(time) for time in times],
            "close": [513.0 + 0.4 * ((minute * 7) % 11) / 11 for minute in range(60)],
        },
        **changes,
    }  # fmt: skip


def ended(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The same signal once its target was reached."""
    found = signal(number, **changes)
    result = {"done": True, "result": "target", "rows": 12, "price": 515.0, "gain": 0.0031,
              "best": 0.0031, "worst": -0.0004}  # fmt: skip
    return {**found, "outcome": {**found["outcome"], **result}}


def iso(at: dt.datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
