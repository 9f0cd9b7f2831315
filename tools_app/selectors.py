"""Reads of tools and signals. What a plan does not open is left out here, so no view can forget."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet

from accounts.entitlements import allows
from tools_app.contract import Tier, Tool
from tools_app.models import Cursor, Signal
from tools_app.payloads import Payload, signal_payload, tool_payload
from tools_app.registry import catalogue

SNAPSHOT_SIGNALS = 100


def opened_tiers(user: Any) -> list[Tier]:
    """Return the tiers of tools whose values a user may see."""
    return [tier for tier in Tier if allows(user, f"tools.{tier.value}").allowed]


def is_open(user: Any, tool: Tool) -> bool:
    """Return whether a user may see a tool's values."""
    return tool.tier in opened_tiers(user)


def tool_payloads(user: Any) -> list[Payload]:
    """Return the catalogue, each tool marked as open or locked for the user."""
    tiers = opened_tiers(user)
    return [tool_payload(tool, opened=tool.tier in tiers) for tool in catalogue()]


def tool_payload_of(key: int | str, user: Any) -> Payload:
    """Return one tool by id or slug; LookupError when there is none."""
    tool = catalogue().get(key)
    return tool_payload(tool, opened=is_open(user, tool))


def third_party_tools() -> Payload:
    """Return the tools that third parties bring and those that were refused, for operators."""
    known = catalogue()
    return {
        "tools": [
            {
                "id": tool.id,
                "slug": tool.slug,
                "name": tool.name,
                "distribution": tool.origin.distribution,
                "version": tool.origin.version,
            }
            for tool in known
            if tool.origin is not None
        ],
        "refused": [
            {
                "what": refused.what,
                "distribution": refused.origin.distribution,
                "version": refused.origin.version,
                "entry": refused.origin.entry,
                "reason": refused.reason,
            }
            for refused in known.refused
        ],
    }


def signals_for(
    user: Any,
    *,
    tool: int | str | None = None,
    symbol: str | None = None,
    run: int | None = None,
    since: dt.datetime | None = None,
) -> QuerySet[Signal]:
    """Return the signals that a user may see, newest first; LookupError for an unknown tool."""
    rows = Signal.objects.filter(tool_tier__in=[tier.value for tier in opened_tiers(user)])
    if tool is not None:
        rows = rows.filter(tool_id=catalogue().get(tool).id)
    if symbol:
        rows = rows.filter(symbol=symbol.strip().upper())
    if run is not None:
        rows = rows.filter(run_id=run)
    if since is not None:
        rows = rows.filter(time__gte=since)
    return rows.select_related("run", "outcome").order_by("-id")


def signal_payloads(user: Any, *, limit: int = 50, **filters: Any) -> list[Payload]:
    """Return the newest signals that a user may see."""
    return [signal_payload(signal) for signal in signals_for(user, **filters)[:limit]]


def counts_of(tool: Tool, user: Any, runs: int = 5) -> list[Payload]:
    """Return what a tool did in the newest runs: rows, scored, fired and what was missing.

    Empty for a user to whom the tool is locked.
    """
    if not is_open(user, tool):
        return []
    found = Cursor.objects.filter(kind=tool.kind.value, rows__gt=0).select_related("run")
    return [
        {
            "run": cursor.run_id,
            "symbol": cursor.run.symbol,
            "source": cursor.run.source,
            "simulated": cursor.run.simulated,
            **cursor.tallies[str(tool.id)],
        }
        for cursor in found.order_by("-run_id")[:runs]
        if str(tool.id) in cursor.tallies
    ]


def newest_signals(channel: str) -> dict[str, Payload]:
    """Return the newest signals of a channel `signals:TIER` by key: what a late reader starts with.

    Who may ask is decided before, by the channel's entitlement.
    """
    tier = channel.partition(":")[2]
    rows = Signal.objects.filter(tool_tier=tier).select_related("run", "outcome").order_by("-id")
    return {str(row.pk): signal_payload(row) for row in rows[:SNAPSHOT_SIGNALS]}
