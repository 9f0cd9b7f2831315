"""Conditions as tools write them: a value, what it is compared with, and to what degree it holds.

`width` is how far beyond the limit a condition is met in full, in the value's unit.
"""

from __future__ import annotations

from market.frames import FloatArray
from tools_app.contract import Condition
from tools_app.degrees import above, below


def at_least(
    label: str, value: FloatArray, limit: float, *, width: float, unit: str = ""
) -> Condition:
    """Return the condition that a value reaches a limit from below."""
    return Condition(
        label=label,
        value=value,
        unit=unit,
        degree=above(value, limit, width),
        limit=limit,
        relation="at least",
    )


def at_most(
    label: str, value: FloatArray, limit: float, *, width: float, unit: str = ""
) -> Condition:
    """Return the condition that a value stays under a limit."""
    return Condition(
        label=label,
        value=value,
        unit=unit,
        degree=below(value, limit, width),
        limit=limit,
        relation="at most",
    )


def graded(label: str, value: FloatArray, degree: FloatArray, unit: str = "") -> Condition:
    """Return a condition whose degree does not come from a single limit."""
    return Condition(label=label, value=value, unit=unit, degree=degree)


def told(label: str, value: FloatArray, unit: str = "") -> Condition:
    """Return a value that is told with the reasons but does not count."""
    return Condition(label=label, value=value, unit=unit)
