"""The plan table as rows of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from accounts.plans import ALERT_KINDS, ENTITLEMENTS, OPENED, PLANS, Plan

YES, NO = "Yes", "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is about and, for each plan, its title and the cell."""

    label: str
    cells: tuple[tuple[str, str], ...]


def _opens(name: str, plan: Plan) -> str:
    return YES if name in OPENED[plan.name] else NO


def _tools(plan: Plan) -> str:
    return f"1 to {plan.last_tool} ({plan.last_tool})"


def _history(days: int | None) -> str:
    return "All" if days is None else f"{days} days"


def _delay(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds else "None"


def _most(count: int) -> str:
    return f"{count:,}" if count else NO


def _kinds(plan: Plan) -> str:
    return ", ".join(ALERT_KINDS[kind] for kind in plan.limits.alert_kinds)


def _hours(hours: int) -> str:
    return f"{hours} h a month" if hours else NO


_OPENS: Final = (
    "market.view",
    "market.chain",
    "market.exposure",
    "market.surface",
    "market.greeks",
    "market.live",
    "execute.run",
    "market.replay",
    "validation.view",
    "validation.run",
    "optimizer.view",
    "optimizer.run",
    "bots.own",
)
_IN_FORCE: Final[tuple[tuple[str, Callable[[Plan], str]], ...]] = (
    ("Delay of market data", lambda plan: _delay(plan.limits.data_delay_s)),
    ("History of market data", lambda plan: _history(plan.limits.history_days)),
    ("Alerts by", _kinds),
    ("Alert channels", lambda plan: str(plan.limits.alert_channels)),
    ("Alert rules", lambda plan: str(plan.limits.alert_rules)),
    ("Alerts a day", lambda plan: f"{plan.limits.alerts_a_day:,}"),
    ("API calls a minute", lambda plan: f"{plan.limits.api_calls_a_minute:,}"),
    ("API burst", lambda plan: f"{plan.limits.api_burst:,}"),
    ("Paths of a validation", lambda plan: _most(plan.limits.validation_paths)),
    ("Settings of a search", lambda plan: _most(plan.limits.optimizer_settings)),
    ("Bots", lambda plan: str(plan.limits.bots)),
)
_LIMITS: Final[tuple[tuple[str, Callable[[Plan], str]], ...]] = (
    ("Paper accounts", lambda plan: str(plan.limits.paper_accounts)),
    ("Live trading", lambda plan: YES if plan.limits.live_trading else NO),
    ("Backtests a day", lambda plan: str(plan.limits.backtests_a_day)),
    ("Training", lambda plan: _hours(plan.limits.training_hours_a_month)),
)


def opened_rows() -> list[Row]:
    """Return what the plans open now."""
    opens = [(ENTITLEMENTS[name], partial(_opens, name)) for name in _OPENS]
    return _rows((("Tools by number", _tools), *opens, *_IN_FORCE))


def limit_rows() -> list[Row]:
    """Return the limits that come into force with the features that they limit."""
    return _rows(_LIMITS)


def _rows(limits: Iterable[tuple[str, Callable[[Plan], str]]]) -> list[Row]:
    return [
        Row(label, tuple((plan.title, cell(plan)) for plan in PLANS.values()))
        for label, cell in limits
    ]


def price(plan: Plan, *, yearly: bool) -> str:
    """Return a plan's price in words."""
    amount = plan.yearly if yearly else plan.monthly
    if not amount:
        return "$0"
    return f"${amount:,.0f} a {'year' if yearly else 'month'}"
