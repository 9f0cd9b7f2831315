"""The option chain as a heat table: column sets, texts and heat classes of every cell."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pulse.charts.format import MISSING, finite, number, short, significant

HEAT_STEPS: Final = 5
STRIKES: Final = {"20": 20, "40": 40, "all": 0}


class Column(NamedTuple):
    """One column of each side: the payload's key, its head and how it is shown."""

    key: str
    name: str
    unit: str
    says: str
    show: str  # name of a format, the same in the browser
    heat: bool = False


FORMATS: Final[Mapping[str, Callable[[Any], str]]] = {
    "price": lambda v: number(v, 2),
    "vol": lambda v: number(None if finite(v) is None else float(v) * 100, 1),
    "count": lambda v: short(v, digits=2),
    "greek": significant,
}

_PRICES: Final = (
    Column("bid", "Bid", "$", "Best bid", "price"),
    Column("ask", "Ask", "$", "Best ask", "price"),
    Column("spread", "Width", "$", "Ask less bid", "price", heat=True),
    Column("iv", "IV", "%", "Implied volatility of the mid price, per year", "vol", heat=True),
    Column("iv_spread", "IV width", "pt", "Volatility of the ask less that of the bid", "vol"),
    Column("bid_size", "Bid size", "", "Contracts bid for", "count"),
    Column("ask_size", "Ask size", "", "Contracts offered", "count"),
    Column("open_interest", "OI", "", "Open interest of the prior close", "count", heat=True),
    Column("volume", "Vol", "", "Volume of the session", "count", heat=True),
)


def _named(*keys: str) -> tuple[Column, ...]:
    """Return price columns by their keys."""
    return tuple(column for key in keys for column in _PRICES if column.key == key)


_FIRST: Final = (
    Column("delta", "Delta", "", "Change of value per $1 of spot", "greek", heat=True),
    Column("vega", "Vega", "$/pt", "Change of value per volatility point", "greek", heat=True),
    Column("theta", "Theta", "$/day", "Change of value per day", "greek", heat=True),
    Column("rho", "Rho", "$/pt", "Change of value per rate point", "greek", heat=True),
)
_SECOND: Final = (
    Column("gamma", "Gamma", "per $", "Change of delta per $1 of spot", "greek", heat=True),
    Column("charm", "Charm", "/day", "Change of delta per day", "greek", heat=True),
    Column("vanna", "Vanna", "/pt", "Change of delta per volatility point", "greek", heat=True),
    Column(
        "vomma",
        "Vomma",
        "$/1.00²",
        "Second derivative by volatility, per 1.00 squared",
        "greek",
        heat=True,
    ),
    Column(
        "volga", "Volga", "$/pt²", "Vomma quoted per volatility point squared", "greek", heat=True
    ),
)
_THIRD: Final = (
    Column("speed", "Speed", "per $²", "Change of gamma per $1 of spot", "greek", heat=True),
    Column("zomma", "Zomma", "/pt", "Change of gamma per volatility point", "greek", heat=True),
    Column("color", "Color", "/day", "Change of gamma per day", "greek", heat=True),
    Column(
        "ultima",
        "Ultima",
        "$/pt³",
        "Third derivative by volatility, per point cubed",
        "greek",
        heat=True,
    ),
)
SETS: Final[Mapping[str, tuple[str, tuple[Column, ...]]]] = {
    "price": ("Price", _PRICES),
    "first": ("1st order", (*_named("bid", "ask", "spread", "iv", "open_interest"), *_FIRST)),
    "second": ("2nd order", (*_named("iv"), *_SECOND)),
    "third": ("3rd order", (*_named("iv"), *_THIRD)),
    "greeks": ("All 13 Greeks", (*_FIRST, *_SECOND, *_THIRD)),
}
DEFAULT_SET: Final = "first"


class Cell(NamedTuple):
    """One cell: its text, its classes and why it is empty when it is."""

    text: str
    classes: str
    title: str


