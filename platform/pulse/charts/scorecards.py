"""A tool's record in words and one figure: no number without its sample and its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulse.charts import svg
from pulse.charts.format import MISSING, finite, number, percent

HEIGHT: Final = 190.0
_TOP: Final = 10.0
_BOTTOM: Final = HEIGHT - 38.0
_SHORT: Final = {"minutes": "min", "sessions": "sessions"}

_WHERE: Final = {
    "live": "given live",
    "replayed": "on replayed days",
    "simulated": "in simulation",
}

Body = Mapping[str, Any]


def share(value: Any, places: int = 1) -> str:
    """Return a share of one in percent."""
    found = finite(value)
    return MISSING if found is None else percent(found * 100, places)


def between(body: Body | None) -> str:
    """Return the 95 % interval of a share; blank where there is none."""
    low, high = _ends(body)
    return "" if low is None or high is None else f"{share(low)} to {share(high)}"


def where(source: str) -> str:
    """Return where a source's signals were given."""
    return _WHERE.get(source, source)


def average(figures: Body) -> str:
    """Return the average of a signal after costs with its unit."""
    return _earned(figures, "value")


def average_between(figures: Body) -> str:
    """Return the interval of the average; blank where there is none."""
    low, high = _ends(figures.get("average"))
    if low is None or high is None:
        return ""
    return f"{_earned(figures, 'low', unit=False)} to {_earned(figures, 'high', unit=False)}"


def _earned(figures: Body, which: str, *, unit: bool = True) -> str:
    value = finite((figures.get("average") or {}).get(which))
    if value is None:
        return MISSING
    returns = figures.get("unit") == "log return"
    text = number(value * (1e4 if returns else 1e2), 1, plus=True)
    if not unit:
        return text
    return f"{text} bp" if returns else f"{text}% of usual variance"


def sharpe(figures: Body) -> str:
    """Return the annual Sharpe ratio with its standard error."""
    body = figures.get("sharpe") or {}
    if finite(body.get("value")) is None:
        return MISSING
    return f"{number(body['value'])} ± {number(body.get('error'))}"


def chance(value: Any) -> str:
    """Return a probability under chance."""
    found = finite(value)
    if found is None:
        return MISSING
    return "p < 0.001" if found < 0.001 else f"p {number(found, 3)}"


def half_life(figures: Body, unit: str) -> str:
    """Return the half-life of the edge with its interval, or why there is none."""
    body = figures.get("half_life") or {}
    if finite(body.get("value")) is None:
        return "not measurable"
    low, high = (number(body.get(end), 0) for end in ("low", "high"))
    return f"{number(body['value'], 0)} {_SHORT.get(unit, unit)} ({low} to {high})"


def outcome(found: Body | None, side: Any) -> str:
    """Return what became of a signal: open, or what came first, when, and its gain at the end."""
    if not found:
        return MISSING
    unit = _SHORT.get(found["horizon"]["unit"], "")
    if not found.get("done"):
        return f"open, to {found['horizon']['value']} {unit}"
    result = found.get("result")
    if result not in ("stop", "target", "horizon"):
        return "not known"
    gain = finite(found.get("gain"))
    told = percent(None if gain is None else gain * 100, 2 if side else 0, plus=True)
    told += "" if side or gain is None else " of usual variance"
    rows = found.get("rows") if result == "horizon" else found.get(f"{result}_row")
    if result == "horizon":
        return f"horizon after {rows} {unit}, {told}"
    return f"{result} after {rows} {unit}; at the end {told}"


def calibration_words(figures: Body, place: str) -> str:
    """Return what the calibration figure shows."""
    body = figures["calibration"]
    bins = body["bins"]
    if not bins:
        return f"No finished signals {place}."
    top = bins[-1]
    return (
        f"Of {body['n']} signals {place}, those that scored {number(top['score'])} on average won "
        f"{share(top['rate'], 0)} ({share(top['rate_low'], 0)} to {share(top['rate_high'], 0)}, "
        f"n {top['n']}). Mean error {share(body['error'])}; a perfect score would show "
        f"{share(body['by_chance'])} with so few."
    )


def calibration(figures: Body, place: str) -> str:
    """Return hit rate against score: a dot and its interval for each tenth, a bar for the score."""
    bins: Sequence[Body] = figures["calibration"]["bins"]
    if not bins:
        return ""
    drawn = []
    for level in (0.0, 0.5, 1.0):
        at = _height(level)
        drawn.append(svg.tag("line", class_="grid", x1="0%", x2="100%", y1=at, y2=at))
        drawn.append(svg.text(share(level, 0), class_="tick", x=-6, y=at + 4, text_anchor="end"))
    width = 1.0 / len(bins)
    for column, one in enumerate(bins):
        drawn += _bin(one, column * width, width)
    label = calibration_words(figures, place)
    return svg.figure(label, *drawn, height=HEIGHT, kind="calibration")


def _bin(one: Body, left: float, width: float) -> list[str]:
    middle = svg.percent(left + width / 2.0)
    said = _height(one["score"])
    return [
        svg.tag(
            "line",
            class_="expected",
            x1=svg.percent(left + width * 0.2),
            x2=svg.percent(left + width * 0.8),
            y1=said,
            y2=said,
        ),
        svg.tag(
            "line",
            class_="whisker",
            x1=middle,
            x2=middle,
            y1=_height(one["rate_low"]),
            y2=_height(one["rate_high"]),
        ),
        svg.tag("circle", class_="hit", cx=middle, cy=_height(one["rate"]), r=4),
        svg.text(
            f"{number(one['low'], 1)} to {number(one['high'], 1)}",
            class_="tick", x=middle, y=_BOTTOM + 17, text_anchor="middle",
        ),
        svg.text(
            f"n {one['n']}", class_="tick", x=middle, y=_BOTTOM + 32, text_anchor="middle"
        ),
    ]  # fmt: skip


def _height(level: float) -> float:
    return _BOTTOM - level * (_BOTTOM - _TOP)


def _ends(body: Body | None) -> tuple[float | None, float | None]:
    found = body or {}
    return finite(found.get("low")), finite(found.get("high"))
