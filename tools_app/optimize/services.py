"""What changes the optimizer's tables: asked for, shared out, logged, judged, cancelled."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from record import jobs
from tools_app import costs
from tools_app.contract import Tool
from tools_app.evaluation import params_digest
from tools_app.models import OptimizeFold, OptimizeRun, OptimizeUnit, Trial
from tools_app.optimize import source
from tools_app.optimize.bars import TIMEFRAMES, BarRows
from tools_app.optimize.gains import Ground
from tools_app.optimize.packing import packed
from tools_app.optimize.regimes import Regime
from tools_app.optimize.search import Tried, fold_seed, least_rows, search, splits
from tools_app.optimize.verdicts import judge
from tools_app.registry import catalogue
from tools_app.sharing import (
    LANES,
    QuestionError,
    Shared,
    StoppedError,
    Tell,
    digest_of,
    in_silence,
)

METHOD = "1"
"""Goes into what identifies a run; another number when the same seed would give another answer."""
TOOLS = (16, 17, 18)
"""Those that read bars alone, and so run at every timeframe."""
FOLDS = 4
MOST_TRIALS, MOST_FOLDS, MOST_UNITS = 500, 12, 500
LOOK_S = 1.0
SHARED = Shared(
    job="tools.optimize",
    phase="search",
    ending="verdicts",
    unit="folds",
    runs=OptimizeRun,
    parts=OptimizeFold,
    of_run="unit__run",
)


def ask(
    *,
    tools: Sequence[int],
    symbols: Sequence[str],
    timeframes: Sequence[str],
    trials: int,
    seed: int,
    regimes: Sequence[str] = tuple(Regime),
    folds: int = FOLDS,
    owner: int | None = None,
    lanes: int = LANES,
) -> OptimizeRun:
    """Start a search, or find the one that answers the same; see `sharing.Shared.ask`.

    It uses the bars stored by now, so more bars make another search.

    Raises QuestionError naming what is wrong.
    """
    chosen = _tools(tools)
    frames = _named("timeframes", timeframes, tuple(TIMEFRAMES))
    states = _named("regimes", regimes, tuple(one.value for one in Regime))
    names = sorted({name.strip().upper() for name in symbols})
    until = _newest(names)
    _within("trials", trials, 2, MOST_TRIALS)
    _within("folds", folds, 2, MOST_FOLDS)
    _within("seed", seed, 0, 2**63 - 1)
    if (count := len(chosen) * len(frames) * len(states) * len(names)) > MOST_UNITS:
        raise QuestionError("symbols", f"that makes {count:,} searches; {MOST_UNITS} are the most")
    asked: dict[str, Any] = {
        "tools": [tool.id for tool in chosen],
        "symbols": names,
        "timeframes": frames,
        "regimes": states,
        "trials": trials,
        "folds": folds,
        "seed": seed,
        "until": until,
    }
    return SHARED.ask(_digest(asked, chosen), asked, _make_units, owner=owner, lanes=lanes)


def _tools(ids: Sequence[int]) -> list[Tool]:
    unknown = [number for number in ids if number not in TOOLS]
    if unknown or not ids:
        wrong = f"tool {unknown[0]} cannot be optimized" if unknown else "name at least one tool"
        raise QuestionError("tools", f"{wrong}; choose of {', '.join(map(str, TOOLS))}")
    return [catalogue().get(number) for number in sorted(set(ids))]


def _named(field: str, given: Sequence[str], known: Sequence[str]) -> list[str]:
    unknown = [one for one in given if one not in known]
    if unknown or not given:
        wrong = f"{unknown[0]!r} is unknown" if unknown else "name at least one"
        raise QuestionError(field, f"{wrong}; choose of {', '.join(known)}")
    return [one for one in known if one in given]


def _newest(names: Sequence[str]) -> dt.datetime:
    if not names:
        raise QuestionError("symbols", "name at least one symbol")
    ends = []
    known = source.symbols()
    for name in names:
        if name not in known:
            raise QuestionError(
                "symbols", f"{name} is no equity or crypto pair with stored bars; import them first"
            )
        ends += [one.last for one in source.series(name)]
    return max(ends)


def _within(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise QuestionError(field, f"give {least:,} to {most:,}")


def _digest(asked: dict[str, Any], tools: Sequence[Tool]) -> str:
    versions = [[tool.slug, params_digest(tool)] for tool in tools]
    until = asked["until"].isoformat()
    return digest_of({**asked, "until": until, "method": METHOD, "versions": versions})


def _make_units(run: OptimizeRun) -> None:
    units = OptimizeUnit.objects.bulk_create(
        [
            OptimizeUnit(run=run, tool_id=tool, symbol=symbol, timeframe=frame, regime=regime)
            for symbol in run.symbols
            for frame in run.timeframes
            for tool in run.tools
            for regime in run.regimes
        ]
    )
    OptimizeFold.objects.bulk_create(
        [OptimizeFold(unit=unit, number=number) for unit in units for number in range(run.folds)]
    )


def work(
    run_id: int, tell: Tell, *, rest: Callable[[], None] = in_silence, wait: bool = True
) -> bool:
    """Search folds of a run until none is left; see `sharing.Shared.work`.

    `tell` is called while a fold is searched as well, with its part done.
    """
    held = Held(OptimizeRun.objects.get(pk=run_id))

    def compute(fold: OptimizeFold) -> None:
        SHARED.compute(fold, lambda: _searched(held, fold, tell))

    return SHARED.work(run_id, compute, finish, tell, rest=rest, wait=wait)


class Held:
    """The newest rows that a worker read, so that folds of one symbol read them once."""

    def __init__(self, run: OptimizeRun) -> None:
        self.run = run
        self._rows: dict[tuple[str, str], BarRows] = {}

    def ground(self, unit: OptimizeUnit) -> Ground:
        """Return what the settings of a unit are judged on; NoBarsError where there is nothing."""
        place = (unit.symbol, unit.timeframe)
        if place not in self._rows:
            self._rows = {place: source.rows_of(*place, until=self.run.until)}
        cost = costs.of_bars(unit.timeframe, crypto=source.is_crypto(unit.symbol))
        tool = catalogue().get(unit.tool_id)
        bars = self._rows[place]
        least = least_rows(tool, self.run.folds)
        if len(bars) < least:
            raise source.NoBarsError(
                f"{unit.symbol} has {len(bars):,} rows at {unit.timeframe}; "
                f"{self.run.folds} folds of {tool.name} need {least:,}"
            )
        return Ground(tool, bars, Regime(unit.regime), cost)


def _searched(held: Held, fold: OptimizeFold, tell: Tell) -> dict[str, Any]:
    unit, run = fold.unit, held.run
    try:
        ground = held.ground(unit)
        _same_data(unit, ground.bars)
    except source.NoBarsError as error:
        return {"found": {"fault": str(error)}}
    split = splits(ground, run.folds)[fold.number]
    place = (unit.tool_id, unit.symbol, unit.timeframe, unit.regime)
    found = search(
        ground,
        split,
        trials=run.trials,
        seed=fold_seed(run.seed, *place, fold.number),
        told=partial(_log, run, fold, ground.tool, Pace(run.pk, fold, tell)),
    )
    return {
        "params": found.params,
        "gains": packed(found.best, found.default),
        "found": {
            "signals": found.signals,
            "default_signals": found.default_signals,
            "begins": int(split.test[0]),
        },
    }


def _same_data(unit: OptimizeUnit, bars: BarRows) -> None:
    """Note the rows that a unit is judged on; refuse others, for its folds would not fit."""
    digest = bars.digest()
    OptimizeUnit.objects.filter(pk=unit.pk, data="").update(
        data=digest, missing=bars.missing()[:200]
    )
    if OptimizeUnit.objects.values_list("data", flat=True).get(pk=unit.pk) != digest:
        raise source.NoBarsError("the stored bars were revised during the search; ask again")


class Pace:
    """While a fold is searched: keeps its lease, tells how far it is, and sees a cancellation."""

    def __init__(self, run_id: int, fold: OptimizeFold, tell: Tell) -> None:
        self._run, self._fold, self._tell = run_id, fold, tell
        self._looked = time.monotonic()

    def step(self, share: float) -> None:
        """Take note of the share done; raises StoppedError when the run was cancelled."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        if not SHARED.is_running(self._run):
            raise StoppedError
        SHARED.lease(self._fold)
        done, total = SHARED.progress(self._run)
        self._tell(done + share, total)


