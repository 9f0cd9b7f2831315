"""Reads of validations as bodies. Values of tools that a plan locks are left out here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Count, Q

from market.frames import Kind
from market.payloads import Payload, moment
from tools_app.contract import Tier, Tool
from tools_app.lab import progress
from tools_app.lab.access import is_own
from tools_app.models import ValidationRun
from tools_app.payloads import tool_ref
from tools_app.registry import catalogue
from tools_app.selectors import opened_tiers
from tools_app.validation import access, services
from tools_app.validation.blocks import Plan
from tools_app.validation.daily import SESSIONS
from tools_app.validation.summary import family_words, summary

STEPS: Final = {Kind.INTRADAY: 390, Kind.DAILY: SESSIONS}
PHASES: Final = {Kind.INTRADAY: "Sessions by the minute", Kind.DAILY: "Paths of sessions"}
TABLE: Final = "Table"
State = ValidationRun.State


def run_payload(run: ValidationRun, user: Any) -> Payload:
    """Return what a run asks and where it stands, without its table."""
    return {
        "id": run.pk,
        "state": run.state,
        "effect": run.effect,
        "seed": run.seed,
        "paths": run.paths,
        "tools": run.tools,
        "own": is_own(user, run),
        "created": moment(run.created),
        "finished": moment(run.finished) if run.finished else None,
    }


def whole_payload(run: ValidationRun, user: Any) -> Payload:
    """Return a run with its progress and, once it is done, its table."""
    return {
        **run_payload(run, user),
        "progress": progress_payload(run),
        "table": table_payload(run, user) if run.state == State.DONE else None,
    }


def progress_payload(run: ValidationRun) -> Payload:
    """Return how far a run is: phases with blocks and paths, rate, time left, who works.

    `rate` is paths a second and `eta_s` a range of seconds, both None while they are not known.
    """
    phases = _phases(run)
    done, total = (sum(phase[name] for phase in phases[:-1]) for name in ("done", "total"))
    each = phases[0]["paths"] / max(phases[0]["total"], 1)
    return {
        "phases": phases,
        "done": done,
        "total": total,
        "unit": services.SHARED.unit,
        "paths_done": sum(phase["paths_done"] for phase in phases[:-1]),
        "paths": run.paths * (len(phases) - 1),
        **progress.told(services.SHARED, run, each),
    }


def _phases(run: ValidationRun) -> list[Payload]:
    """Return the kinds of paths in their order, then the table."""
    is_done = Q(done=True)
    found = run.blocks.values("kind").annotate(total=Count("pk"), done=Count("pk", filter=is_done))
    counted = {Kind(row["kind"]): row for row in found}
    phases: list[Payload] = []
    for kind in Kind:
        if kind not in counted:
            continue
        done, total = counted[kind]["done"], counted[kind]["total"]
        last = run.blocks.filter(is_done, kind=kind.value, number=total - 1).exists()
        plan = Plan(run.seed, run.effect, kind, run.paths)
        each, rest = plan.span(0)[1], plan.span(total - 1)[1]
        whole = (done - last) * each + last * rest
        phases.append(
            {"name": PHASES[kind], "kind": kind.value, "done": done, "total": total,
             "paths_done": whole, "paths": run.paths, "is": progress.stage(done, total, phases)}
        )  # fmt: skip
    return [*phases, {**progress.ending(TABLE, run, phases), "paths_done": 0, "paths": 0}]


def table_payload(run: ValidationRun, user: Any) -> Payload:
    """Return the table of a run; a tool that the plan locks keeps its name and nothing else."""
    tiers = opened_tiers(user)
    lines = [
        _line(line, tool, tiers)
        for line in run.table["lines"]
        if (tool := tool_or_none(line["tool_id"])) is not None
    ]
    opened = [line for line in lines if not line["locked"]]
    ids = {str(line["tool"]["id"]) for line in opened}
    tested = {line["kind"] for line in opened if line["sided"]}
    return {
        "lines": lines,
        "opened": len(opened),
        "summary": summary(run.effect, opened) if opened else None,
        "family": {
            kind: {"p": p, "words": family_words(p)}
            for kind, p in run.table["family"].items()
            if kind in tested
        },
        "fans": {key: fan for key, fan in run.table["fans"].items() if key in ids},
    }


def tool_or_none(number: int) -> Tool | None:
    """Return a tool of a stored table, None when the catalogue has it no longer."""
    try:
        return catalogue().get(number)
    except LookupError:
        return None


def _line(line: Payload, tool: Tool, tiers: Sequence[Tier]) -> Payload:
    said = {"tool": {**tool_ref(tool), "family": tool.family}, "kind": line["kind"]}
    if tool.tier not in tiers:
        return {**said, "locked": True, "opens_with": tool.tier.value}
    values = {name: value for name, value in line.items() if name not in ("tool_id", "kind")}
    return {**said, "locked": False, "opens_with": None, **values}


def comparison(run: ValidationRun, other: ValidationRun, user: Any) -> list[Payload]:
    """Return the tools that two runs share, side by side: win rate, average, and what differs.

    A difference carries its 95 % reach as of independent runs: with the same seed the runs share
    their randomness, so it is rather too wide than too narrow.
    """
    theirs = {line["tool"]["id"]: line for line in table_payload(other, user)["lines"]}
    rows = []
    for line in table_payload(run, user)["lines"]:
        second = theirs.get(line["tool"]["id"])
        if second is None:
            continue
        row = {"tool": line["tool"], "locked": line["locked"], "opens_with": line["opens_with"]}
        if not line["locked"]:
            row |= {"sided": line["sided"], "verdicts": [line["verdict"], second["verdict"]]}
            row |= {name: _difference(line, second, name) for name in ("win", "average")}
        rows.append(row)
    return rows


def _difference(one: Payload, two: Payload, name: str) -> Payload:
    parts = (name, f"{name}_low", f"{name}_high")
    first, second = ([line[part] for part in parts] for line in (one, two))
    if None in first + second:
        between, reach = None, None
    else:
        between = first[0] - second[0]
        reach = math.hypot(*((high - low) / 2.0 for _, low, high in (first, second)))
    return {
        "first": first[0],
        "second": second[0],
        "difference": between,
        "reach": reach,
        "clear": between is not None and reach is not None and abs(between) > reach,
    }


def comparable(run: ValidationRun, user: Any, most: int = 30) -> list[ValidationRun]:
    """Return finished runs that can stand beside one, those of the same seed and paths first."""
    others = access.visible(user).filter(state=State.DONE).exclude(pk=run.pk).defer("table")
    return sorted(others[:most], key=lambda one: (one.seed != run.seed, one.paths != run.paths))


def choices(user: Any) -> list[Payload]:
    """Return the tools that can be validated, each open to a person or locked."""
    tiers = opened_tiers(user)
    return [
        {"id": tool.id, "name": tool.name, "tier": tool.tier.value, "kind": tool.kind.value,
         "locked": tool.tier not in tiers}
        for tool in services.judged_tools()
    ]  # fmt: skip
