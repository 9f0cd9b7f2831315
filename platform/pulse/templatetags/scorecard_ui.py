"""Template tags of the scorecards."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from pulse.charts import scorecards

register = template.Library()

register.filter("share", scorecards.share)
register.filter("between", scorecards.between)
register.filter("average", scorecards.average)
register.filter("average_between", scorecards.average_between)
register.filter("sharpe", scorecards.sharpe)
register.filter("chance", scorecards.chance)
register.filter("half_life", scorecards.half_life)
register.filter("where", scorecards.where)
register.filter("outcome", scorecards.outcome)
register.filter("calibration_words", scorecards.calibration_words)


@register.filter
def calibration_figure(figures: dict[str, Any], place: str) -> SafeString:
    """Draw hit rate against score."""
    drawn = scorecards.calibration(figures, place)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.filter
def badge_class(badge: str) -> str:
    """Return the look of a badge; its word says what it is."""
    return {"proven": "badge-ok", "retired": "badge-warn"}.get(badge, "")
