"""Operators' view of trading. Every row is read alone; what stops trading is the kill switch.

Orders, entries and standings change by what the house does, never by a hand in a table; only
dividends of shares are entered here (`trading.brokers.paper.admin`). Secrets are in no page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin

import trading.brokers.paper.admin
import trading.risk.admin  # noqa: F401
from record.admin import ReadOnlyAdmin
from trading.ledger.book import plain
from trading.models import (
    Account,
    AccountDay,
    AccountState,
    Balance,
    Breaker,
    BrokerConnection,
    ClientOrderId,
    Fill,
    GateDecision,
    Heartbeat,
    JournalEntry,
    Order,
    OrderEvent,
    OrderGroup,
    OrderLeg,
    Position,
    Posting,
    RiskProfile,
    Strategy,
    StrategyDecision,
    StrategyTrade,
    StrategyVersion,
    Switch,
    SwitchChange,
)

_WHOSE = ("account__name", "account__owner__email")


def amount(name: str) -> Callable[[Any], str]:
    """Return a column of exact numbers, without the zeros that the database pads."""

    def show(row: Any) -> str:
        value = getattr(row, name)
        return "" if value is None else plain(value)

    show.__name__ = name
    return admin.display(description=name.replace("_", " "), ordering=name)(show)


class InlineRows(admin.TabularInline[Any, Any]):
    """Rows of an order or an entry on its own page."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        """Nobody changes rows by hand."""
        return False


class Legs(InlineRows):
    """The legs of an order."""

    model = OrderLeg


class Postings(InlineRows):
    """The postings of an entry."""

    model = Posting
    fields = ("side", "unit", "instrument", "amount")


# --- the books ----------------------------------------------------------------------------------
@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Accounts."""

    list_display = ("id", "name", "owner", "mode", "broker", "stands", "seq", "created")
    list_filter = ("mode", "broker", "standing__state")
    search_fields = ("name", "owner__email")
    list_select_related = ("owner", "standing")
    ordering = ("-id",)

    @admin.display(description="standing", ordering="standing__state")
    def stands(self, row: Account) -> str:
        """Return how the account stands."""
        state = getattr(row, "standing", None)
        return "" if state is None else str(state.state)


@admin.register(AccountState)
class AccountStateAdmin(ReadOnlyAdmin):
    """How accounts stand, why, and who serves them."""

    list_display = ("account", "state", "reason", "since", "holder", "lease_until", "reconciled_at")
    list_filter = ("state",)
    search_fields = (*_WHOSE, "reason")
    list_select_related = ("account",)
    ordering = ("-since",)


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """Entries of the ledger, each with its postings."""

    list_display = ("id", "account", "seq", "kind", "source", "external_id", "at", "booked_at")
    list_filter = ("kind", "source", "booked_at")
    search_fields = (*_WHOSE, "external_id", "reason")
    list_select_related = ("account",)
    ordering = ("-id",)
    inlines = (Postings,)


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    """Postings."""

    list_display = ("id", "entry", "account", "side", amount("amount"), "unit", "instrument")
    list_filter = ("side",)
    search_fields = (*_WHOSE, "unit", "instrument")
    list_select_related = ("account", "entry")
    ordering = ("-id",)


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    """Sums of the postings."""

    list_display = ("account", "side", amount("amount"), "unit", "instrument")
    list_filter = ("side",)
    search_fields = (*_WHOSE, "unit", "instrument")
    list_select_related = ("account",)


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """Positions."""

    list_display = (
        "account", "symbol", amount("quantity"), amount("multiplier"), amount("cost"),
        amount("realised"),
    )  # fmt: skip
    search_fields = (*_WHOSE, "symbol")
    list_select_related = ("account",)


