"""The session so far: spot among the levels, and net gamma below it, minute by minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from pulse.charts import svg
from pulse.charts.format import NEW_YORK, finite, instant, number, short

TOP, PRICES, GAP, GAMMA, FOOT = 14.0, 170.0, 22.0, 70.0, 22.0
HEIGHT: Final = TOP + PRICES + GAP + GAMMA + FOOT
LEVELS: Final = (
    ("put_wall", "Put wall", "put"),
    ("call_wall", "Call wall", "call"),
    ("zero_gamma", "Zero gamma", "zero"),
)
_REACH: Final = 0.02  # levels farther from spot than this would flatten the price
_LABELS: Final = -8
_SIDE: Final = 8
_LEAST: Final = 3

Points = list[tuple[float, float | None]]


def day(series: Mapping[str, Any], *, label: str) -> str:
    """Return the figure, empty below three minutes."""
    times = [instant(time) for time in series["time"]]
    spot = [finite(value) for value in series["last"]]
    known = [value for value in spot if value is not None]
    if len(known) < _LEAST or times[0] is None or times[-1] is None:
        return ""
    places = _places(times)
    shown = {name: _near(series[name], known[-1]) for name, _, _ in LEVELS}
    everything = known + [v for values in shown.values() for v in values if v is not None]
    low, high = min(everything), max(everything)
    margin = 0.04 * (high - low) or 0.01 * high
    low, high = low - margin, high + margin

    def height(value: float) -> float:
        return TOP + (1.0 - svg.scaled(value, low, high)) * PRICES

    inner = [
        svg.tag("path", class_=f"level level-{kind}", d=_lines(places, shown[name], height))
        for name, _, kind in LEVELS
    ]
    inner.append(svg.tag("path", class_="line", d=_lines(places, spot, height)))
    drawn, axis = _gamma(places, [finite(value) for value in series["gamma"]])
    tags = _tags(shown, known[-1], height)
    return svg.figure(
        label,
        svg.stretched(*inner, *drawn, height=HEIGHT),
        *tags, *axis, *_price_axis(low, high, height), *_clock(times, places),
        height=HEIGHT, kind="day",
    )  # fmt: skip


def _places(times: Sequence[datetime | None]) -> list[float]:
    """Return each minute's share of the way from the first to the last."""
    stamps = [0.0 if at is None else at.timestamp() for at in times]
    return [svg.scaled(stamp, stamps[0], stamps[-1]) for stamp in stamps]


def _near(values: Sequence[Any], spot: float) -> list[float | None]:
    found = [finite(value) for value in values]
    return [
        value if value is not None and abs(value / spot - 1.0) <= _REACH else None
        for value in found
    ]


def _lines(places: Sequence[float], values: Sequence[float | None], height: Any) -> str:
    """Return a path that is interrupted where a value is missing."""
    parts: list[list[tuple[float, float]]] = [[]]
    for place, value in zip(places, values, strict=True):
        if value is None:
            parts.append([])
        else:
            parts[-1].append((place * svg.STRETCH, height(value)))
    return "".join(svg.path(part) for part in parts if len(part) > 1)


def _gamma(places: Sequence[float], values: Sequence[float | None]) -> tuple[list[str], list[str]]:
    """Return the lower pane's areas, and its axis."""
    known = [value for value in values if value is not None]
    top = TOP + PRICES + GAP
    if not known:
        return [], []
    low, high = min(0.0, *known), max(0.0, *known)
    if high == low:
        return [], []

    def height(value: float) -> float:
        return top + (1.0 - svg.scaled(value, low, high)) * GAMMA

    zero = height(0.0)
    areas = []
    for positive in (True, False):
        points = [
            (place * svg.STRETCH, height(max(v, 0.0) if positive else min(v, 0.0)))
            for place, v in zip(places, values, strict=True)
            if v is not None
        ]
        outline = [(points[0][0], zero), *points, (points[-1][0], zero)]
        kind = "area-pos" if positive else "area-neg"
        areas.append(svg.tag("path", class_=kind, d=svg.path(outline, close=True)))
    areas.append(svg.tag("line", class_="axis", x1=0, x2=svg.STRETCH, y1=zero, y2=zero))
    axis = [
        svg.text("0", class_="tick", x=_LABELS, y=zero + 4, text_anchor="end"),
        svg.text("net gamma, $ per 1%", class_="tick", x="0%", y=top - 7),
    ]
    axis += [
        svg.text(
            short(value, plus=True, digits=2), class_="tick", x=_LABELS, y=height(value) + 4,
            text_anchor="end",
        )
        for value in (low, high)
        if abs(height(value) - zero) > 14
    ]  # fmt: skip
    return areas, axis


def _tags(shown: Mapping[str, Sequence[float | None]], spot: float, height: Any) -> list[str]:
    named = [("Spot", spot, "spot")]
    for name, text, kind in LEVELS:
        last = next((value for value in reversed(shown[name]) if value is not None), None)
        if last is not None:
            named.append((text, last, kind))
    ys = svg.apart([height(value) for _, value, _ in named], 14.0, TOP, TOP + PRICES)
    return [
        svg.text(text, class_=f"tag tag-{kind}", x="100%", dx=_SIDE, y=y + 4)
        for (text, _, kind), y in zip(named, ys, strict=True)
    ]


def _price_axis(low: float, high: float, height: Any) -> list[str]:
    ticks = svg.nice_ticks(low, high, 4)
    places = 0 if all(tick == int(tick) for tick in ticks) else 2
    return [
        svg.text(
            number(tick, places), class_="tick", x=_LABELS, y=height(tick) + 4, text_anchor="end"
        )
        for tick in ticks
    ]


def _clock(times: Sequence[datetime | None], places: Sequence[float]) -> list[str]:
    """Return the hours below, those of New York."""
    drawn, before = [], None
    for at, place in zip(times, places, strict=True):
        if at is None:
            continue
        local = at.astimezone(NEW_YORK)
        if local.minute == 0 and local.hour != before and 0.03 < place < 0.97:
            drawn.append(
                svg.text(
                    local.strftime("%H:%M"), class_="tick", x=svg.percent(place), y=HEIGHT - 6,
                    text_anchor="middle",
                )
            )  # fmt: skip
        before = local.hour
    return drawn


def words(series: Mapping[str, Any], symbol: str) -> str:
    """Say what the figure shows."""
    spot = [v for raw in series["last"] if (v := finite(raw)) is not None]
    gamma = [v for raw in series["gamma"] if (v := finite(raw)) is not None]
    if not spot:
        return f"No minutes of {symbol} yet."
    said = f"{symbol} from {number(spot[0])} to {number(spot[-1])} in {len(spot)} minutes"
    if not gamma:
        return said + "; net gamma is not known."
    turns = sum((one > 0) != (two > 0) for one, two in pairwise(gamma))
    if not turns:
        return f"{said}; net gamma did not change sign."
    return f"{said}; net gamma changed sign {turns} time{'s' if turns > 1 else ''}."