def _log(run: OptimizeRun, fold: OptimizeFold, tool: Tool, pace: Pace, tried: Tried) -> None:
    """Put a setting into the ledger: before the search goes on, and once."""
    unit = fold.unit
    row = Trial(
        family=tool.family,
        tool_id=tool.id,
        tool_version=tool.version,
        symbol=unit.symbol,
        timeframe=unit.timeframe,
        regime=unit.regime,
        run=run.digest,
        fold=fold.number,
        number=tried.number,
        params=dict(tried.params),
        trained=tried.trained,
        tested=tried.tested,
        training=tried.training,
        testing=tried.testing,
    )
    Trial.objects.bulk_create([row], ignore_conflicts=True)
    pace.step((tried.number + 1) / run.trials)


def finish(run_id: int) -> bool:
    """Judge the units of a run whose folds are all there; return whether it is done.

    All are judged at once, when every trial of the run is in the ledger: so the number that each
    is deflated by does not depend on which worker was first.
    """

    def make(run: OptimizeRun) -> None:
        for unit in run.units.order_by("pk"):
            judge(run, unit)

    return SHARED.finish(run_id, make)


def run_lane(context: jobs.JobContext) -> dict[str, object]:
    """Work on a run as one of its jobs."""
    return SHARED.lane(context, work)
