"""Template tags of the rankings."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from pulse.charts import boards, small
from pulse.charts import format as fmt

register = template.Library()

GROUPS = {
    "ranked": "Ranked",
    "provisional": "Not ranked yet",
    "flagged": "Flagged",
    "idle": "Idle",
    "excluded": "Excluded",
}
FLAGS = {
    "absurd_sharpe": "Sharpe ratio",
    "one_trade": "One trade",
    "copies": "Copy",
    "mirrors": "Mirror",
}

register.filter("share", boards.share)
register.filter("tries", boards.tries)


@register.filter
def figure(row: dict[str, Any], metric: str) -> boards.Shown:
    """Return a figure of an entry with its small print."""
    return boards.figure_of(row, metric)


@register.simple_tag
def here_query(asked: Any, **changes: Any) -> str:
    """Return an address's parameters with changes, with their question mark if there are any."""
    made = asked.query(**changes)
    return f"?{made}" if made else ""


@register.simple_tag
def go(
    asked: Any, id: str, text: str, look: str = "", count: int | None = None, **changes: Any
) -> SafeString:
    """Draw a link to the board with changes; it is the current one where they change nothing.

    `id` begins the element's id, so that the focus is found again after the board was replaced.
    """
    query = asked.query(**changes)
    to = reverse("bots:board") + (f"?{query}" if query else "")
    ends = "-".join(str(value) for value in changes.values()) if len(changes) == 1 else "all"
    stays = not look and all(getattr(asked, name) == value for name, value in changes.items())
    return format_html(
        '<a id="{}-{}" href="{}" hx-get="{}"{}{}>{}{}</a>', id, ends or "all", to, to,
        format_html(' class="{}"', look) if look else "",
        mark_safe(' aria-current="true"') if stays else "",
        text, "" if count is None else f" {fmt.number(count, 0)}",
    )  # fmt: skip


@register.filter
def group_title(name: str) -> str:
    """Return a group as people read it."""
    return GROUPS[name]


@register.filter
def group_class(name: str) -> str:
    """Return the class of a group's badge."""
    return {"ranked": "badge-ok", "flagged": "badge-warn", "excluded": "badge-warn"}.get(name, "")


@register.filter
def flag_name(name: str) -> str:
    """Return a flag in a word or two."""
    return FLAGS.get(name, name)


@register.simple_tag
def board_spark(row: dict[str, Any]) -> SafeString:
    """Draw the equity of an entry over its newest days."""
    values = row.get("spark") or []
    label = boards.spark_words(values, row["bot"]["name"])
    drawn = small.sparkline(values, label=label) if label else ""
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def pair_figure(curves: list[boards.Curve], label: str) -> SafeString:
    """Draw two equity curves."""
    drawn = boards.curves(curves, label=label)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.filter
def share_signed(value: Any) -> str:
    """Show a share of one in percent with its sign."""
    return boards.share(value, 2, plus=True)


@register.filter
def signed(value: Any, places: int = 2) -> str:
    """Show a number with its sign."""
    return fmt.number(value, places, plus=True)


@register.filter
def hundred(value: Any) -> str:
    """Show a share of one as so many of a hundred."""
    return fmt.number((fmt.finite(value) or 0.0) * 100, 0)
