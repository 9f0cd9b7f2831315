"""What finished validations say of one tool: for its page."""

from __future__ import annotations

from typing import Any

from market.payloads import Payload
from tools_app.contract import Tool
from tools_app.models import ValidationRun
from tools_app.validation import services
from tools_app.validation.blocks import EFFECTS

NEWEST = 20
"""Runs of an effect among which the fullest of the tools as they are now is looked for."""


def lines_of(tool: Tool) -> list[Payload]:
    """Return a tool's line of the fullest run of each effect, effects in their order.

    A run of tools or parameters that have changed since says nothing about this one.
    """
    found = ((effect, _fullest(tool, effect)) for effect in EFFECTS)
    return [_line(tool, effect, run) for effect, run in found if run is not None]


def can_be_judged(tool: Tool) -> bool:
    """Return whether simulated paths can judge a tool."""
    return services.kind_of(tool) is not None


def _fullest(tool: Tool, effect: str) -> ValidationRun | None:
    runs = ValidationRun.objects.filter(
        effect=effect, state=ValidationRun.State.DONE, tools__contains=[tool.id]
    )
    newest = runs.defer("table").order_by("-id")[:NEWEST]
    fullest = sorted(newest, key=lambda run: -run.paths)
    return next((run for run in fullest if services.is_current(run)), None)


def _line(tool: Tool, effect: str, run: ValidationRun) -> Payload:
    lines: list[dict[str, Any]] = run.table["lines"]
    mine = next(line for line in lines if line["tool_id"] == tool.id)
    return {"effect": effect, "run": run.pk, "paths": run.paths, "seed": run.seed, "figures": mine}
