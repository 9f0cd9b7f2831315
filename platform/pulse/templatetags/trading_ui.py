"""Template tags of the pages of trading: prices, quantities and states as people read them."""

from __future__ import annotations

import re
from typing import Any, Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from pulse.charts import format as fmt
from pulse.charts import payoff as charts
from pulse.templatetags.bots_ui import MONTHS
from pulse.templatetags.pulse_ui import et

register = template.Library()

_STATES: Final = {
    "pending": ("Waiting to be sent", "badge-accent"),
    "submitting": ("Being sent", "badge-accent"),
    "unknown": ("Asked for", "badge-warn"),
    "accepted": ("Accepted", "badge-accent"),
    "working": ("Working", "badge-accent"),
    "partially_filled": ("Partly filled", "badge-accent"),
    "cancel_pending": ("Being cancelled", "badge-warn"),
    "filled": ("Filled", "badge-ok"),
    "canceled": ("Cancelled", ""),
    "replaced": ("Replaced", ""),
    "rejected": ("Refused", "badge-critical"),
    "expired": ("Expired", ""),
}
_STANDINGS: Final = {
    "disabled": ("Disabled", ""),
    "armed": ("Armed", "badge-accent"),
    "reconciling": ("Reconciling", "badge-accent"),
    "live": ("Trading", "badge-ok"),
    "reducing": ("Reducing only", "badge-warn"),
    "halted": ("Halted", "badge-critical"),
}
_EVENTS: Final = {
    "place": "Judged by the gate and stored",
    "submit": "Sent to the broker",
    "unknown": "No answer: it is asked for, never sent again",
    "absent": "The broker does not know it",
    "accepted": "Accepted by the broker",
    "working": "Working in the market",
    "fill": "Filled",
    "cancel": "Cancel asked for",
    "cancel_refused": "Cancel refused",
    "canceled": "Cancelled",
    "replaced": "Replaced",
    "rejected": "Refused by the broker",
    "expired": "Expired",
}
_OCC: Final = re.compile(r"([A-Z0-9]{1,6})(\d{2})(\d{2})(\d{2})([CP])(\d{8})")


@register.filter
def price(value: Any) -> str:
    """Show a price with two decimals, more where it has more."""
    found = fmt.finite(value)
    if found is None:
        return fmt.MISSING
    places = 2 if round(found, 2) == round(found, 6) else 4
    return fmt.number(found, places)


@register.filter
def amount(value: Any) -> str:
    """Show an amount of dollars to the cent with its sign."""
    return fmt.number(value, 2, plus=True)


@register.filter
def quantity(value: Any) -> str:
    """Show a quantity without needless zeros."""
    found = fmt.finite(value)
    if found is None:
        return fmt.MISSING
    places = len(f"{found:.8f}".rstrip("0").partition(".")[2])
    return fmt.number(found, places)


@register.filter
def bare(value: Any) -> Any:
    """Return a number without its sign, for where a word says it."""
    return None if value is None else str(value).removeprefix("-")


@register.filter
def state_name(state: str) -> str:
    """Return an order's state as people read it."""
    return _STATES.get(state, (state.replace("_", " ").capitalize(), ""))[0]


@register.filter
def state_class(state: str) -> str:
    """Return the class of a state's badge."""
    return _STATES.get(state, ("", ""))[1]


@register.filter
def standing_name(state: str) -> str:
    """Return an account's standing as people read it."""
    return _STANDINGS.get(state, (state.capitalize(), ""))[0]


@register.filter
def standing_class(state: str) -> str:
    """Return the class of a standing's badge."""
    return _STANDINGS.get(state, ("", ""))[1]


@register.filter
def event_name(kind: str) -> str:
    """Return what an event of an order says."""
    return _EVENTS.get(kind, kind.replace("_", " ").capitalize())


@register.filter
def kind_name(kind: str) -> str:
    """Return a kind of order or entry as people read it."""
    return kind.replace("_", " ").capitalize()


@register.filter
def instrument(symbol: str) -> SafeString:
    """Show an instrument: an option by underlying, day, strike and right, its symbol as title."""
    found = _OCC.fullmatch(symbol)
    if found is None:
        return format_html("{}", symbol)
    root, year, month, day, right, strike = found.groups()
    name = MONTHS[int(month) - 1] if 1 <= int(month) <= 12 else month
    return format_html(
        '<span title="{}">{} {} {} {} {}{}</span>', symbol, root, int(day), name, year,
        f"{int(strike) / 1000:g}", right,
    )  # fmt: skip


