"""Small figures: sparkline and histogram."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pulse.charts import svg
from pulse.charts.format import NEW_YORK, finite

SPARK_HEIGHT: Final = 28.0
BARS_HEIGHT: Final = 132.0


def sparkline(values: Sequence[Any], *, label: str) -> str:
    """Return a line of the last values without axes; gaps are left out."""
    known = [(i, y) for i, raw in enumerate(values) if (y := finite(raw)) is not None]
    if len(known) < 2:
        return ""
    low, high = min(y for _, y in known), max(y for _, y in known)
    last = max(1, len(values) - 1)
    points = [
        (i / last * svg.STRETCH, SPARK_HEIGHT - 2 - svg.scaled(y, low, high) * (SPARK_HEIGHT - 4))
        for i, y in known
    ]
    rising = known[-1][1] >= known[0][1]
    line = svg.tag("path", class_="spark-up" if rising else "spark-down", d=svg.path(points))
    inner = svg.stretched(line, height=SPARK_HEIGHT)
    return svg.figure(label, inner, height=SPARK_HEIGHT, kind="spark")


def histogram(counts: Sequence[tuple[str, int]], *, label: str, every: int = 1) -> str:
    """Return vertical bars of counts, every n-th one named below and the rest by its place."""
    most = max((count for _, count in counts), default=0)
    if most == 0:
        return ""
    width = 1 / len(counts)
    bottom = BARS_HEIGHT - 22
    drawn = [svg.tag("line", class_="axis", x1="0%", x2="100%", y1=bottom, y2=bottom)]
    for index, (name, count) in enumerate(counts):
        height = count / most * (bottom - 18)
        middle = svg.percent((index + 0.5) * width)
        if count:
            drawn.append(
                svg.tag(
                    "rect",
                    class_="bar",
                    x=svg.percent(index * width + width * 0.1),
                    width=svg.percent(width * 0.8),
                    y=bottom - height,
                    height=height,
                )
            )
            drawn.append(
                svg.text(
                    str(count), class_="tick", x=middle, y=bottom - height - 4, text_anchor="middle"
                )
            )
        if index % every == 0:
            drawn.append(
                svg.text(name, class_="tick", x=middle, y=BARS_HEIGHT - 6, text_anchor="middle")
            )
    return svg.figure(label, *drawn, height=BARS_HEIGHT, kind="bars")


def half_hours(times: Sequence[datetime | None]) -> list[tuple[str, int]]:
    """Return counts of `times` in the half hours of a session, 09:30 to 16:00 New York."""
    names = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(570, 960, 30)]
    counts = dict.fromkeys(names, 0)
    for at in times:
        if at is None:
            continue
        local = at.astimezone(NEW_YORK)
        minute = local.hour * 60 + local.minute
        place = min(max((minute - 571) // 30, 0), len(names) - 1)  # a minute is known at its end
        counts[names[place]] += 1
    return list(counts.items())