# --- orders -------------------------------------------------------------------------------------
@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders, each with its legs."""

    list_display = (
        "id", "account", "state", "kind", amount("quantity"), amount("limit_price"),
        amount("filled_quantity"), "origin", "role", "created", "reason",
    )  # fmt: skip
    list_filter = ("state", "kind", "time_in_force", "role", "created")
    search_fields = (*_WHOSE, "intent_id", "venue_order_id", "origin", "client_ids__text")
    list_select_related = ("account",)
    ordering = ("-id",)
    inlines = (Legs,)


@admin.register(OrderLeg)
class OrderLegAdmin(ReadOnlyAdmin):
    """Legs of orders."""

    list_display = ("order", "number", "symbol", "ratio", amount("multiplier"), amount("filled"))
    search_fields = ("symbol", "order__intent_id")
    list_select_related = ("order",)
    ordering = ("-id",)


@admin.register(OrderGroup)
class OrderGroupAdmin(ReadOnlyAdmin):
    """Orders that depend on each other."""

    list_display = ("id", "account", "kind", "intent_id", "created")
    list_filter = ("kind",)
    search_fields = (*_WHOSE, "intent_id")
    list_select_related = ("account",)
    ordering = ("-id",)


@admin.register(ClientOrderId)
class ClientOrderIdAdmin(ReadOnlyAdmin):
    """Ids of attempts."""

    list_display = ("text", "order", "attempt", "token", "at")
    search_fields = ("text",)
    list_select_related = ("order",)
    ordering = ("-id",)


@admin.register(GateDecision)
class GateDecisionAdmin(ReadOnlyAdmin):
    """What the gate said of each order, by which rule."""

    list_display = ("id", "order", "at", "allowed", "rule", "value", "limit", "text")
    list_filter = ("allowed", "rule", "at")
    search_fields = ("order__account__name", "order__intent_id", "rule", "text")
    list_select_related = ("order",)
    ordering = ("-id",)


@admin.register(OrderEvent)
class OrderEventAdmin(ReadOnlyAdmin):
    """What was heard and done, with what a person must hear."""

    list_display = (
        "id", "account", "order", "source", "kind", "state", "at", "heard_at", "alert",
    )  # fmt: skip
    list_filter = (("alert", admin.EmptyFieldListFilter), "source", "kind", "heard_at")
    search_fields = (*_WHOSE, "event_id", "alert")
    list_select_related = ("account", "order")
    ordering = ("-id",)


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    """Executions."""

    list_display = (
        "id", "account", "order", "symbol", amount("quantity"), amount("price"), amount("fee"),
        "source", "at", "late",
    )  # fmt: skip
    list_filter = (("order", admin.EmptyFieldListFilter), "source", "late", "at")
    search_fields = (*_WHOSE, "symbol", "execution_id")
    list_select_related = ("account", "order")
    ordering = ("-id",)


# --- what stops, and how much passes ------------------------------------------------------------
@admin.register(Switch)
class SwitchAdmin(ReadOnlyAdmin):
    """Where each switch stands; it is turned on the risk page or by `manage.py kill`."""

    list_display = ("kind", "target", "state", "actor", "reason", "since")
    list_filter = ("state", "kind")
    search_fields = ("target", "actor", "reason")
    ordering = ("-since",)


@admin.register(SwitchChange)
class SwitchChangeAdmin(ReadOnlyAdmin):
    """Every turn of a switch."""

    list_display = ("at", "kind", "target", "state", "actor", "reason")
    list_filter = ("state", "kind", "at")
    search_fields = ("target", "actor", "reason")


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """Who promised signs of life."""

    list_display = ("kind", "target", "limit_s", "at")
    list_filter = ("kind",)
    search_fields = ("target",)


@admin.register(RiskProfile)
class RiskProfileAdmin(ReadOnlyAdmin):
    """What owners accepted."""

    list_display = ("account", "market_orders", "accepted", "accepted_at")
    list_filter = ("market_orders", "accepted")
    search_fields = _WHOSE
    list_select_related = ("account",)


@admin.register(AccountDay)
class AccountDayAdmin(ReadOnlyAdmin):
    """Where accounts began and stood on each day."""

    list_display = ("account", "day", amount("first_equity"), amount("profit"), "seen_at")
    search_fields = _WHOSE
    list_select_related = ("account",)
    ordering = ("-day", "-id")


@admin.register(Breaker)
class BreakerAdmin(ReadOnlyAdmin):
    """Breakers that opened."""

    list_display = ("account", "symbol", "kind", "state", "reason", "opened_at", "until", "times")
    list_filter = ("state", "kind")
    search_fields = (*_WHOSE, "symbol", "reason")
    list_select_related = ("account",)
    ordering = ("-opened_at",)


@admin.register(BrokerConnection)
class BrokerConnectionAdmin(ReadOnlyAdmin):
    """Connections to brokers without what opens them."""

    fields = list_display = ("account", "state", "why", "shown", "version", "checked", "created")
    list_filter = ("state", "account__broker", "account__mode")
    search_fields = _WHOSE
    list_select_related = ("account",)


# --- strategies ---------------------------------------------------------------------------------
@admin.register(Strategy)
class StrategyAdmin(ReadOnlyAdmin):
    """Strategies of this house."""

    list_display = ("id", "name", "owner", "account", "state", "reason", "since")
    list_filter = ("state",)
    search_fields = ("name", "owner__email", "account__name")
    list_select_related = ("owner", "account")
    ordering = ("-id",)


@admin.register(StrategyVersion)
class StrategyVersionAdmin(ReadOnlyAdmin):
    """Configurations of strategies."""

    list_display = ("id", "strategy", "number", "config_hash", "created")
    search_fields = ("strategy__name", "config_hash")
    list_select_related = ("strategy",)
    ordering = ("-id",)


@admin.register(StrategyTrade)
class StrategyTradeAdmin(ReadOnlyAdmin):
    """Trades of strategies."""

    list_display = (
        "id", "strategy", "number", "reading", "kind", "asked_at", "entered_at", "ended_at", "end",
    )  # fmt: skip
    list_filter = ("reading", "kind")
    search_fields = ("strategy__name",)
    list_select_related = ("strategy",)
    ordering = ("-id",)


@admin.register(StrategyDecision)
class StrategyDecisionAdmin(ReadOnlyAdmin):
    """What strategies decided, and why."""

    list_display = ("id", "strategy", "at", "session", "kind", "taken", "made_at")
    list_filter = ("kind", "taken", "session")
    search_fields = ("strategy__name",)
    list_select_related = ("strategy",)
    ordering = ("-id",)