@register.simple_tag
def when(at: Any, clock: str, pattern: str = "%Y-%m-%d %H:%M:%S") -> SafeString:
    """Show an instant on New York's clock, and whether it is real or the market's own time."""
    return format_html('{} <small class="faint">{}</small>', et(at, pattern), f"{clock} time")


@register.filter
def scope_name(kind: str, target: str) -> str:
    """Return what a switch acts on, as people read it."""
    if kind == "global":
        return "Everything"
    return "All accounts of yours" if kind == "user" else f"{kind.capitalize()} {target}"


@register.filter
def limit_fault(faults: dict[str, str], account: int) -> str:
    """Return what was wrong with a limit of an account."""
    return faults.get(f"limit-{account}", "")


@register.simple_tag
def order_price(order: dict[str, Any]) -> str:
    """Return the prices of an order in words."""
    kind = order["kind"]
    if kind == "market":
        return "at the market"
    if kind == "trailing_stop":
        return f"trails by {price(order['trail'])}"
    many = len(order["legs"])
    limit, stop = _net(order["limit_price"], many), _net(order["stop_price"], many)
    if kind == "stop":
        return f"stop {stop}"
    return f"stop {stop}, limit {limit}" if kind == "stop_limit" else limit


def _net(value: str | None, legs: int) -> str:
    """Return a price; that of a package says whether it is paid or received."""
    if legs == 1 or value is None:
        return price(value)
    return f"{price(bare(value))} {'credit' if value.startswith('-') else 'debit'}"


@register.simple_tag
def net_words(value: str | None, several: bool) -> str:
    """Return a price of now; that of a package says whether it is paid or received."""
    return _net(value, 2 if several else 1)


@register.simple_tag
def payoff_figure(ending: dict[str, Any], spot: str, bends: list[float]) -> SafeString:
    """Draw what an order makes or loses at its end."""
    points = [(float(price_), float(profit)) for price_, profit in ending["points"]]
    drawn = charts.payoff(points, spot=float(spot), strikes=bends, label=payoff_words(ending))
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def payoff_words(ending: dict[str, Any]) -> str:
    """Say what the figure shows."""
    most = "any amount" if ending["most"] is None else f"at most ${fmt.number(ending['most'], 2)}"
    least = (
        "any amount" if ending["least"] is None
        else f"at most ${fmt.number(bare(ending['least']), 2)}"
    )  # fmt: skip
    even = " and ".join(fmt.number(one, 2) for one in ending["even"])
    where = f" It breaks even at {even}." if even else ""
    return f"At its end it makes {most} and loses {least}, before fees.{where}"


@register.simple_tag
def stress_table(stress: dict[str, Any]) -> dict[str, Any]:
    """Return the stress grid of a day later as rows of a table."""
    profits = stress["profits"][-1]
    rows = [
        {"head": fmt.percent(100 * move, 0, plus=True), "cells": cells}
        for move, cells in zip(stress["moves"], profits, strict=True)
    ]
    reach = max((abs(cell or 0.0) for cells in profits for cell in cells), default=0.0)
    return {"heads": [f"{one:g}×" for one in stress["factors"]], "rows": rows, "reach": reach}


@register.simple_tag
def bucket_rows(buckets: dict[str, Any], heads: list[str] | None = None) -> list[dict[str, Any]]:
    """Return Greeks by time to expiry as rows; what has none is left out."""
    names = ("delta", "gamma", "vega", "theta")
    rows = [
        {"name": name, "values": [buckets[greek][place] for greek in names]}
        for place, name in enumerate(heads or buckets["names"])
    ]
    return [row for row in rows if any(row["values"])]


@register.simple_tag
def average_words(order: dict[str, Any]) -> str:
    """Return what an order was filled at on the average."""
    return _net(order["average_price"], len(order["legs"]))


@register.simple_tag
def leg_words(leg: dict[str, Any]) -> str:
    """Return which side a leg is on, with its ratio where that is not one."""
    ratio = int(leg["ratio"])
    side = "Buy" if ratio > 0 else "Sell"
    return side if abs(ratio) == 1 else f"{side} {abs(ratio)}"
