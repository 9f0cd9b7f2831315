"""Reads of the optimizer: what is in use and why, what was searched, and how far that is.

Values of tools that a plan locks are left out here, so no page can forget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from market.payloads import Payload, moment
from tools_app.contract import Tool
from tools_app.lab import progress
from tools_app.lab.access import is_own
from tools_app.models import OptimizeRun, OptimizeUnit, ParameterSet, Trial
from tools_app.optimize import services
from tools_app.optimize.access import places_of, settings_of
from tools_app.optimize.regimes import Regime
from tools_app.payloads import tool_ref
from tools_app.registry import catalogue
from tools_app.selectors import is_open

NEVER = "The default is in use: no search has been made here."
CHANGED = "The default is in use: the tool has changed since a set was found for it."
SEARCH: Final = "Search"
VERDICTS: Final = "Verdicts"
State = OptimizeRun.State
Verdict = OptimizeUnit.Verdict


def in_use(
    tool: Tool, *, symbol: str, timeframe: str, regimes: Sequence[Regime]
) -> list[dict[str, Any]]:
    """Return the parameters in use at a place in each regime, since when, and why."""
    current = ParameterSet.objects.filter(
        tool_id=tool.id,
        symbol=symbol.strip().upper(),
        timeframe=timeframe,
        regime__in=[one.value for one in regimes],
        superseded=None,
    )
    found = {one.regime: one for one in current}
    return [
        _used(tool, found[one.value])
        if one.value in found
        else _answer(tool, one.value, None, [NEVER])
        for one in regimes
    ]


def _used(tool: Tool, found: ParameterSet) -> dict[str, Any]:
    if found.tool_version != tool.version:
        return _answer(tool, found.regime, None, [CHANGED])
    return _answer(tool, found.regime, found, found.reasons)


def _answer(
    tool: Tool, regime: str, found: ParameterSet | None, reasons: list[str]
) -> dict[str, Any]:
    deployed = found is not None and found.deployed
    return {
        "regime": regime,
        "source": "optimizer" if deployed else "default",
        "params": found.params if found is not None and deployed else tool.settings(),
        "since": None if found is None else found.since,
        "reasons": reasons,
        "figures": {} if found is None else found.figures,
    }


def uses(user: Any, *, tool: int | None = None, symbol: str | None = None, most: int) -> Payload:
    """Return the places that were judged, newest first, with the parameters that each uses.

    Parameters
    ----------
    user : User
    tool : int or None
        Only of this one.
    symbol : str or None
        Only of this one.
    most : int
        Rows at most.

    Returns
    -------
    dict
        `rows`; `total`, as many as fit the filter; `symbols`, all that have a place; `locked`, the
        tools whose places the plan does not open.
    """
    known = [catalogue().get(number) for number in services.TOOLS]
    opened = {one.id: one for one in known if is_open(user, one)}
    current = ParameterSet.objects.filter(superseded=None)
    mine = current.filter(tool_id__in=opened)
    held = set(current.order_by().values_list("tool_id", flat=True).distinct())
    found = mine if tool is None else mine.filter(tool_id=tool)
    found = found.filter(symbol=symbol) if symbol else found
    return {
        "rows": [_use(opened[one.tool_id], one) for one in found.order_by("-id")[:most]],
        "total": found.count(),
        "tools": [tool_ref(one) for one in opened.values()],
        "symbols": sorted(mine.order_by().values_list("symbol", flat=True).distinct()),
        "locked": [tool_ref(one) for one in known if one.id in held and one.id not in opened],
    }


def _use(tool: Tool, found: ParameterSet) -> Payload:
    used = _used(tool, found)
    return {
        "tool": tool_ref(tool),
        "symbol": found.symbol,
        "timeframe": found.timeframe,
        **used,
        "params": beside_default(tool, used["params"]),
    }


def beside_default(tool: Tool, params: Mapping[str, float] | None) -> list[Payload]:
    """Return a tool's parameters, each with its default and the value found, None for none."""
    return [
        {
            "name": param.name,
            "unit": param.unit,
            "description": param.description,
            "default": param.default,
            "value": None if params is None else params.get(param.name),
        }
        for param in tool.params
    ]


