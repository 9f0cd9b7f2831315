"""A unit is judged, and its place takes the set found or keeps the default."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from django.db.models import Count, QuerySet, Variance
from django.utils import timezone

from tools_app.contract import Tool
from tools_app.models import OptimizeFold, OptimizeRun, OptimizeUnit, ParameterSet, Trial
from tools_app.optimize.decision import Decision, Evidence, decide
from tools_app.optimize.packing import unpacked
from tools_app.optimize.search import fold_seed
from tools_app.registry import catalogue

Verdict = OptimizeUnit.Verdict
LESS = "The set in use stays: it was found on more evidence."


def judge(run: OptimizeRun, unit: OptimizeUnit) -> None:
    """Decide on a unit whose folds are all there, in the caller's transaction."""
    folds = list(unit.parts.order_by("number"))
    in_use = _current(unit).filter(deployed=True).select_related("unit__run").first()
    faults = [fold.found["fault"] for fold in folds if "fault" in fold.found]
    if faults:
        stays = "default" if in_use is None else "set in use"
        _tell(unit, Verdict.NO_DATA, [f"The {stays} stays: {faults[0]}."], {}, None)
    else:
        tool = catalogue().get(unit.tool_id)
        found = folds[-1].params
        decided = _decided(run, unit, tool, folds, found)
        verdict = Verdict.DEPLOYED if decided.deploy else Verdict.DEFAULT
        reasons = list(decided.reasons)
        if in_use is not None and _says_less(run, dict(decided.figures), in_use):
            verdict, reasons = Verdict.KEPT, [LESS, *reasons[1:]]
        _tell(unit, verdict, reasons, dict(decided.figures), found)
    if in_use is None or unit.verdict in (Verdict.DEPLOYED, Verdict.DEFAULT):
        _put(run, unit)


def _decided(
    run: OptimizeRun,
    unit: OptimizeUnit,
    tool: Tool,
    folds: list[OptimizeFold],
    found: dict[str, float] | None,
) -> Decision:
    trials, spread = ledger(tool)
    series = [unpacked(bytes(fold.gains or b"")) for fold in folds]
    seen = slice(folds[0].found["begins"], None)
    evidence = Evidence(
        best=np.sum([best for best, _ in series], axis=0)[seen],
        default=np.sum([default for _, default in series], axis=0)[seen],
        signals=sum(fold.found["signals"] for fold in folds),
        default_signals=sum(fold.found["default_signals"] for fold in folds),
        trials=trials,
        spread=spread,
        horizon=tool.horizon,
        found=found is not None and found != tool.settings(),
    )
    place = (unit.tool_id, unit.symbol, unit.timeframe, unit.regime)
    return decide(evidence, seed=fold_seed(run.seed, *place, "decision"))


def ledger(tool: Tool) -> tuple[int, float]:
    """Return how many trials of a tool's family were ever judged, and how they spread.

    The spread is the variance of what they reached out of sample, of those that had gains.
    """
    found = Trial.objects.filter(family=tool.family).aggregate(
        count=Count("pk"), spread=Variance("tested", sample=True)
    )
    return found["count"], math.nan if found["spread"] is None else found["spread"]


def _current(unit: OptimizeUnit) -> QuerySet[ParameterSet]:
    """Return what is in use at a unit's place, locked."""
    return ParameterSet.objects.select_for_update(of=("self",)).filter(
        superseded=None, **_place(unit)
    )


def _place(unit: OptimizeUnit) -> dict[str, Any]:
    return {
        "tool_id": unit.tool_id,
        "symbol": unit.symbol,
        "timeframe": unit.timeframe,
        "regime": unit.regime,
    }


def _says_less(run: OptimizeRun, figures: dict[str, Any], in_use: ParameterSet) -> bool:
    """Return whether a judgement saw less than the one that a set in use passed.

    Whoever may search could otherwise retire a good set by a search too small to find anything,
    or replace it by one that passed on a few rows.
    """
    if in_use.unit is None or in_use.tool_version != catalogue().get(in_use.tool_id).version:
        return False
    mine, theirs = (one.folds * one.trials for one in (run, in_use.unit.run))
    return mine < theirs or figures["rows"] < in_use.figures["rows"]


def _tell(
    unit: OptimizeUnit,
    verdict: OptimizeUnit.Verdict,
    reasons: list[str],
    figures: dict[str, Any],
    found: dict[str, float] | None,
) -> None:
    unit.verdict, unit.reasons, unit.figures, unit.params = verdict, reasons, figures, found
    unit.save(update_fields=["verdict", "reasons", "figures", "params"])


def _put(run: OptimizeRun, unit: OptimizeUnit) -> None:
    """Let a unit's place use the set found, or the default, from now on."""
    _current(unit).update(superseded=timezone.now())
    deployed = unit.verdict == Verdict.DEPLOYED and unit.params is not None
    tool = catalogue().get(unit.tool_id)
    ParameterSet.objects.create(
        unit=unit,
        tool_version=tool.version,
        until=run.until,
        deployed=deployed,
        params=unit.params if deployed else tool.settings(),
        reasons=unit.reasons,
        figures=unit.figures,
        **_place(unit),
    )
