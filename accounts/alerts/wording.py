"""Rules and deliveries in words."""

from __future__ import annotations

import datetime as dt
from typing import Final

from accounts.alerts.models import AlertDelivery, AlertRule
from accounts.alerts.rules import SOURCES

SIDES: Final = {1: "long", -1: "short", 0: "volatility and warnings"}
SOURCE_NAMES: Final = {
    "simulated": "simulated market",
    "replay": "replays",
    "live": "live market",
}
TOOLS_NAMED: Final = 3


def rule_words(rule: AlertRule, names: dict[int, str]) -> str:
    """Say what a rule wants; `names` are the tools' by number."""
    parts = [_tools(rule.tools, names), ", ".join(rule.symbols) or "all symbols"]
    if rule.sides:
        parts.append(" or ".join(SIDES[side] for side in rule.sides))
    if rule.least_score > 0:
        parts.append(f"score from {rule.least_score:g}")
    if set(rule.sources) != set(SOURCES):
        parts.append(", ".join(SOURCE_NAMES[source] for source in rule.sources))
    if rule.session_from and rule.session_to:
        parts.append(f"{_clock(rule.session_from)} to {_clock(rule.session_to)} ET")
    return "; ".join(parts)


def when_words(rule: AlertRule) -> str:
    """Say when a rule's messages go out."""
    when = f"digest every {minutes(rule.digest_minutes)}" if rule.digest_minutes else "at once"
    if rule.quiet_from and rule.quiet_to:
        when += f"; quiet {_clock(rule.quiet_from)} to {_clock(rule.quiet_to)}, {rule.time_zone}"
    return when + ("; with what came of it" if rule.follow_up else "")


def delivery_words(row: AlertDelivery) -> str:
    """Say what a delivery is about, for its list."""
    if row.kind == AlertDelivery.Kind.TEST:
        return "Test"
    if row.kind == AlertDelivery.Kind.WARNING:
        return f"Warning: {row.payload['title']}"
    if row.kind == AlertDelivery.Kind.DIGEST:
        return f"Digest of {len(row.payload['parts'])}"
    tool = row.payload["tool"]
    about = f"{tool['id']:02d} {tool['name']}, {row.payload['symbol']}"
    return f"Outcome: {about}" if row.kind == AlertDelivery.Kind.OUTCOME else about


def minutes(count: int) -> str:
    """Return a number of minutes in words."""
    return f"{count} min" if count < 60 else f"{count // 60} h"


def _tools(tools: list[int], names: dict[int, str]) -> str:
    if not tools:
        return "all tools"
    named = [f"{number:02d} {names.get(number, '')}".strip() for number in tools[:TOOLS_NAMED]]
    more = len(tools) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _clock(time: dt.time) -> str:
    return f"{time:%H:%M}"
