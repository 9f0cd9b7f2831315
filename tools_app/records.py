"""Records of tools out of stored signals: each session once, each signal against its base rate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from django.db.models import Q

from market.frames import FloatArray, Kind
from market.models import FeedRun
from tools_app import costs
from tools_app.baserate import Base
from tools_app.contract import Tool
from tools_app.models import Outcome, Scorecard, Watched
from tools_app.optimize.deployed import digests
from tools_app.outcomes import quarter_rows
from tools_app.scorecards import Record

Source = Scorecard.Source
_REPLAY = Q(run__simulated=False, run__source=FeedRun.Source.REPLAY)
_RUNS = {
    Source.SIMULATED: Q(run__simulated=True),
    Source.REPLAYED: _REPLAY,
    Source.LIVE: Q(run__simulated=False) & ~_REPLAY,
}


def source_of(run: FeedRun) -> Scorecard.Source:
    """Return which of the three sources a run's signals belong to."""
    if run.simulated:
        return Source.SIMULATED
    return Source.REPLAYED if run.source == FeedRun.Source.REPLAY else Source.LIVE


class Place(NamedTuple):
    """One session of one symbol in one market."""

    world: str
    symbol: str
    date: dt.date


@dataclass(frozen=True)
class Ground:
    """The sessions of a source that were watched, for tools of one kind and horizon.

    `runs` says which run stands for a session: several may have watched it, and the one that saw
    most of it counts. `order` numbers the sessions as they were first watched; all symbols of one
    market and date share a number.
    """

    runs: dict[Place, int]
    bases: dict[str, Base]
    order: dict[tuple[str, dt.date], int]

    def of(self, symbol: str) -> Ground:
        """Return the sessions of one symbol alone."""
        runs = {place: run for place, run in self.runs.items() if place.symbol == symbol}
        return Ground(runs, {symbol: self.bases[symbol]}, _numbered(runs))


def ground(source: Scorecard.Source, kind: Kind, horizon: int) -> Ground:
    """Return what was watched of a source."""
    query = Watched.objects.filter(_RUNS[source], kind=kind.value, horizon=horizon)
    best: dict[Place, Watched] = {}
    for seen in query.select_related("run").order_by("run_id", "session_date"):
        place = Place(seen.world, seen.run.symbol, seen.session_date)
        if place not in best or seen.rows > best[place].rows:
            best[place] = seen  # its place in the order stays where it was first
    bases: dict[str, Base] = {}
    for place, seen in best.items():
        bases[place.symbol] = bases.get(place.symbol, Base()).plus(_base(seen))
    runs = {place: seen.run_id for place, seen in best.items()}
    return Ground(runs, bases, _numbered(runs))


def record_of(tool: Tool, seen: Ground) -> Record:
    """Return the record of a tool, as it is now, on the sessions given.

    Signals of an earlier version, or of parameters that are not in use now, belong to another tool.
    Where a tool gave
    signals with and without a side, the record is of the kind that most are.
    """
    rows = [row for row in _finished(tool, seen) if row.place in seen.runs]
    sided = [row for row in rows if row.side]
    volatility = 2 * len(sided) < len(rows)
    wanted = [row for row in rows if bool(row.side) is not volatility]
    kept = [row for row in wanted if row.measured]
    bases = [seen.bases[row.place.symbol] for row in kept]
    gain = _array(row.gain for row in kept)
    scale = _array(1.0 if volatility else row.scale for row in kept)
    return Record(
        session=np.array([seen.order[row.place.world, row.place.date] for row in kept], np.int64),
        score=_array(row.score for row in kept),
        gain=gain,
        move=gain / scale,
        base_share=_array(
            base.share(row.side, row.volatility) for base, row in zip(bases, kept, strict=True)
        ),
        base_move=_array(
            base.move(row.side, row.volatility) for base, row in zip(bases, kept, strict=True)
        ),
        quarters=_quarters([row.quarters for row in kept]) / scale[:, None],
        quarter_rows=quarter_rows(tool.horizon),
        base_rows=sum(base.rows for base in seen.bases.values()),
        sessions=len(seen.order),
        overlap=tool.horizon if tool.kind is Kind.DAILY else 1,
        volatility=volatility,
        cost=costs.VOLATILITY if volatility else costs.BY_KIND[tool.kind],
        left_out=len(rows) - len(kept),
    )


class _Finished(NamedTuple):
    place: Place
    score: float
    side: int
    volatility: int
    gain: float | None
    scale: float | None
    quarters: list[float]

    @property
    def measured(self) -> bool:
        return self.gain is not None and self.scale is not None and self.scale > 0.0


def _finished(tool: Tool, seen: Ground) -> Iterable[_Finished]:
    """Yield the finished signals of the runs that stand for the sessions, in order of time."""
    worlds = {(run, place.symbol, place.date): place for place, run in seen.runs.items()}
    query = Outcome.objects.filter(
        done=True,
        signal__tool_id=tool.id,
        signal__params_digest__in=digests(tool),
        signal__run__in=set(seen.runs.values()),
    ).order_by("signal__run_id", "signal__time")
    fields = ("signal__run_id", "signal__symbol", "session_date", "signal__score", "signal__side")
    measured = ("signal__volatility", "gain", "scale", "quarters")
    for run, symbol, date, *rest in query.values_list(*fields, *measured):
        place = worlds.get((run, symbol, date))
        if place is not None:
            yield _Finished(place, *rest)


def _base(seen: Watched) -> Base:
    return Base(**{name: getattr(seen, name) for name in Base._fields})


def _numbered(runs: Iterable[Place]) -> dict[tuple[str, dt.date], int]:
    keys = dict.fromkeys((place.world, place.date) for place in runs)
    return {key: number for number, key in enumerate(keys)}


def _array(values: Iterable[float | None]) -> FloatArray:
    return np.array(list(values), dtype=np.float64)


def _quarters(found: Sequence[list[float]]) -> FloatArray:
    unknown = [np.nan] * 4
    rows = [row if len(row) == 4 else unknown for row in found]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 4)
