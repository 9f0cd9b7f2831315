"""Figures of a ranking as readers see them: no figure without its sample or its uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pulse.charts import svg
from pulse.charts.format import MISSING, eastern, finite, instant, number, percent, short, side

HEIGHT, TOP, FOOT = 250.0, 10.0, 24.0
_LABELS: Final = -8
_CLASSES: Final = ("line", "line line-b")

Body = Mapping[str, Any]


class Shown(NamedTuple):
    """A figure, the small print below it and the class of its sign."""

    text: str
    small: str = ""
    side: str = ""


def share(value: Any, places: int = 1, *, plus: bool = False) -> str:
    """Return a share of one in percent."""
    found = finite(value)
    return MISSING if found is None else percent(found * 100, places, plus=plus)


def short_money(value: Any) -> str:
    """Return a signed amount of dollars in short form."""
    text = short(value, plus=True)
    if text == MISSING:
        return text
    return f"{text[0]}${text[1:]}" if text[:1] in "+\N{MINUS SIGN}" else f"${text}"


def tries(count: int) -> str:
    """Return how many entries an owner has tried."""
    return f"{count:,} tr{'y' if count == 1 else 'ies'}"


def figure_of(row: Body, name: str) -> Shown:
    """Return one figure of an entry.

    Parameters
    ----------
    row : mapping
        An entry as `leaderboard.ranking.selectors.row_payload` gives it.
    name : str
        A metric.
    """
    return _SHOWN[name](row, row["metrics"])


def _skill(row: Body, found: Body) -> Shown:
    text = number(found["skill"], 2, plus=True)
    return Shown(text, tries(row["trials"]), side(found["skill"]))


def _return(row: Body, found: Body) -> Shown:
    value = found["return_share"]
    return Shown(share(value, plus=True), short_money(found["pnl"]), side(value))


def _profit(row: Body, found: Body) -> Shown:
    fees = f"{short(found['fees'])} fees"
    return Shown(short_money(found["pnl"]), fees, side(found["pnl"]))


def _sharpe(row: Body, found: Body) -> Shown:
    body = found["sharpe"]
    if finite(body["value"]) is None:
        return Shown(MISSING)
    return Shown(number(body["value"]), f"± {number(body['error'])}")


def _drawdown(row: Body, found: Body) -> Shown:
    value = finite(found["drawdown"])
    return Shown(MISSING if value is None else share(-value))


def _win_rate(row: Body, found: Body) -> Shown:
    body = found["win_rate"]
    if finite(body["value"]) is None:
        return Shown(MISSING)
    low, high = (number((finite(body[end]) or 0.0) * 100, 0) for end in ("low", "high"))
    return Shown(share(body["value"], 0), f"{low} to {high}%")


def _exposure(row: Body, found: Body) -> Shown:
    return Shown(share(found["exposure"], 0), "of the time")


def _trades(row: Body, found: Body) -> Shown:
    days = found["days"]
    return Shown(number(found["trades"], 0), f"{days:,} day{'' if days == 1 else 's'}")


def _plain(name: str) -> Callable[[Body, Body], Shown]:
    return lambda row, found: Shown(number(found[name]))


_SHOWN: Final[Mapping[str, Callable[[Body, Body], Shown]]] = {
    "skill": _skill,
    "return_share": _return,
    "pnl": _profit,
    "sharpe": _sharpe,
    "sortino": _plain("sortino"),
    "calmar": _plain("calmar"),
    "drawdown": _drawdown,
    "profit_factor": _plain("profit_factor"),
    "win_rate": _win_rate,
    "exposure": _exposure,
    "trades": _trades,
}


def spark_words(values: Sequence[float], name: str) -> str:
    """Say what a sparkline of equity shows, empty where none can be drawn."""
    known = [found for value in values if (found := finite(value)) is not None]
    if len(known) < 2:
        return ""
    return f"Equity of {name} over its newest days: {short_money(known[-1] - known[0])}"


class Curve(NamedTuple):
    """Equity of one entry: `points` are (instant, share of capital) in order."""

    name: str
    points: Sequence[tuple[Any, float]]


def curves(found: Sequence[Curve], *, label: str) -> str:
    """Return two equity curves over the same days as one figure, empty without two points each."""
    drawn = [
        [(at.timestamp(), value) for when, value in one.points if (at := instant(when)) is not None]
        for one in found
    ]
    if not drawn or min(map(len, drawn)) < 2:
        return ""
    times = [at for line in drawn for at, _ in line]
    values = [value for line in drawn for _, value in line]
    first, last = min(times), max(times)
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.06 * (high - low) or 0.01
    low, high = low - room, high + room

    def up(value: float) -> float:
        return TOP + (1.0 - svg.scaled(value, low, high)) * (HEIGHT - TOP - FOOT)

    def across(at: float) -> float:
        return svg.scaled(at, first, last) * svg.STRETCH

    lines = [
        svg.tag("path", class_=kind, d=svg.path((across(at), up(value)) for at, value in line))
        for kind, line in zip(_CLASSES, drawn, strict=False)
    ]
    axis = svg.tag("line", class_="axis", x1=0, x2=svg.STRETCH, y1=up(0.0), y2=up(0.0))
    return svg.figure(
        label, svg.stretched(axis, *lines, height=HEIGHT), *_ticks(low, high, up),
        *_ends(found, first, last), height=HEIGHT, kind="pair",
    )  # fmt: skip


def _ticks(low: float, high: float, up: Callable[[float], float]) -> list[str]:
    ticks = svg.nice_ticks(low, high, 5)
    places = 0 if all(abs(tick * 100 - round(tick * 100)) < 1e-6 for tick in ticks) else 1
    return [
        svg.text(
            share(tick, places), class_="tick", x=_LABELS, y=up(tick) + 4, text_anchor="end"
        )
        for tick in ticks
    ]  # fmt: skip


def _ends(found: Sequence[Curve], first: float, last: float) -> list[str]:
    from datetime import UTC, datetime

    return [
        svg.text(
            eastern(datetime.fromtimestamp(at, UTC), "%d %b %Y"), class_="tick", x=x,
            y=HEIGHT - 6, text_anchor=anchor,
        )
        for at, x, anchor in ((first, "0%", "start"), (last, "100%", "end"))
    ]  # fmt: skip
