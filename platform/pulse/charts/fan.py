"""A fan of simulated years, and how often signals won by their score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pulse.charts import svg
from pulse.charts.format import finite, number

TOP, FOOT, HEIGHT = 12.0, 24.0, 250.0
BOTTOM: Final = HEIGHT - FOOT
LEAST_YEARS, ENOUGH_YEARS = 5, 20
"""Years below which no fan is drawn, and below which its outer lines are but single years."""
_LABELS, _SIDE, _GAP = -8, 8, 13.0
_NAMES: Final = {0.05: "5%", 0.25: "25%", 0.5: "median", 0.75: "75%", 0.95: "95%"}
_REACH: Final = 1.96
LEAST_SIGNALS: Final = 30
"""Signals of a score from which it is compared with another in words."""


def unit_of(sided: bool) -> tuple[float, str]:
    """Return the factor and the unit in which gains of a tool are shown."""
    return (100.0, "%") if sided else (1.0, "")


def fan(found: Mapping[str, Any], *, sided: bool, label: str) -> str:
    """Return the fan as a figure, empty when there are too few years or steps."""
    steps = [0, *found["steps"]]
    if len(steps) < 3 or found["years"] < LEAST_YEARS:
        return ""
    scale, unit = unit_of(sided)
    lines = [[0.0, *(value * scale for value in row)] for row in found["quantiles"]]
    everything = [value for row in lines for value in row]
    low, high = min(everything), max(everything)
    margin = 0.05 * (high - low) or 1.0
    low, high = low - margin, high + margin

    def height(value: float) -> float:
        return TOP + (1.0 - svg.scaled(value, low, high)) * (BOTTOM - TOP)

    across = [step / steps[-1] * svg.STRETCH for step in steps]
    inner = [
        _band(across, lines[0], lines[-1], height, "fan-outer"),
        _band(across, lines[1], lines[-2], height, "fan-inner"),
        svg.tag("line", class_="axis", x1=0, x2=svg.STRETCH, y1=height(0.0), y2=height(0.0)),
        _line(across, lines[len(lines) // 2], height),
    ]
    return svg.figure(
        label,
        svg.stretched(*inner, height=HEIGHT),
        *_ends(found["levels"], [row[-1] for row in lines], height),
        *_values(low, high, height, unit), *_sessions(steps[-1]),
        height=HEIGHT, kind="fan",
    )  # fmt: skip


def _band(
    across: Sequence[float],
    under: Sequence[float],
    over: Sequence[float],
    height: Callable[[float], float],
    kind: str,
) -> str:
    there = [(x, height(y)) for x, y in zip(across, over, strict=True)]
    back = [(x, height(y)) for x, y in zip(across, under, strict=True)]
    return svg.tag("path", class_=kind, d=svg.path([*there, *reversed(back)], close=True))


def _line(
    across: Sequence[float], values: Sequence[float], height: Callable[[float], float]
) -> str:
    points = [(x, height(y)) for x, y in zip(across, values, strict=True)]
    return svg.tag("path", class_="line", d=svg.path(points))


def _ends(
    levels: Sequence[float], ends: Sequence[float], height: Callable[[float], float]
) -> list[str]:
    ys = svg.apart([height(end) for end in ends], _GAP, TOP, BOTTOM)
    return [
        svg.text(_NAMES.get(level, f"{100 * level:g}%"), class_="tick", x="100%", dx=_SIDE, y=y + 4)
        for level, y in zip(levels, ys, strict=True)
    ]


def _values(low: float, high: float, height: Callable[[float], float], unit: str) -> list[str]:
    ticks = svg.nice_ticks(low, high, 5)
    places = 0 if all(tick == int(tick) for tick in ticks) else 1 if max(map(abs, ticks)) > 1 else 2
    return [
        svg.text(
            number(tick, places) + unit, class_="tick", x=_LABELS, y=height(tick) + 4,
            text_anchor="end",
        )
        for tick in ticks
    ]  # fmt: skip


def _sessions(last: int) -> list[str]:
    ticks = [tick for tick in svg.nice_ticks(0, last, 4) if tick > 0]
    return [
        svg.text(
            f"{tick:g}", class_="tick", x=svg.percent(tick / last), y=HEIGHT - 6,
            text_anchor="middle",
        )
        for tick in ticks
    ] + [svg.text("sessions", class_="tick", x="0%", y=HEIGHT - 6)]  # fmt: skip


def fan_words(found: Mapping[str, Any], *, sided: bool, name: str) -> str:
    """Say what a fan shows, and from how many years."""
    years = found["years"]
    if years < LEAST_YEARS:
        are = "1 year is" if years == 1 else f"{years} years are"
        return (
            f"{are} in these paths, too few for a fan; {LEAST_YEARS} are the least. More paths "
            "give more years."
        )
    scale, unit = unit_of(sided)
    ends = [row[-1] * scale for row in found["quantiles"]]
    places = 1 if sided else 2
    low, middle, high = (number(ends[place], places, plus=True) + unit for place in (0, 2, -1))
    of_what = "" if sided else " in shares of the usual variance"
    said = (
        f"Sum of gains of {name} after costs{of_what} over {found['steps'][-1]} sessions, from "
        f"{years:,} simulated years: median {middle}, nine in ten between {low} and {high}."
    )
    if years >= ENOUGH_YEARS:
        return said
    return f"{said} So few years say little of the outer lines; more paths give more years."


def fan_rows(found: Mapping[str, Any], *, sided: bool) -> list[tuple[int, list[str]]]:
    """Return the fan as rows: session and the quantiles with their unit."""
    scale, unit = unit_of(sided)
    columns = zip(*found["quantiles"], strict=True)
    return [
        (step, [number(value * scale, 2, plus=True) + unit for value in column])
        for step, column in zip(found["steps"], columns, strict=True)
    ]


def bins(found: Sequence[Sequence[float]]) -> list[dict[str, float]]:
    """Return each bin of the score with its win rate and a 95 % reach of independent signals."""
    made = []
    for score, win, count in found:
        error = (max(win * (1.0 - win), 0.25 / max(count, 1.0)) / max(count, 1.0)) ** 0.5
        made.append({"score": score, "win": win, "count": count, "reach": _REACH * error})
    return made


def calibration(found: Sequence[Sequence[float]], *, base: Any, label: str) -> str:
    """Return win rates by score as dots with their reach, and the base rate as a line."""
    dots = bins(found)
    if not dots:
        return ""
    height = 190.0
    bottom = height - FOOT

    def up(value: float) -> float:
        return TOP + (1.0 - min(max(value, 0.0), 1.0)) * (bottom - TOP)

    drawn = [svg.tag("line", class_="axis", x1="0%", x2="100%", y1=bottom, y2=bottom)]
    if (level := finite(base)) is not None:
        drawn += [
            svg.tag("line", class_="level", x1="0%", x2="100%", y1=up(level), y2=up(level)),
            svg.text("base", class_="tick", x="100%", dx=_SIDE, y=up(level) + 4),
        ]
    for dot in dots:
        x = svg.percent(dot["score"])
        ends = [up(dot["win"] + dot["reach"]), up(dot["win"] - dot["reach"])]
        drawn.append(svg.tag("line", class_="whisker", x1=x, x2=x, y1=ends[0], y2=ends[1]))
        drawn.append(svg.tag("circle", class_="dot-mark", cx=x, cy=up(dot["win"]), r=4))
    for tick in (0.0, 0.5, 1.0):
        text = f"{tick:.0%}"
        drawn.append(svg.text(text, class_="tick", x=_LABELS, y=up(tick) + 4, text_anchor="end"))
    for tick in (0.25, 0.5, 0.75, 1.0):
        place = svg.percent(tick)
        drawn.append(
            svg.text(f"{tick:g}", class_="tick", x=place, y=height - 6, text_anchor="middle")
        )
    drawn.append(svg.text("score", class_="tick", x="0%", y=height - 6))
    return svg.figure(label, *drawn, height=height, kind="fan")


def calibration_words(found: Sequence[Sequence[float]]) -> str:
    """Say whether higher scores won more often, where two bins can be told apart."""
    dots = [dot for dot in bins(found) if dot["count"] >= LEAST_SIGNALS]
    if len(dots) < 2:
        return f"No two scores have {LEAST_SIGNALS} signals each, so they cannot be compared."
    first, last = dots[0], dots[-1]
    apart = last["win"] - first["win"]
    reach = (first["reach"] ** 2 + last["reach"] ** 2) ** 0.5
    shown = (
        f"Signals with a score near {number(last['score'])} won {number(last['win'] * 100, 1)}%, "
        f"those near {number(first['score'])} {number(first['win'] * 100, 1)}%"
    )
    if abs(apart) <= reach:
        return f"{shown}: no difference that chance does not explain."
    return f"{shown}: a higher score won {'more' if apart > 0 else 'less'} often."
