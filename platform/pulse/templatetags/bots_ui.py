"""Template tags of the bots' pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from pulse.charts import equity as charts
from pulse.charts import format as fmt

register = template.Library()

TIERS = {
    "self_reported": ("Self-reported", "", "The bot says so. The server could not check it."),
    "checked": (
        "Checked",
        "badge-accent",
        "Price inside the stored bid and offer at receipt, market open, size displayed, on time.",
    ),
    "server_priced": ("Server-priced", "badge-ok", "Filled here, at prices of this platform."),
    "broker_verified": ("Broker-verified", "badge-ok", "A broker confirmed the execution."),
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

register.filter("dollars", charts.money)
register.filter("by_year", charts.by_year)


@register.filter
def tier_name(tier: str) -> str:
    """Return a trust tier as people read it."""
    return TIERS[tier][0]


@register.filter
def tier_says(tier: str) -> str:
    """Return what a trust tier means."""
    return TIERS[tier][2]


@register.filter
def tier_class(tier: str) -> str:
    """Return the class of a tier's badge."""
    return TIERS[tier][1]


@register.simple_tag
def tier_rows(counts: dict[str, int]) -> list[dict[str, Any]]:
    """Return the tiers with the trades in each and what it means."""
    return [
        {"tier": tier, "count": counts.get(tier, 0), "says": says}
        for tier, (_, _, says) in TIERS.items()
    ]


@register.simple_tag
def month_names() -> tuple[str, ...]:
    """Return the short names of the months."""
    return MONTHS


@register.filter
def widest_month(months: Any) -> float:
    """Return the largest monthly profit or loss, the end of the heat scale."""
    return max((abs(fmt.finite(one["profit"]) or 0.0) for one in months), default=0.0)


@register.simple_tag
def equity_figure(record: dict[str, Any], bot: dict[str, Any]) -> SafeString:
    """Draw equity and drawdown."""
    label = charts.words(record, bot["name"])
    drawn = charts.equity(record, downtimes=bot["downtimes"], label=label)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def equity_words(record: dict[str, Any], bot: dict[str, Any]) -> str:
    """Say what the figure shows."""
    return charts.words(record, bot["name"])


@register.filter
def action_name(action: str) -> str:
    """Return an action as people read it."""
    return action.replace("_", " ").capitalize()
