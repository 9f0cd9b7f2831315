"""One sentence on each figure: its text alternative and the caption that everybody reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulse.charts.exposure import UNITS, points_over_spot
from pulse.charts.format import finite, number, percent, short


def money(value: Any) -> str:
    """Return a signed amount of dollars in short form."""
    found = finite(value)
    if found is None:
        return "not known"
    text = short(found, plus=True)
    return f"{text[0]}${text[1:]}" if text[0] in "+\N{MINUS SIGN}" else f"${text}"


def distance(level: Any, spot: Any) -> str:
    """Return where a level lies from spot in words."""
    to, here = finite(level), finite(spot)
    if to is None or not here:
        return ""
    away = (to / here - 1) * 100
    if abs(away) < 0.005:
        return "at spot"
    return f"{percent(abs(away))} {'above' if away > 0 else 'below'} spot"


def strikes(payload: Mapping[str, Any], greek: str) -> str:
    """Return what the bars by strike show."""
    total = (payload.get("totals") or {}).get("charm_day" if greek == "charm" else greek)
    parts = [f"Net {greek} exposure of {payload.get('symbol')}: {money(total)} {UNITS[greek][2:]}"]
    levels = payload.get("levels") or {}
    if greek == "gamma":
        for name, words in (("call_wall", "largest positive"), ("put_wall", "largest negative")):
            if (level := finite(levels.get(name))) is not None:
                parts.append(f"{words} gamma at {number(level, _places(level))}")
    return "; ".join(parts) + "."


def over_spot(payload: Mapping[str, Any], greek: str) -> str:
    """Return what an exposure over spot shows."""
    if greek != "gamma":
        points = points_over_spot(payload, greek)
        if not points:
            return f"Total {greek} over spot is not known."
        low, high = points[0], points[-1]
        return (
            f"Total {greek} from {money(low[1])} at {number(low[0], 0)} to {money(high[1])} "
            f"at {number(high[0], 0)}."
        )
    levels = payload.get("levels") or {}
    zero = finite(levels.get("zero_gamma"))
    if zero is None:
        reason = zero_reason(levels.get("zero_gamma_reason"))
        return f"Total gamma over spot has no zero crossing in this range: {reason}."
    where = distance(zero, payload.get("spot"))
    return f"Total gamma changes sign at {number(zero)}, {where}."


def zero_reason(reason: Any) -> str:
    """Return in words why there is no zero gamma."""
    known = {
        "always_short": "short gamma everywhere in range",
        "always_long": "long gamma everywhere in range",
    }
    return known.get(str(reason), str(reason or "not known").replace("_", " "))


def regime(payload: Mapping[str, Any]) -> str:
    """Return what the sign of gamma means for hedging, as a convention and not as advice."""
    gamma = finite((payload.get("totals") or {}).get("gamma"))
    if not gamma:
        return ""
    return "long gamma, dampens moves" if gamma > 0 else "short gamma, amplifies moves"


def counts(pairs: Sequence[tuple[str, int]], what: str) -> str:
    """Return what a histogram shows."""
    total = sum(count for _, count in pairs)
    if not total:
        return f"No {what} yet."
    name, most = max(pairs, key=lambda pair: pair[1])
    return f"{total} {what}; most in {name}: {most}."


def prices(chart: Mapping[str, Any], symbol: str) -> str:
    """Return what the price chart shows."""
    bars = chart["bars"]
    first, last = bars[0]["open"], bars[-1]["close"]
    moved = percent((last / first - 1) * 100, 2, plus=True)
    low, high = min(bar["low"] for bar in bars), max(bar["high"] for bar in bars)
    fired = len(chart["marks"])
    signals = f", {fired} signal{'' if fired == 1 else 's'}" if fired else ""
    return (
        f"{symbol}: {number(first)} to {number(last)} ({moved}), "
        f"range {number(low)} to {number(high)}, {len(bars)} minutes{signals}."
    )


def horizon(tool: Mapping[str, Any]) -> str:
    """Return over how long a tool's signals are judged."""
    span = tool.get("horizon")
    if isinstance(span, Mapping):
        value, unit = span.get("value"), str(span.get("unit", ""))
    else:
        value, unit = span, "minutes" if tool.get("kind") == "intraday" else "sessions"
    if not value:
        return "the session"
    return f"{value:g} {unit.rstrip('s') if value == 1 else unit}"


def _places(value: float) -> int:
    return 0 if value == int(value) else 2
