"""The volatility surface as heat tables, what a browser draws of it, and a sentence on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from pulse.charts.format import MISSING, finite, number, significant

STEPS: Final = 5
SHOWN_DELTAS: Final = (0.95, 0.90, 0.85, 0.75, 0.65, 0.50, 0.35, 0.25, 0.15, 0.10, 0.05)
CURVES: Final = (
    ("smile", "Fit used", "--accent", 2.0, ()),
    ("closest", "Closest SVI", "--info", 1.2, (6, 4)),
    ("sabr", "SABR", "--down", 1.2, (2, 3)),
    ("essvi", "eSSVI", "--ok", 1.2, (8, 3, 2, 3)),
)
SOFT_MODELS: Final = {"svi": "SVI", "essvi": "eSSVI", "sabr": "SABR"}

_MODELS: Final = (
    ("svi", "SVI", ("a", "b", "rho", "m", "sigma")),
    ("jump_wings", "jump wings", ("v", "psi", "p", "c", "v_least")),
    ("sabr", "SABR", ("alpha", "beta", "rho", "nu")),
    ("essvi", "eSSVI", ("theta", "rho", "psi")),
)
PARAMETERS: Final = [(title, name) for _, title, names in _MODELS for name in names]


class HeatCell(NamedTuple):
    """A volatility: its text, its heat class, and whether quotes reach it."""

    text: str
    classes: str
    title: str


class HeatRow(NamedTuple):
    """One expiry of a table."""

    expiry: str
    days: float | None
    cells: Sequence[HeatCell]


class HeatTable(NamedTuple):
    """A table of volatilities by expiry."""

    heads: Sequence[str]
    rows: Sequence[HeatRow]


def delta_name(delta: float) -> str:
    """Return a call delta as traders name the strike: puts below, calls above the forward."""
    if delta == 0.5:
        return "50"
    return f"{round(100 * (1 - delta))}P" if delta > 0.5 else f"{round(100 * delta)}C"


def by_delta(surface: Mapping[str, Any]) -> HeatTable:
    """Return volatilities at deltas, low strikes first."""
    table = surface["by_delta"]
    places = [
        place for place, delta in enumerate(table["deltas"]) if round(delta, 2) in SHOWN_DELTAS
    ]
    heads = [delta_name(round(table["deltas"][place], 2)) for place in places]
    values = [[row["vol"][place] for place in places] for row in table["rows"]]
    return _table(surface, heads, values, [[True] * len(places)] * len(values))


def by_strike(surface: Mapping[str, Any]) -> HeatTable:
    """Return volatilities at strikes."""
    table = surface["by_strike"]
    heads = [number(strike, 0 if strike >= 100 else 2) for strike in table["strikes"]]
    values = [row["vol"] for row in table["rows"]]
    return _table(surface, heads, values, [row["quoted"] for row in table["rows"]])


def _table(
    surface: Mapping[str, Any],
    heads: Sequence[str],
    values: Sequence[Sequence[Any]],
    quoted: Sequence[Sequence[bool]],
) -> HeatTable:
    known = [v for row in values for raw in row if (v := finite(raw)) is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    rows = []
    for one, row, inside in zip(surface["expiries"], values, quoted, strict=True):
        cells = [
            _cell(value, low, high, reached, one.get("fault"))
            for value, reached in zip(row, inside, strict=True)
        ]
        rows.append(HeatRow(one["expiry"], finite(one["days"]), cells))
    return HeatTable(heads, rows)


def _cell(value: Any, low: float, high: float, reached: bool, fault: str | None) -> HeatCell:
    found = finite(value)
    if found is None:
        return HeatCell(MISSING, "", fault or "the smile does not reach this far")
    share = (found - low) / (high - low) if high > low else 0.0
    step = round(share * STEPS)
    classes = "h-0" if step == 0 else f"h-p{step}"
    title = "" if reached else "beyond the quotes: what the fit says there"
    return HeatCell(number(found * 100, 1), classes + ("" if reached else " beyond"), title)


def plot(surface: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the browser draws of one smile; volatilities in percent."""
    smile = surface.get("smile")
    if not smile or not smile.get("curve"):
        return None
    points, curve = smile["points"], smile["curve"]
    lines = [
        {"label": label, "token": token, "width": width, "dash": list(dash),
         "values": _percent(curve[name])}
        for name, label, token, width, dash in CURVES
        if any(finite(value) is not None for value in curve[name])
    ]  # fmt: skip
    return {
        "x": curve["strike"],
        "lines": lines,
        "bars": {
            "x": points["strike"], "low": _percent(points["bid"]),
            "mid": _percent(points["mid"]), "high": _percent(points["ask"]), "label": "Bid to ask",
        },
        "marks": [
            {"x": value, "label": label, "token": token}
            for value, label, token in (
                (surface.get("spot"), "spot", "--ink-3"),
                (smile.get("forward"), "forward", "--ink-2"),
            )
            if finite(value) is not None
        ],
        "unit": "%",
        "xunit": "$",
    }  # fmt: skip


