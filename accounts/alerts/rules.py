"""Which signals a rule wants and when they go out: plain functions, no Django."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
SOURCES: Final = ("simulated", "replay", "live")
DIGESTS: Final = (0, 5, 15, 30, 60, 240)
"""Minutes between digests; 0 sends each signal by itself."""

Hours = tuple[dt.time, dt.time] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rule wants. An empty set takes all of its kind."""

    tools: frozenset[int] = frozenset()
    symbols: frozenset[str] = frozenset()
    sides: frozenset[int] = frozenset()
    sources: frozenset[str] = frozenset(SOURCES)
    least_score: float = 0.0
    session: Hours = None
    """New York clock of the market's own time."""


def source_of(signal: Mapping[str, Any]) -> str:
    """Return where a signal's market comes from: simulated, replay or live."""
    if signal["simulated"]:
        return "simulated"
    return "replay" if signal["source"] == "replay" else "live"


def matches(wanted: Wanted, signal: Mapping[str, Any]) -> bool:
    """Return whether a rule wants a signal (as its payload says)."""
    return (
        (not wanted.tools or signal["tool"]["id"] in wanted.tools)
        and (not wanted.symbols or signal["symbol"] in wanted.symbols)
        and (not wanted.sides or signal["side"] in wanted.sides)
        and source_of(signal) in wanted.sources
        and signal["score"] >= wanted.least_score
        and within(wanted.session, _clock(signal["time"], NEW_YORK))
    )


def within(hours: Hours, at: dt.time) -> bool:
    """Return whether a clock time lies in the hours given; they may pass midnight."""
    if hours is None:
        return True
    start, end = hours
    return start <= at < end if start <= end else at >= start or at < end


def due(
    now: dt.datetime, *, quiet: Hours = None, zone: str = "UTC", digest_minutes: int = 0
) -> dt.datetime:
    """Return when a message goes out: now, with the next digest, or when the quiet hours end."""
    at = now
    if digest_minutes:
        step = digest_minutes * 60
        at = dt.datetime.fromtimestamp((now.timestamp() // step + 1) * step, dt.UTC)
    if quiet is None or quiet[0] == quiet[1]:
        return at
    local = at.astimezone(ZoneInfo(zone))
    if not within(quiet, local.time()):
        return at
    end = dt.datetime.combine(local.date(), quiet[1], tzinfo=local.tzinfo)
    if end <= local:
        end = dt.datetime.combine(
            local.date() + dt.timedelta(days=1), quiet[1], tzinfo=local.tzinfo
        )
    return end.astimezone(dt.UTC)


def _clock(time: str, zone: ZoneInfo) -> dt.time:
    return dt.datetime.fromisoformat(time).astimezone(zone).time()
