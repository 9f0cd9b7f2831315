"""Figures of dealer exposure: bars by strike, and one exposure over spot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pulse.charts import svg
from pulse.charts.format import finite, number, short

ROW: Final = 15.0
TOP: Final = 18.0
STRIKES: Final = 41
TAG_GAP: Final = 14.0
PROFILE_HEIGHT: Final = 236.0
ROOM: Final = 0.32  # share of the width that a level's name needs
LABELS: Final = -8  # in the left gutter
UNITS: Final = {
    "gamma": "$ per 1%",
    "vanna": "$ per vol point",
    "charm": "$ per day",
    "delta": "$ of delta",
}
OVER_SPOT: Final = {"gamma": "gamma", "vanna": "vanna", "charm": "charm_day", "delta": "delta"}

Row = Mapping[str, Any]


class Mark(NamedTuple):
    """A level drawn across the strikes."""

    name: str
    level: float
    kind: str


def near(rows: Sequence[Row], spot: float | None, count: int = STRIKES) -> list[Row]:
    """Return at most `count` rows around `spot`, highest strike first."""
    ordered = sorted(rows, key=lambda row: float(row["strike"]))
    if spot is not None and len(ordered) > count:
        middle = bisect_left([float(row["strike"]) for row in ordered], spot)
        first = min(max(0, middle - count // 2), len(ordered) - count)
        ordered = ordered[first : first + count]
    return ordered[::-1]


def level_y(strikes: Sequence[float], level: float) -> float | None:
    """Return the height of `level` among descending `strikes`, None when it is outside."""
    rising = list(strikes)[::-1]
    if not rising or not rising[0] <= level <= rising[-1]:
        return None
    upper = bisect_left(rising, level)
    lower = max(0, upper - 1)
    width = rising[upper] - rising[lower]
    place = lower + ((level - rising[lower]) / width if width else 0.0)
    return TOP + (len(rising) - 1 - place + 0.5) * ROW


def marks(payload: Mapping[str, Any]) -> list[Mark]:
    """Return the levels of a payload that are known."""
    levels = payload.get("levels") or {}
    named = [
        ("Spot", payload.get("spot"), "spot"),
        ("Zero gamma", levels.get("zero_gamma"), "zero"),
        ("Call wall", levels.get("call_wall"), "call"),
        ("Put wall", levels.get("put_wall"), "put"),
    ]
    return [
        Mark(name, value, kind) for name, raw, kind in named if (value := finite(raw)) is not None
    ]


def bars_by_strike(
    payload: Mapping[str, Any],
    *,
    greek: str = "gamma",
    split: bool = True,
    label: str = "",
    count: int = STRIKES,
) -> str:
    """Return horizontal bars of one exposure by strike with the levels across them."""
    rows = near(payload.get("by_strike") or [], finite(payload.get("spot")), count)
    if not rows:
        return ""
    names = ("gamma_call", "gamma_put") if split and greek == "gamma" else (greek,)
    values = [[finite(row.get(name)) for name in names] for row in rows]
    reach = max((abs(v) for line in values for v in line if v is not None), default=0.0) or 1.0
    strikes = [float(row["strike"]) for row in rows]
    height = TOP + len(rows) * ROW + 24
    drawn = [*_strike_labels(strikes), *_bars(values, reach)]
    if len(names) > 1:
        net = [finite(row.get("gamma")) for row in rows]
        drawn += _net_ticks(net, reach)
    drawn += _levels(payload, strikes, height)
    drawn += _value_axis(reach, height)
    return svg.figure(label, *drawn, height=height, kind="strikes")


def _bars(values: Sequence[Sequence[float | None]], reach: float) -> list[str]:
    drawn = [svg.tag("line", class_="axis", x1="50%", x2="50%", y1=TOP, y2=TOP + len(values) * ROW)]
    for index, line in enumerate(values):
        for value in line:
            if not value:
                continue
            width = abs(value) / reach * 0.5
            drawn.append(
                svg.tag(
                    "rect",
                    class_="pos" if value > 0 else "neg",
                    x=svg.percent(0.5 if value > 0 else 0.5 - width),
                    y=TOP + index * ROW + 3,
                    width=svg.percent(width),
                    height=ROW - 6,
                )
            )
    return drawn


def _net_ticks(net: Sequence[float | None], reach: float) -> list[str]:
    drawn = []
    for index, value in enumerate(net):
        if value is None:
            continue
        x = svg.percent(0.5 + value / reach * 0.5)
        y = TOP + index * ROW
        drawn.append(svg.tag("line", class_="net", x1=x, x2=x, y1=y + 1, y2=y + ROW - 1))
    return drawn


def _strike_labels(strikes: Sequence[float]) -> list[str]:
    every = 1 if len(strikes) <= STRIKES else 2
    places = 0 if all(strike == int(strike) for strike in strikes) else 2
    return [
        svg.text(
            number(strike, places).replace(",", ""),
            class_="tick",
            x=LABELS,
            y=TOP + index * ROW + ROW / 2 + 4,
            text_anchor="end",
        )
        for index, strike in enumerate(strikes)
        if index % every == 0
    ]


def _levels(payload: Mapping[str, Any], strikes: Sequence[float], height: float) -> list[str]:
    shown = [(m, y) for m in marks(payload) if (y := level_y(strikes, m.level)) is not None]
    tags = svg.apart([y for _, y in shown], TAG_GAP, TOP, height - 28)
    drawn = []
    for (mark, y), tag_y in zip(shown, tags, strict=True):
        line = svg.tag("line", class_=f"level level-{mark.kind}", x1="0%", x2="100%", y1=y, y2=y)
        drawn.append(line)
        drawn.append(
            svg.text(
                mark.name,
                class_=f"tag tag-{mark.kind}",
                x="100%",
                dx=8,
                y=tag_y + 4,
            )
        )  # fmt: skip
    return drawn


def _value_axis(reach: float, height: float) -> list[str]:
    y = height - 8
    return [
        svg.text(short(-reach, digits=2), class_="tick", x="0%", y=y),
        svg.text("0", class_="tick", x="50%", y=y, text_anchor="middle"),
        svg.text(
            short(reach, plus=True, digits=2), class_="tick", x="100%", y=y, text_anchor="end"
        ),
    ]


def over_spot(payload: Mapping[str, Any], *, greek: str = "gamma", label: str = "") -> str:
    """Return one total exposure as a function of spot, with spot and zero gamma marked."""
    points = points_over_spot(payload, greek)
    if len(points) < 3:
        return ""
    low, high = points[0][0], points[-1][0]
    floor = min(0.0, *(y for _, y in points))
    roof = max(0.0, *(y for _, y in points))
    top, bottom = 34.0, PROFILE_HEIGHT - 26

    def place(x: float, y: float) -> tuple[float, float]:
        return svg.scaled(x, low, high) * svg.STRETCH, bottom - svg.scaled(y, floor, roof) * (
            bottom - top
        )

    line = [place(x, y) for x, y in points]
    zero = place(low, 0.0)[1]
    inner = svg.stretched(
        *(_half(points, place, zero, positive) for positive in (True, False)),
        svg.tag("line", class_="axis", x1=0, x2=svg.STRETCH, y1=zero, y2=zero),
        svg.tag("path", class_="line", d=svg.path(line)),
        height=PROFILE_HEIGHT,
    )
    drawn = [inner, *_profile_marks(payload, low, high)]
    drawn += _profile_axis(floor, roof, zero, (top, bottom))
    return svg.figure(label, *drawn, height=PROFILE_HEIGHT, kind="profile")


def points_over_spot(payload: Mapping[str, Any], greek: str) -> list[tuple[float, float]]:
    """Return spots and the exposure there, those that are known."""
    profile = payload.get("profile") or {}
    values = profile.get(OVER_SPOT[greek]) or []
    return [
        (float(x), y)
        for x, raw in zip(profile.get("spots") or [], values, strict=False)
        if (y := finite(raw)) is not None
    ]


def _half(points: Sequence[tuple[float, float]], place: Any, zero: float, positive: bool) -> str:
    """Return the area between the curve and zero on one side of zero."""
    clipped = [place(x, max(y, 0.0) if positive else min(y, 0.0)) for x, y in points]
    outline = [(clipped[0][0], zero), *clipped, (clipped[-1][0], zero)]
    return svg.tag(
        "path", class_="area-pos" if positive else "area-neg", d=svg.path(outline, close=True)
    )


def _profile_marks(payload: Mapping[str, Any], low: float, high: float) -> list[str]:
    drawn = []
    lines = {"spot": 11.0, "zero": 25.0}  # a line of text each, so that near levels do not collide
    shown = [m for m in marks(payload) if m.kind in lines and low <= m.level <= high]
    lowest = min((mark.level for mark in shown), default=0.0)
    for mark in shown:
        share = svg.scaled(mark.level, low, high)
        x, y = svg.percent(share), lines[mark.kind]
        drawn.append(
            svg.tag(
                "line",
                class_=f"level level-{mark.kind}",
                x1=x,
                x2=x,
                y1=y - 9,
                y2=PROFILE_HEIGHT - 26,
            )
        )
        outward = mark.level == lowest if len(shown) > 1 else share > 0.5
        left = share > ROOM if outward else share > 1 - ROOM
        drawn.append(
            svg.text(
                f"{mark.name} {number(mark.level)}",
                class_=f"tag tag-{mark.kind}",
                x=x,
                y=y,
                dx=-5 if left else 5,
                text_anchor="end" if left else "start",
            )
        )
    ticks = svg.nice_ticks(low, high, 5)
    for tick in ticks:
        share = svg.scaled(tick, low, high)
        if 0.04 < share < 0.96:
            drawn.append(
                svg.text(
                    number(tick, 0), class_="tick", x=svg.percent(share), y=PROFILE_HEIGHT - 8,
                    text_anchor="middle",
                )
            )  # fmt: skip
    return drawn


def _profile_axis(
    floor: float, roof: float, zero: float, between: tuple[float, float]
) -> list[str]:
    top, bottom = between
    labels = [(roof, top), (floor, bottom)]
    drawn = [svg.text("0", class_="tick", x=LABELS, y=zero + 4, text_anchor="end")]
    return drawn + [
        svg.text(
            short(value, plus=True, digits=2), class_="tick", x=LABELS, y=y + 4, text_anchor="end"
        )
        for value, y in labels
        if abs(y - zero) > TAG_GAP
    ]
