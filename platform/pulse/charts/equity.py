"""Equity and drawdown of a log of trades: steps over time, silences of the bot marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pulse.charts import svg
from pulse.charts.format import eastern, finite, instant, number, short

TOP, FOOT, HEIGHT, DEPTH = 12.0, 22.0, 236.0, 84.0
BOTTOM: Final = HEIGHT - 8.0
_LABELS: Final = -8


def money(value: Any) -> str:
    """Return an amount of dollars to the cent, with its sign."""
    text = number(value, 2, plus=True)
    return f"{text[0]}${text[1:]}" if text[:1] in "+\N{MINUS SIGN}" else f"${text}"


def equity(payload: Mapping[str, Any], *, downtimes: Sequence[Any], label: str) -> str:
    """Return equity above and drawdown below as one figure, empty without two points."""
    points = payload["curve"]
    times = [at.timestamp() for point in points if (at := instant(point["at"])) is not None]
    if len(times) < 2:
        return ""
    values = [finite(point["equity"]) or 0.0 for point in points]
    falls = [finite(point["drawdown"]) or 0.0 for point in points]
    across = _across(times)
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.06 * (high - low) or 1.0
    low, high = low - room, high + room
    deepest = min(falls) or -1.0

    def up(value: float) -> float:
        return TOP + (1.0 - svg.scaled(value, low, high)) * (BOTTOM - TOP)

    def down(value: float) -> float:
        return HEIGHT + 10.0 + svg.scaled(value, 0.0, deepest) * (DEPTH - 20.0)

    steps = _steps(across, [up(value) for value in values])
    fall = _steps(across, [down(value) for value in falls])
    under = [(0.0, down(0.0)), *fall, (fall[-1][0], down(0.0))]
    everything = HEIGHT + DEPTH
    inner = [
        *_away(downtimes, times, everything),
        svg.tag("line", class_="axis", x1=0, x2=svg.STRETCH, y1=up(0.0), y2=up(0.0)),
        svg.tag("path", class_="line", d=svg.path(steps)),
        svg.tag("line", class_="axis", x1=0, x2=svg.STRETCH, y1=down(0.0), y2=down(0.0)),
        svg.tag("path", class_="area-neg", d=svg.path(under, close=True)),
    ]
    return svg.figure(
        label,
        svg.stretched(*inner, height=everything),
        *_ticks(low, high, up),
        _tick(deepest, down(deepest)),
        *_dates(times, everything + FOOT),
        height=everything + FOOT,
        kind="equity",
    )


def _across(times: Sequence[float]) -> list[float]:
    first, last = times[0], times[-1]
    if last <= first:
        return [place / (len(times) - 1) * svg.STRETCH for place in range(len(times))]
    return [svg.scaled(at, first, last) * svg.STRETCH for at in times]


def _steps(across: Sequence[float], heights: Sequence[float]) -> list[tuple[float, float]]:
    """Return a line that stays until the next trade."""
    made = [(across[0], heights[0])]
    for x, y in zip(across[1:], heights[1:], strict=True):
        made += [(x, made[-1][1]), (x, y)]
    return made


def _away(downtimes: Sequence[Any], times: Sequence[float], height: float) -> list[str]:
    drawn = []
    first, last = times[0], times[-1]
    for one in downtimes:
        began, ended = instant(one["started"]), instant(one["ended"])
        if began is None or ended is None or last <= first:
            continue
        ends = [min(max(at.timestamp(), first), last) for at in (began, ended)]
        left, right = (svg.scaled(at, first, last) * svg.STRETCH for at in ends)
        if right > left:
            drawn.append(
                svg.tag("rect", class_="away", x=left, width=right - left, y=0, height=height)
            )
    return drawn


def _ticks(low: float, high: float, up: Callable[[float], float]) -> list[str]:
    return [_tick(tick, up(tick)) for tick in svg.nice_ticks(low, high, 4)]


def _tick(value: float, y: float) -> str:
    return svg.text(short(value), class_="tick", x=_LABELS, y=y + 4, text_anchor="end")


def _dates(times: Sequence[float], y: float) -> list[str]:
    from datetime import UTC, datetime

    pattern = "%d %b %H:%M" if times[-1] - times[0] < 3 * 86_400 else "%d %b %Y"
    ends = ((times[0], "0%", "start"), (times[-1], "100%", "end"))
    return [
        svg.text(
            eastern(datetime.fromtimestamp(at, UTC), pattern), class_="tick", x=x, y=y - 6,
            text_anchor=anchor,
        )
        for at, x, anchor in ends
    ]  # fmt: skip


def words(payload: Mapping[str, Any], name: str) -> str:
    """Say what a record earned, from how many trades."""
    trades, closings = payload["trades"], payload["closings"]
    if not trades:
        return f"{name} has reported no trade in this entry."
    said = (
        f"{name} stands at {money(payload['equity'])} after {trades:,} "
        f"trade{'' if trades == 1 else 's'}, {money(payload['realised'])} of it realised; "
        f"worst drawdown {money(payload['max_drawdown'])}."
    )
    if closings and payload["win_rate"] is not None:
        said += f" {closings:,} closings, {100 * payload['win_rate']:.0f}% of them with a profit."
    return said


def by_year(months: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return monthly profits as rows of years, a cell for each month and their sum."""
    found: dict[int, list[float | None]] = {}
    for one in months:
        row = found.setdefault(int(one["year"]), [None] * 12)
        row[int(one["month"]) - 1] = finite(one["profit"])
    return [
        {"year": year, "cells": cells, "total": sum(cell for cell in cells if cell is not None)}
        for year, cells in sorted(found.items(), reverse=True)
    ]