def run_payload(run: OptimizeRun, user: Any) -> Payload:
    """Return what a search asks and where it stands, without its units."""
    return {
        "id": run.pk,
        "state": run.state,
        "tools": run.tools,
        "symbols": run.symbols,
        "timeframes": run.timeframes,
        "regimes": run.regimes,
        "trials": run.trials,
        "folds": run.folds,
        "seed": run.seed,
        "places": places_of(run),
        "settings": settings_of(run),
        "until": moment(run.until),
        "own": is_own(user, run),
        "created": moment(run.created),
        "finished": moment(run.finished) if run.finished else None,
    }


def whole_payload(run: OptimizeRun, user: Any) -> Payload:
    """Return a search with its progress and, once it is done, its units."""
    return {
        **run_payload(run, user),
        "progress": progress_payload(run),
        "units": unit_payloads(run, user) if run.state == State.DONE else None,
    }


def progress_payload(run: OptimizeRun) -> Payload:
    """Return how far a search is: phases with folds and settings, rate, time left, who works.

    `rate` is settings a second and `eta_s` a range of seconds, both None while they are not known.
    A fold without enough bars judges no setting.
    """
    done, total = services.SHARED.progress(run.pk)
    judged = Trial.objects.filter(run=run.digest).count()
    counts = {"settings_done": judged, "settings": settings_of(run)}
    search = {
        "name": SEARCH, "kind": services.SHARED.phase, "done": done, "total": total, **counts,
        "is": progress.stage(done, total, []),
    }  # fmt: skip
    last = {**progress.ending(VERDICTS, run, [search]), "settings_done": 0, "settings": 0}
    return {
        "phases": [search, last],
        "done": done,
        "total": total,
        "unit": services.SHARED.unit,
        **counts,
        **progress.told(services.SHARED, run, run.trials),
    }


def unit_payloads(run: OptimizeRun, user: Any) -> list[Payload]:
    """Return the units of a finished search, in order.

    A tool that the plan locks is there once, with its name and the plan that opens it, and with
    nothing else.
    """
    tools = {number: catalogue().get(number) for number in run.tools}
    opened = {number for number, tool in tools.items() if is_open(user, tool)}
    stands = set(
        ParameterSet.objects.filter(unit__run=run, superseded=None).values_list("unit", flat=True)
    )
    shown = [
        {
            "locked": False, "opens_with": None, **told(unit),
            "replaced": unit.verdict == Verdict.DEPLOYED and unit.pk not in stands,
        }
        for unit in run.units.filter(tool_id__in=opened).order_by("pk")
    ]  # fmt: skip
    shut = [
        {"tool": tool_ref(tool), "locked": True, "opens_with": tool.tier.value}
        for number, tool in tools.items()
        if number not in opened
    ]
    return shown + shut


def told(unit: OptimizeUnit) -> dict[str, Any]:
    """Return a unit with its verdict, its figures, and what was found beside the default."""
    tool = catalogue().get(unit.tool_id)
    return {
        "tool": tool_ref(tool),
        "symbol": unit.symbol,
        "timeframe": unit.timeframe,
        "regime": unit.regime,
        "verdict": unit.verdict,
        "words": unit.get_verdict_display(),
        "reasons": unit.reasons,
        "figures": unit.figures,
        "params": beside_default(tool, unit.params),
        "missing": unit.missing,
    }


def summary(units: Sequence[Payload]) -> str:
    """Return what a search says of the units that are open, in words."""
    verdicts = [unit["verdict"] for unit in units]
    passed, few = verdicts.count(Verdict.DEPLOYED), verdicts.count(Verdict.NO_DATA)
    count = len(verdicts)
    if passed == count:
        said = "Every set found passed all checks and replaced the default."
    elif passed:
        said = (
            f"At {passed} of {count} places the set found passed all checks and replaced the "
            "default. At the others the default stays."
        )
    else:
        said = "No set found passed all checks, so the default stays."
    if kept := verdicts.count(Verdict.KEPT):
        said += f" At {kept} a set in use stays, for it was found on more evidence."
    if few:
        said += f" {few} of {count} places had too little data to search."
    return said
