"""Tools and signals as JSON bodies: one shape for REST, sockets and pages."""

from __future__ import annotations

from typing import Any

from market.features.registry import UnknownColumnError, registry
from market.payloads import moment
from tools_app.contract import Tool
from tools_app.models import Signal
from tools_app.registry import catalogue

Payload = dict[str, Any]


def signal_payload(signal: Signal) -> Payload:
    """Return a signal with its reasons."""
    tool = catalogue().get(signal.tool_id)
    return {
        "id": signal.pk,
        "tool": {
            "id": signal.tool_id,
            "slug": signal.tool_slug,
            "name": tool.name,
            "tier": signal.tool_tier,
        },
        "symbol": signal.symbol,
        "run": signal.run_id,
        "source": signal.run.source,
        "simulated": signal.run.simulated,
        "time": moment(signal.time),
        "score": signal.score,
        "threshold": signal.threshold,
        "side": signal.side,
        "price": signal.price,
        "reasons": signal.reasons,
    }


def tool_payload(tool: Tool, *, opened: bool) -> Payload:
    """Return what a tool is, and the plan that opens it when it is locked."""
    return {
        "id": tool.id,
        "slug": tool.slug,
        "name": tool.name,
        "tier": tool.tier.value,
        "family": tool.family,
        "hypothesis": tool.hypothesis,
        "source": tool.source,
        "formula": tool.formula,
        "kind": tool.kind.value,
        "scope": tool.scope.value,
        "horizon": {"value": tool.horizon, "unit": tool.horizon_unit},
        "direction": tool.direction,
        "judged_on": tool.judged_on,
        "version": tool.version,
        "inputs": [_input(tool, name) for name in tool.columns],
        "params": [
            {
                "name": param.name,
                "default": param.default,
                "low": param.low,
                "high": param.high,
                "unit": param.unit,
                "description": param.description,
            }
            for param in tool.params
        ],
        "blind_spots": tool.blind_spots,
        "locked": not opened,
        "opens_with": None if opened else tool.tier.value,
    }


def _input(tool: Tool, name: str) -> Payload:
    try:
        column = registry().column(tool.kind, name)
    except UnknownColumnError:
        return {"name": name, "unit": "", "description": "not registered", "needed": True}
    return {
        "name": name,
        "unit": column.unit,
        "description": column.description,
        "needed": name in tool.inputs,
    }
