"""The plans: what each one costs, opens and limits. One table, read by every gate and page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from record.access import OPERATOR, PUBLIC, SIGNED_IN, SYSTEM

FREE: Final = "free"
PRO: Final = "pro"
PRO_PLUS: Final = "pro_plus"

FREE_MONTHS_A_YEAR: Final = 2
"""Months that are not charged when a year is paid at once."""

ENTITLEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        PUBLIC: "This page",
        SIGNED_IN: "Your own account",
        OPERATOR: "Running the platform",
        SYSTEM: "The platform's own work",
        "market.view": "Watching the market",
        "market.chain": "The option chain with its Greeks",
        "market.exposure": "Dealer exposure with its levels",
        "market.surface": "The volatility surface",
        "market.greeks": "Greeks of your own contracts",
        "market.live": "Live market data",
        "market.replay": "Replaying a recorded day",
        "tools.view": "The catalogue of tools",
        "tools.free": "Seeing the live values of Free tools",
        "tools.pro": "Seeing the live values of Pro tools",
        "tools.pro_plus": "Seeing the live values of Pro+ tools",
        "signals.view": "The list of signals",
        "execute.run": "Running a tool on demand",
        "validation.view": "Results of the validation lab",
        "validation.run": "Running a validation",
        "optimizer.view": "Results of the optimizer lab",
        "optimizer.run": "Running a search for parameters",
        "alerts.own": "Alerts of your own",
        "bots.view": "The bots with their trade logs",
        "bots.own": "Bots of your own",
        "trading.paper": "Trading on paper",
        "trading.live": "Trading live at a broker",
    }
)
"""Every name that a view, topic or task may declare, as the subject of a sentence about it."""

ALERT_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email": "e-mail",
        "push": "browser push",
        "discord": "Discord",
        "slack": "Slack",
        "telegram": "Telegram",
        "webhook": "webhook",
    }
)
"""The kinds of alert channels as the middle of a sentence."""

VISITOR: Final = frozenset({PUBLIC, "tools.view", "validation.view", "optimizer.view", "bots.view"})
"""What somebody may do who has not signed in."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each thing a plan has. None stands for no limit.

    A plan without a delay opens `market.live`, and no other does. Limits on what is not built yet
    are promises; the feature reads its number here. `validation_paths` are simulated paths of each
    kind in one run; `optimizer_settings` are settings that one search may judge: places x folds x
    trials.
    """

    data_delay_s: int
    alert_kinds: tuple[str, ...]
    alert_channels: int
    alert_rules: int
    alerts_a_day: int
    api_calls_a_minute: int
    api_burst: int
    bots: int
    paper_accounts: int
    live_trading: bool
    backtests_a_day: int
    training_hours_a_month: int
    validation_paths: int
    validations_at_once: int
    optimizer_settings: int
    searches_at_once: int
    history_days: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan. Amounts are US dollars."""

    name: str
    title: str
    says: str
    monthly: Decimal
    last_tool: int
    adds: frozenset[str]
    limits: Limits
    trial_days: int = 0
    """Days of the first subscription before its first payment."""

    @property
    def yearly(self) -> Decimal:
        """The price of a year that is paid at once."""
        return self.monthly * (12 - FREE_MONTHS_A_YEAR)


_TABLE = (
    Plan(
        name=FREE,
        title="Free",
        says="The whole market view, 15 minutes late, and the first five tools.",
        monthly=Decimal(0),
        last_tool=5,
        adds=frozenset(
            {
                SIGNED_IN,
                "market.view",
                "market.chain",
                "market.exposure",
                "market.surface",
                "market.greeks",
                "tools.free",
                "signals.view",
                "execute.run",
                "alerts.own",
                "bots.own",
                "trading.paper",
            }
        ),
        limits=Limits(
            data_delay_s=900,
            alert_kinds=("email", "push"),
            alert_channels=1,
            alert_rules=2,
            alerts_a_day=20,
            api_calls_a_minute=60,
            api_burst=20,
            bots=1,
            paper_accounts=1,
            live_trading=False,
            backtests_a_day=5,
            training_hours_a_month=0,
            validation_paths=0,
            validations_at_once=0,
            optimizer_settings=0,
            searches_at_once=0,
            history_days=30,
        ),
    ),
    Plan(
        name=PRO,
        title="Pro",
        says="The market live, intraday tools, and recorded days to try them on.",
        monthly=Decimal(99),
        last_tool=30,
        adds=frozenset({"tools.pro", "market.live", "market.replay", "validation.run"}),
        limits=Limits(
            data_delay_s=0,
            alert_kinds=("email", "push", "discord", "slack", "telegram"),
            alert_channels=5,
            alert_rules=25,
            alerts_a_day=500,
            api_calls_a_minute=600,
            api_burst=100,
            bots=5,
            paper_accounts=3,
            live_trading=False,
            backtests_a_day=50,
            training_hours_a_month=10,
            validation_paths=10_000,
            validations_at_once=1,
            optimizer_settings=0,
            searches_at_once=0,
            history_days=365,
        ),
    ),
    Plan(
        name=PRO_PLUS,
        title="Pro+",
        says="Every tool.",
        monthly=Decimal(299),
        last_tool=52,
        adds=frozenset({"tools.pro_plus", "optimizer.run", "trading.live"}),
        limits=Limits(
            data_delay_s=0,
            alert_kinds=("email", "push", "discord", "slack", "telegram", "webhook"),
            alert_channels=20,
            alert_rules=100,
            alerts_a_day=5000,
            api_calls_a_minute=3000,
            api_burst=500,
            bots=25,
            paper_accounts=10,
            live_trading=True,
            backtests_a_day=500,
            training_hours_a_month=100,
            validation_paths=100_000,
            validations_at_once=1,
            optimizer_settings=50_000,
            searches_at_once=1,
            history_days=None,
        ),
    ),
)

PLANS: Final[Mapping[str, Plan]] = MappingProxyType({plan.name: plan for plan in _TABLE})
"""The plans by name, from the smallest; each has all that the ones before it have."""


def _cumulative() -> dict[str, frozenset[str]]:
    opened, had = {}, VISITOR
    for plan in _TABLE:
        had |= plan.adds
        opened[plan.name] = had
    return opened


OPENED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(_cumulative())
"""All entitlements of each plan, those of the smaller plans included."""
STAFF: Final = OPENED[PRO_PLUS] | {OPERATOR}
"""What an operator may do, whatever the operator's own plan."""


def first_plan_with(entitlement: str) -> Plan | None:
    """Return the smallest plan that opens `entitlement`, or None when no plan does."""
    return next((plan for plan in _TABLE if entitlement in OPENED[plan.name]), None)


def first_plan_with_history(days: float) -> Plan:
    """Return the smallest plan that shows what lies so many days back."""
    return next(
        plan
        for plan in _TABLE
        if plan.limits.history_days is None or plan.limits.history_days >= days
    )


def first_plan_with_kind(kind: str) -> Plan:
    """Return the smallest plan that has alert channels of a kind."""
    return next(plan for plan in _TABLE if kind in plan.limits.alert_kinds)
