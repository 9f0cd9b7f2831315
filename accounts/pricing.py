"""The plan table as rows of a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from accounts.plans import ENTITLEMENTS, OPENED, PLANS, Plan

YES, NO = "Yes", "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is about and one cell for each plan."""

    label: str
    cells: tuple[str, ...]


def _tools(plan: Plan) -> str:
    return f"1 to {plan.last_tool} ({plan.last_tool})"


def _history(days: int | None) -> str:
    return "All" if days is None else f"{days} days"


def _delay(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds else "None"


def _hours(hours: int) -> str:
    return f"{hours} h a month" if hours else NO


_OPENS: Final = (
    "market.view",
    "market.chain",
    "market.exposure",
    "market.surface",
    "market.greeks",
    "execute.run",
    "market.replay",
)
_LIMITS: Final[tuple[tuple[str, Callable[[Plan], str]], ...]] = (
    ("Delay of live market data", lambda plan: _delay(plan.limits.data_delay_s)),
    ("History", lambda plan: _history(plan.limits.history_days)),
    ("Alerts by", lambda plan: ", ".join(plan.limits.alert_channels)),
    ("API calls a minute", lambda plan: f"{plan.limits.api_calls_a_minute:,}"),
    ("API burst", lambda plan: f"{plan.limits.api_burst:,}"),
    ("Bots", lambda plan: str(plan.limits.bots)),
    ("Paper accounts", lambda plan: str(plan.limits.paper_accounts)),
    ("Live trading", lambda plan: YES if plan.limits.live_trading else NO),
    ("Backtests a day", lambda plan: str(plan.limits.backtests_a_day)),
    ("Training", lambda plan: _hours(plan.limits.training_hours_a_month)),
)


def opened_rows() -> list[Row]:
    """Return what the plans open now."""
    plans = tuple(PLANS.values())
    rows = [Row("Tools by number", tuple(_tools(plan) for plan in plans))]
    for name in _OPENS:
        cells = tuple(YES if name in OPENED[plan.name] else NO for plan in plans)
        rows.append(Row(ENTITLEMENTS[name], cells))
    return rows


def limit_rows() -> list[Row]:
    """Return the limits that come into force with the features that they limit."""
    plans = tuple(PLANS.values())
    return [Row(label, tuple(cell(plan) for plan in plans)) for label, cell in _LIMITS]


def price(plan: Plan, *, yearly: bool) -> str:
    """Return a plan's price in words."""
    amount = plan.yearly if yearly else plan.monthly
    if not amount:
        return "$0"
    return f"${amount:,.0f} a {'year' if yearly else 'month'}"
