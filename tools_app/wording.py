"""An evaluation in words: why a row scored what it scored, for people and for JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from market.clock import NEW_YORK, from_ns
from market.frames import Kind
from quant.regime import TRENDS, VOLATILITIES
from tools_app.contract import Condition, Evaluation

LIQUIDITIES = ("low", "normal", "high")
Row = int | tuple[int, ...]
_STEPS = ((1e12, "tn"), (1e9, "bn"), (1e6, "mn"), (1e3, "k"))
_SHOWN = {"share": (100.0, "%"), "vol": (100.0, "vol pt")}
"""Units of one whole that people read in hundredths."""


def figure(value: float, unit: str) -> str:
    """Return a number with its unit as a person would write it: "-1.9 bn $/1 %", "0.4 %".

    Amounts in $ are scaled by thousands, a share is told in percent, a volatility in points.
    """
    if not math.isfinite(value):
        return "not known"
    if unit == "price":
        return f"{value:,.2f}"
    if unit == "regime":
        trend, volatility = divmod(int(value), len(VOLATILITIES))
        return f"{TRENDS[trend]} trend with {VOLATILITIES[volatility]} volatility"
    if unit == "cell":
        trend, rest = divmod(int(value), 9)
        volatility, liquidity = divmod(rest, 3)
        return (
            f"{TRENDS[trend]} trend, {VOLATILITIES[volatility]} volatility, "
            f"{LIQUIDITIES[liquidity]} liquidity"
        )
    scale, unit = _SHOWN.get(unit, (1.0, unit))
    value *= scale
    if unit.startswith("$"):
        for size, name in _STEPS:
            if abs(value) >= size:
                return f"{_plain(value / size)} {name} {unit}"
    return f"{_plain(value)} {unit}".rstrip()


def explain(evaluation: Evaluation, row: Row) -> list[dict[str, Any]]:
    """Return the conditions at one row, in order, each as {label, value, unit, text}.

    Parameters
    ----------
    evaluation : Evaluation
    row : int or tuple of int
        Position in time, or (path, ..., time) when there are paths; negative counts from the end.

    Returns
    -------
    list of dict
        `value` is a finite float or None. The last entry tells the time in New York.
    """
    reasons = [_reason(condition, row) for condition in evaluation.conditions]
    at = from_ns(int(evaluation.time[row[-1] if isinstance(row, tuple) else row]))
    local = at.astimezone(NEW_YORK)
    text = f"{local:%H:%M} ET" if evaluation.kind == Kind.INTRADAY else f"close of {local:%Y-%m-%d}"
    return [*reasons, {"label": "time", "value": None, "unit": "", "text": text}]


def _reason(condition: Condition, row: Row) -> dict[str, Any]:
    value = float(np.asarray(condition.value)[row])
    text = f"{condition.label} {figure(value, condition.unit)}"
    if condition.limit is not None:
        text += f" ({condition.relation} {figure(condition.limit, condition.unit)})"
    return {
        "label": condition.label,
        "value": value if math.isfinite(value) else None,
        "unit": condition.unit,
        "text": text,
    }


def _plain(value: float) -> str:
    """Return three significant digits without an exponent; whole numbers stay whole."""
    if value == 0.0 or abs(value) >= 1000.0:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 8)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
