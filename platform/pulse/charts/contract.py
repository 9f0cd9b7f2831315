"""A contract's grid as heat tables: one for each volatility, spot down and time across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pulse.charts.chain import Cell, heat
from pulse.charts.format import finite, number, significant

_HOUR, _DAY = 60.0, 1440.0
SAYS: Final[Mapping[str, str]] = {
    "price": "What the option is worth.",
    "delta": "How much the value changes when spot rises by $1.",
    "gamma": "How much delta changes when spot rises by $1.",
    "vega": "How much the value changes when implied volatility rises by one point.",
    "theta": "How much the value changes as a day passes with all else unchanged.",
    "rho": "How much the value changes when the rate rises by one point.",
    "charm": "How much delta changes as a day passes.",
    "vanna": "How much delta changes when volatility rises by one point.",
    "vomma": "How fast vega changes with volatility: the second derivative by it.",
    "volga": "The same second derivative, per volatility point squared.",
    "speed": "How much gamma changes when spot rises by $1.",
    "zomma": "How much gamma changes when volatility rises by one point.",
    "color": "How much gamma changes as a day passes.",
    "ultima": "How fast vomma changes with volatility: the third derivative by it.",
}


class GridLine(NamedTuple):
    """One spot: its distance in deviations and the cells over time."""

    spot: str
    deviations: str
    here: bool
    cells: Sequence[Cell]


class Grid(NamedTuple):
    """One volatility's table."""

    vol: str
    shift: float
    heads: Sequence[str]
    lines: Sequence[GridLine]


def left(minutes: float) -> str:
    """Return time left in the largest unit that says enough."""
    if minutes >= 2 * _DAY:
        return f"{minutes / _DAY:.1f} days"
    if minutes >= 2 * _HOUR:
        return f"{minutes / _HOUR:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 1.5 else "1 min"


def grids(contract: Mapping[str, Any]) -> list[Grid]:
    """Return a table for each volatility; one heat scale for all of them."""
    found = contract.get("grid")
    if not found:
        return []
    reach = max(
        (abs(v) for table in found["values"] for row in table for raw in row
         if (v := finite(raw)) is not None), default=0.0,
    )  # fmt: skip
    heads = [left(minutes) for minutes in found["minutes"]]
    made = []
    for vol, shift, table in zip(found["vols"], found["shifts"], found["values"], strict=True):
        lines = [
            GridLine(
                number(spot), number(deviation, 1, plus=True), deviation == 0.0,
                [Cell(significant(value), heat(value, reach), "") for value in row],
            )
            for spot, deviation, row in zip(
                found["spots"], found["deviations"], table, strict=True
            )
        ]  # fmt: skip
        made.append(Grid(number(vol * 100, 1), shift * 100, heads, lines[::-1]))
    return made


def words(contract: Mapping[str, Any]) -> str:
    """Say what the grid shows."""
    return (
        f"{str(contract['greek']).capitalize()} of {contract['occ']} in {contract['unit']}, with "
        "spot up to two standard deviations away and time running to the last minute."
    )
