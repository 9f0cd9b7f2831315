"""Tools and signals as JSON bodies: one shape for REST, sockets and pages."""

from __future__ import annotations

from typing import Any

from market.features.registry import UnknownColumnError, registry
from market.payloads import moment
from tools_app.contract import Tool
from tools_app.models import Outcome, Signal
from tools_app.registry import catalogue

Payload = dict[str, Any]
HORIZON_UNITS = {"intraday": "minutes", "daily": "sessions"}


def signal_payload(signal: Signal) -> Payload:
    """Return a signal with its reasons."""
    return {
        "id": signal.pk,
        "tool": {
            "id": signal.tool_id,
            "slug": signal.tool_slug,
            "name": _name_of(signal),
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
        "volatility": signal.volatility,
        "price": signal.price,
        "reasons": signal.reasons,
        "outcome": outcome_payload(signal),
    }


def _name_of(signal: Signal) -> str:
    """Return the name of a signal's tool; its slug once that is no longer installed."""
    try:
        return catalogue().get(signal.tool_slug).name
    except LookupError:
        return signal.tool_slug


def outcome_payload(signal: Signal) -> Payload | None:
    """Return what a signal is measured against and what became of it; None when nothing follows.

    `gain`, `best` and `worst` are log returns in the signal's direction; of a signal without a
    side, `gain` is how much more moved than is usual, and the others are 0. `rows` are those to the
    end, `stop_row` and `target_row` those to each of them, None where it was not reached.
    """
    outcome: Outcome | None = getattr(signal, "outcome", None)
    if outcome is None:
        return None
    return {
        "horizon": {"value": outcome.horizon, "unit": HORIZON_UNITS[outcome.kind]},
        "usual_move": outcome.scale,
        "stop": outcome.stop,
        "target": outcome.target,
        "done": outcome.done,
        "result": outcome.result or None,
        "rows": outcome.rows,
        "stop_row": outcome.stop_row,
        "target_row": outcome.target_row,
        "price": outcome.price,
        "gain": outcome.gain,
        "best": outcome.best,
        "worst": outcome.worst,
    }


def tool_ref(tool: Tool) -> Payload:
    """Return how a tool is named wherever something is said of it."""
    return {"id": tool.id, "slug": tool.slug, "name": tool.name, "tier": tool.tier.value}


def tool_payload(tool: Tool, *, opened: bool) -> Payload:
    """Return what a tool is, and the plan that opens it when it is locked."""
    return {
        **tool_ref(tool),
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
        "third_party": _brought_by(tool),
        "locked": not opened,
        "opens_with": None if opened else tool.tier.value,
    }


def _brought_by(tool: Tool) -> Payload | None:
    if tool.origin is None:
        return None
    return {"distribution": tool.origin.distribution, "version": tool.origin.version}


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
