"""Which fast paths a tool can be judged on."""

from __future__ import annotations

from market.frames import Kind
from tools_app.contract import Tool

INTRADAY = "simulated one-minute sessions with dealer hedging"
DAILY = "simulated paths of many sessions"


def on_intraday_paths(tool: Tool) -> bool:
    """Return whether a tool declares to be judged on fast one-minute paths."""
    return tool.kind is Kind.INTRADAY and tool.judged_on.startswith(INTRADAY)


def on_daily_paths(tool: Tool) -> bool:
    """Return whether a tool declares to be judged on fast paths of many sessions."""
    return tool.kind is Kind.DAILY and tool.judged_on.startswith(DAILY)
