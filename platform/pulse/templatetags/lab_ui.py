"""Template tags of the labs: figures of a table, and its numbers in words."""

from __future__ import annotations

import math
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from pulse.charts import fan as charts
from pulse.charts import format as fmt

register = template.Library()

EFFECTS = {"on": "Effects on", "off": "Effects off", "reversed": "Effects reversed"}
VERDICTS = {
    "edge": ("Edge", "badge-ok"),
    "unproven": ("Not proven", "badge-warn"),
    "loses": ("Loses", "badge-critical"),
    "no edge": ("No edge", ""),
    "too few": ("Too few signals", ""),
    "compare": ("Compare only", "badge-sim"),
}
OUTCOMES = {"deployed": "badge-ok", "no data": "badge-warn"}


@register.filter
def outcome_class(verdict: str) -> str:
    """Return the class of the badge of a search's verdict."""
    return OUTCOMES.get(verdict, "")


@register.filter
def cut(value: Any) -> str:
    """Show a probability in three digits, cut and not rounded: 0.9499 has not reached 0.95."""
    found = fmt.finite(value)
    return fmt.number(None if found is None else math.floor(1000 * found) / 1000, 3)


@register.filter
def setting(value: Any) -> str:
    """Show a parameter's value in four significant digits."""
    found = fmt.finite(value)
    return fmt.MISSING if found is None else f"{found:.4g}".replace("-", fmt.MINUS)


@register.filter
def effect_name(effect: str) -> str:
    """Return an effect as people read it."""
    return EFFECTS.get(effect, effect)


@register.filter
def verdict_name(verdict: str) -> str:
    """Return a verdict as people read it."""
    return VERDICTS.get(verdict, (verdict, ""))[0]


@register.filter
def verdict_class(verdict: str) -> str:
    """Return the class of a verdict's badge."""
    return VERDICTS.get(verdict, ("", ""))[1]


@register.filter
def share(value: Any, places: int = 1) -> str:
    """Show a share as percent without the sign, for columns whose head names it."""
    found = fmt.finite(value)
    return fmt.number(None if found is None else 100 * found, places)


@register.filter
def signed_share(value: Any, places: int = 1) -> str:
    """Show a difference of shares in points, with its sign."""
    found = fmt.finite(value)
    return fmt.number(None if found is None else 100 * found, places, plus=True)


@register.simple_tag
def gain(value: Any, sided: bool, plus: bool = True) -> str:
    """Show a gain: basis points of price, or of a tool without a side percent of variance."""
    found = fmt.finite(value)
    scaled = None if found is None else found * (1e4 if sided else 1e2)
    return fmt.number(scaled, 2 if sided else 1, plus=plus)


@register.filter
def lasting(seconds: Any) -> str:
    """Show a range of seconds."""
    first, last = (fmt.age(value) for value in seconds)
    return first if first == last else f"{first} to {last}"


@register.filter
def speed(value: Any) -> str:
    """Show how many things a second; below ten with a decimal, so that slow work is not 0."""
    found = fmt.finite(value)
    return fmt.number(found, 1 if found is not None and found < 10 else 0)


@register.simple_tag
def fan_figure(fan: dict[str, Any], line: dict[str, Any]) -> SafeString:
    """Draw a fan of simulated years."""
    label = charts.fan_words(fan, sided=line["sided"], name=line["tool"]["name"])
    drawn = charts.fan(fan, sided=line["sided"], label=label)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def fan_words(fan: dict[str, Any], line: dict[str, Any]) -> str:
    """Say what a fan shows."""
    return charts.fan_words(fan, sided=line["sided"], name=line["tool"]["name"])


@register.simple_tag
def fan_rows(fan: dict[str, Any], line: dict[str, Any]) -> list[tuple[int, list[str]]]:
    """Return a fan as rows."""
    return charts.fan_rows(fan, sided=line["sided"])


@register.simple_tag
def calibration_figure(line: dict[str, Any]) -> SafeString:
    """Draw win rates by score."""
    words = charts.calibration_words(line["bins"])
    drawn = charts.calibration(line["bins"], base=line["base"], label=words)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.filter
def calibration_words(line: dict[str, Any]) -> str:
    """Say what win rates by score show."""
    return charts.calibration_words(line["bins"])


@register.filter
def calibration_rows(line: dict[str, Any]) -> list[dict[str, float]]:
    """Return the bins of a tool's score."""
    return charts.bins(line["bins"])