def _percent(values: Sequence[Any]) -> list[float | None]:
    return [None if finite(v) is None else round(float(v) * 100, 4) for v in values]


def mesh(surface: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the mesh that the browser turns: rows of volatilities in percent by delta."""
    table = surface["by_delta"]
    rows = [
        (row, one)
        for row, one in zip(table["rows"], surface["expiries"], strict=True)
        if any(finite(value) is not None for value in row["vol"])
    ]
    if len(rows) < 2:
        return None
    return {
        "columns": [delta_name(round(delta, 2)) for delta in table["deltas"]],
        "rows": [_short_day(row["expiry"]) for row, _ in rows],
        "days": [one["days"] for _, one in rows],
        "values": [_percent(row["vol"]) for row, _ in rows],
    }


def _short_day(expiry: str) -> str:
    try:
        return date.fromisoformat(expiry[:10]).strftime("%d %b") + expiry[10:]
    except ValueError:
        return expiry


def smile_words(surface: Mapping[str, Any]) -> str:
    """Say what the smile shows."""
    chosen = next(
        (one for one in surface["expiries"] if one["expiry"] == surface.get("expiry")), None
    )
    if chosen is None:
        return "There is no smile to show."
    said = [f"Smile of {chosen['expiry']}: {chosen['quotes']['used']} quotes"]
    if finite(chosen["vol"]) is None:
        said.append(f"no fit ({chosen['fault']})")
    else:
        said.append(f"{number(chosen['vol'] * 100, 1)}% at the forward")
        if finite(chosen["skew_25d"]) is not None:
            said.append(f"25-delta put over call {number(chosen['skew_25d'] * 100, 1)} points")
        said.append(fit_words(chosen))
    return ", ".join(said) + "."


def fit_words(one: Mapping[str, Any]) -> str:
    """Say how well an expiry's fit meets its quotes."""
    found = one.get("quality")
    if not found:
        return str(one.get("fault") or "no fit")
    name = SOFT_MODELS.get(str(one["model"]), str(one["model"]))
    miss = number(found["rms"] * 100, 2)
    return f"{name} misses quotes by {miss} points (root mean square)"


def mesh_words(surface: Mapping[str, Any]) -> str:
    """Say what the mesh shows."""
    table = surface["by_delta"]
    known = [v for row in table["rows"] for raw in row["vol"] if (v := finite(raw)) is not None]
    if not known:
        return "There is no surface to show."
    low, high = number(min(known) * 100, 1), number(max(known) * 100, 1)
    fitted = sum(one["model"] is not None for one in surface["expiries"])
    return f"Volatility by delta and expiry: {low}% to {high}% over {fitted} expiries."


def arbitrage_words(surface: Mapping[str, Any]) -> str:
    """Say whether the surface is free of arbitrage, and what had to be bent for it."""
    fitted = [one for one in surface["expiries"] if one["model"] is not None]
    bent = sum(_violated(one) for one in fitted)
    crossed = len(surface["crossings"])
    calendar = (
        "no calendar arbitrage between expiries"
        if not crossed
        else f"{crossed} crossing{'s' if crossed > 1 else ''} between expiries"
    )
    closest = (
        "every closest fit is free of butterfly arbitrage by itself"
        if not bent
        else f"{bent} closest fit{'s' if bent > 1 else ''} bent to lose a negative density"
    )
    return f"{len(fitted)} of {len(surface['expiries'])} expiries fitted: {calendar}; {closest}."


def _violated(one: Mapping[str, Any]) -> bool:
    butterfly = (one["closest"] or {}).get("butterfly") or {}
    return bool(butterfly.get("violated"))


def faults(surface: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each place of arbitrage: between expiries, and of closest fits before bending."""
    found = [
        {
            "where": f"{one['earlier']} over {one['later']}",
            "what": "total variance falls with time",
            "low": one["from"], "high": one["to"], "at": one["strike"],
            "size": "grows with distance, beyond all quotes"
            if one["from"] is None or one["to"] is None
            else f"{significant(one['size'])} of total variance",
        }
        for one in surface["crossings"]
    ]  # fmt: skip
    for one in surface["expiries"]:
        butterfly = (one["closest"] or {}).get("butterfly") or {}
        if not butterfly.get("violated"):
            continue
        first = (butterfly["between"] or [[None, None]])[0]
        found.append(
            {
                "where": one["expiry"],
                "what": "closest fit alone: negative density; not used",
                "low": first[0], "high": first[1], "at": butterfly["strike"],
                "size": f"g = {significant(butterfly['least'])}",
            }
        )  # fmt: skip
    return found


def parameters(surface: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return each expiry's parameters in the order of `PARAMETERS`."""
    return [
        (
            one["expiry"],
            [
                significant((one[key] or {}).get(name), 4)
                for key, _, names in _MODELS
                for name in names
            ],
        )
        for one in surface["expiries"]
    ]
