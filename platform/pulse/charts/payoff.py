"""What an order makes or loses at the end, by price of the underlying."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pulse.charts import svg
from pulse.charts.format import number, short

TOP, FOOT, HEIGHT = 14.0, 24.0, 220.0
BOTTOM: Final = HEIGHT - FOOT
_LABELS: Final = -8


def payoff(
    points: Sequence[tuple[float, float]], *, spot: float, strikes: Sequence[float], label: str
) -> str:
    """Return the profit at the end as a figure: gains above the line, losses below it.

    Parameters
    ----------
    points : sequence of (price, profit)
        Rising prices, with one at every bend and at every crossing of zero.
    """
    low_x, high_x = points[0][0], points[-1][0]
    values = [profit for _, profit in points]
    low, high = min(*values, 0.0), max(*values, 0.0)
    margin = 0.08 * (high - low) or 1.0
    low, high = low - margin, high + margin

    def across(price: float) -> float:
        return svg.scaled(price, low_x, high_x)

    def height(profit: float) -> float:
        return TOP + (1.0 - svg.scaled(profit, low, high)) * (BOTTOM - TOP)

    line = [(across(price) * svg.STRETCH, height(profit)) for price, profit in points]
    zero = height(0.0)
    inner = [
        svg.tag("path", class_="area-pos", d=_area(points, line, zero, sign=1)),
        svg.tag("path", class_="area-neg", d=_area(points, line, zero, sign=-1)),
        svg.tag("line", class_="axis", x1=0, x2=svg.STRETCH, y1=zero, y2=zero),
        svg.tag("path", class_="line", d=svg.path(line)),
    ]
    at = svg.percent(across(spot))
    return svg.figure(
        label,
        svg.stretched(*inner, height=HEIGHT),
        svg.tag("line", class_="level level-spot", x1=at, x2=at, y1=TOP, y2=BOTTOM),
        svg.text(f"spot {number(spot, 2)}", class_="tick", x=at, y=TOP - 4, text_anchor="middle"),
        *(
            svg.tag("line", class_="level", x1=svg.percent(across(one)),
                    x2=svg.percent(across(one)), y1=TOP, y2=BOTTOM)
            for one in strikes
        ),
        *_profits(low, high, height), *_prices(low_x, high_x),
        height=HEIGHT, kind="payoff",
    )  # fmt: skip


def _area(
    points: Sequence[tuple[float, float]],
    line: Sequence[tuple[float, float]],
    zero: float,
    *,
    sign: int,
) -> str:
    edge = [
        (x, y if profit * sign > 0 else zero)
        for (_, profit), (x, y) in zip(points, line, strict=True)
    ]
    return svg.path([(edge[0][0], zero), *edge, (edge[-1][0], zero)], close=True)


def _profits(low: float, high: float, height: Callable[[float], float]) -> list[str]:
    return [
        svg.text(
            short(tick, plus=True), class_="tick", x=_LABELS, y=height(tick) + 4, text_anchor="end"
        )
        for tick in svg.nice_ticks(low, high, 5)
    ]


def _prices(low: float, high: float) -> list[str]:
    ticks = svg.nice_ticks(low, high, 5)
    return [
        svg.text(
            f"{tick:g}", class_="tick", x=svg.percent(svg.scaled(tick, low, high)), y=HEIGHT - 6,
            text_anchor="middle",
        )
        for tick in ticks
    ]  # fmt: skip