class Line(NamedTuple):
    """One strike: cells of the call from the outside in, of the put from the inside out.

    `call` and `put` are the contracts' symbols, empty where there is none.
    """

    strike: float
    text: str
    classes: str
    calls: Sequence[Cell]
    puts: Sequence[Cell]
    call: str
    put: str


def in_units(columns: Sequence[Column], units: Mapping[str, str], *, raw: bool) -> list[Column]:
    """Return the columns with the raw units of a payload in the head of each Greek."""
    if not raw:
        return list(columns)
    return [
        column._replace(unit=_RAW.get(units[column.key], units[column.key]))
        if column.show == "greek"
        else column
        for column in columns
    ]


_RAW: Final[Mapping[str, str]] = {
    "$ per $": "",
    "$ per 1.00 vol": "$/1.00",
    "$ per year": "$/yr",
    "$ per 1.00 rate": "$/1.00",
    "delta per $": "per $",
    "delta per year": "/yr",
    "delta per 1.00 vol": "/1.00",
    "$ per vol^2": "$/1.00²",
    "$ per vol pt^2": "$/pt²",
    "gamma per $": "per $²",
    "gamma per 1.00 vol": "/1.00",
    "gamma per year": "/yr",
    "$ per vol^3": "$/1.00³",
}
"""Units as short as a column's head has to be."""


def heat(value: Any, reach: float) -> str:
    """Return the heat class of `value` on a scale that ends at `reach`."""
    found = finite(value)
    if found is None or not reach:
        return ""
    step = min(HEAT_STEPS, round(abs(found) / reach * HEAT_STEPS))
    return "h-0" if step == 0 else f"h-{'p' if found > 0 else 'n'}{step}"


def around(rows: Sequence[Mapping[str, Any]], spot: Any, each_side: int) -> list[Mapping[str, Any]]:
    """Return the rows within `each_side` strikes of spot; all of them for 0."""
    here = finite(spot)
    if not each_side or here is None:
        return list(rows)
    middle = bisect_left([float(row["strike"]) for row in rows], here)
    return list(rows[max(0, middle - each_side) : middle + each_side])


def reaches(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> dict[str, float]:
    """Return the largest size in each heated column, calls and puts together."""
    found = {}
    for column in columns:
        if column.heat:
            sizes = [
                abs(value)
                for row in rows
                for right in ("call", "put")
                if (value := finite((row.get(right) or {}).get(column.key))) is not None
            ]
            found[column.key] = max(sizes, default=0.0)
    return found


def lines(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], spot: Any) -> list[Line]:
    """Return the table's lines, lowest strike first."""
    reach = reaches(rows, columns)
    whole = all(float(row["strike"]) == int(row["strike"]) for row in rows)
    here = finite(spot)
    found = []
    for index, row in enumerate(rows):
        strike = float(row["strike"])
        before = float(rows[index - 1]["strike"]) if index else None
        crossed = here is not None and before is not None and before <= here < strike
        calls = [_cell(row, "call", column, reach) for column in reversed(columns)]
        puts = [_cell(row, "put", column, reach) for column in columns]
        text = number(strike, 0 if whole else 2)
        call, put = (str((row.get(right) or {}).get("occ") or "") for right in ("call", "put"))
        classes = "at-spot" if crossed else ""
        found.append(Line(strike, text, classes, calls, puts, call, put))
    return found


def _cell(row: Mapping[str, Any], right: str, column: Column, reach: Mapping[str, float]) -> Cell:
    quote = row.get(right) or {}
    value = quote.get(column.key)
    text = FORMATS[column.show](value)
    classes = heat(value, reach[column.key]) if column.heat else ""
    title = ""
    if text == MISSING and (status := quote.get("status")) not in (None, "", "ok"):
        title = str(status).replace("_", " ")
    return Cell(text, classes, title)
