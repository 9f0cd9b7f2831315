"""What a tool says about itself: enough for a person to judge it."""

from __future__ import annotations

from market.frames import Kind
from tools_app.checks.findings import Finding
from tools_app.contract import Tool

_LEAST = {"name": 3, "family": 3, "hypothesis": 20, "source": 6, "formula": 10, "direction": 4}
_LEAST_MORE = {"judged_on": 6, "blind_spots": 20}


def it_says_what_it_is(tool: Tool) -> list[Finding]:
    """Every text of its page is there, and every parameter and input is named."""
    found = [
        Finding(
            "declaration", f"`{name}` is {len(getattr(tool, name))} letters long", _remedy(name)
        )
        for name, least in (_LEAST | _LEAST_MORE).items()
        if len(getattr(tool, name).strip()) < least
    ]
    found += [
        Finding("declaration", f"the parameter {param.name!r} has no description", "say what it is")
        for param in tool.params
        if not param.description
    ]
    if not tool.inputs:
        remedy = "name in `inputs` at least one column that it cannot do without"
        found.append(Finding("declaration", "it needs no input", remedy))
    unit = "minutes" if tool.kind == Kind.INTRADAY else "sessions"
    if tool.horizon_unit != unit:
        problem = f"`horizon_unit` is {tool.horizon_unit!r}"
        found.append(Finding("declaration", problem, f"{tool.kind} tools are judged over {unit}"))
    return found


def _remedy(name: str) -> str:
    return f"say in `{name}` what a reader of the tool's page needs to know"
