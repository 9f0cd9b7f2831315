"""The contract of a tool: what it declares, what it answers, and how the answer is checked.

A tool is one falsifiable hypothesis as a pure function of a frame, the same function on the
newest row of a live feed, on a replayed day and on many simulated paths at once. It lists
conditions, each with a degree from 0 (absent) over 0.5 (just met) to 1 (met with room to spare);
its score is the degree of the weakest one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from market.features.registry import registry
from market.frames import ByteArray, FloatArray, Frame, IntArray, Kind, Missing

SideArray = npt.NDArray[np.int8]
Inputs = Mapping[str, FloatArray]
Settings = Mapping[str, float]


class Tier(StrEnum):
    """Plans in the order in which they open tools; each opens all that came before."""

    FREE = "free"
    PRO = "pro"
    PRO_PLUS = "pro_plus"

    def opens(self, other: Tier) -> bool:
        """Say whether this plan includes the tools of the other."""
        order = list(Tier)
        return order.index(self) >= order.index(other)


class Scope(StrEnum):
    """How many underlyings a tool looks at."""

    ONE = "one underlying"
    BASKET = "basket"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Whose a tool is that is not ours: the distribution that brings it, and by which entry."""

    distribution: str
    version: str
    entry: str


@dataclass(frozen=True, slots=True)
class Param:
    """A number that the optimizer may choose between `low` and `high`."""

    name: str
    default: float
    low: float
    high: float
    unit: str
    description: str
    integer: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.default <= self.high or self.low >= self.high:
            raise ValueError(f"{self.name}: default {self.default} outside {self.low}..{self.high}")

    def checked(self, value: float) -> float:
        """Return the value, or refuse one that is out of bounds or not whole where it must be."""
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name}={value} is outside {self.low}..{self.high}")
        if self.integer and value != int(value):
            raise ValueError(f"{self.name}={value} is not a whole number")
        return float(value)


THRESHOLD = Param(
    "threshold", 0.5, 0.4, 0.95, "", "score from which it fires; 0.5: every condition just met"
)


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One part of the reasons, over all rows.

    `degree` is None for a value that is told but does not count. `limit` is None where there is
    no single number to compare with; `relation` then says nothing.
    """

    label: str
    value: FloatArray
    unit: str = ""
    degree: FloatArray | None = None
    limit: float | None = None
    relation: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a tool's function returns: its conditions in order of telling, and the side it reads."""

    conditions: tuple[Condition, ...]
    side: FloatArray
    volatility: FloatArray | None = None
    """How a row without a side reads, where that differs from row to row: see `Tool.volatility`."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A tool's answer for every row of a frame.

    Attributes
    ----------
    tool_id : int
    time : (T,) int64
    score : (..., T) float64
        In [0, 1]; NaN where a needed input is missing.
    side : (..., T) int8
        +1 long, -1 short, 0 volatility without a side or no score.
    volatility : (..., T) int8
        Where there is no side: +1 long volatility, -1 short volatility, 0 a warning alone.
    fires : (..., T) bool
        Where score >= threshold.
    missing : (..., T) uint8
        A `Missing` code where the score is NaN, `OK` elsewhere.
    threshold : float
    conditions : tuple of Condition
    """

    tool_id: int
    kind: Kind
    time: IntArray
    score: FloatArray
    side: SideArray
    volatility: SideArray
    fires: npt.NDArray[np.bool_]
    missing: ByteArray
    threshold: float
    conditions: tuple[Condition, ...]

    def missing_counts(self) -> dict[str, int]:
        """Return how many rows have no score, by the reason's text."""
        counts = np.bincount(self.missing.ravel(), minlength=len(Missing))
        return {
            code.text: int(counts[code]) for code in Missing if code != Missing.OK and counts[code]
        }


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: its declaration and its function.

    Attributes
    ----------
    inputs : tuple of str
        Columns that it cannot do without.
    optional : tuple of str
        Columns that it can do without; where one is missing its condition counts as its formula
        says.
    by_side : tuple of str
        Columns of which a row needs only the one on the side that it reads.
    window : int
        Rows of its inputs that one score depends on, that row included, whatever the parameters.
    horizon, horizon_unit : int, str
        Over what the hypothesis is judged: minutes or sessions.
    direction : str
        How it reads, in words.
    judged_on : str
        The kind of simulated paths that can judge it, or why none can.
    blind_spots : str
        What it cannot see.
    volatility : int
        How it reads where it has no side: 1 long volatility, -1 short volatility, 0 a warning.
    origin : Origin or None
        Who brings it; None for ours. Pulse sets it: what a package writes there is not read.
    """

    id: int
    slug: str
    name: str
    tier: Tier
    family: str
    hypothesis: str
    source: str
    formula: str
    kind: Kind
    scope: Scope
    inputs: tuple[str, ...]
    params: tuple[Param, ...]
    window: int
    horizon: int
    horizon_unit: str
    direction: str
    judged_on: str
    blind_spots: str
    compute: Callable[[Inputs, Settings], Verdict] = field(repr=False)
    optional: tuple[str, ...] = ()
    by_side: tuple[str, ...] = ()
    volatility: int = 1
    version: str = "1"
    origin: Origin | None = None

    @property
    def lookback(self) -> int:
        """Stored rows that one score depends on, that row included."""
        known = registry()
        behind = (known.column(self.kind, name).lookback for name in self.columns)
        return self.window + max(behind, default=1) - 1

    @property
    def pause(self) -> int:
        """Rows within which it does not repeat a signal that reads the same."""
        return max(1, self.horizon // 4)

    @property
    def only_warns(self) -> bool:
        """Whether it never reads a side nor a volatility."""
        return self.volatility == 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it reads."""
        return self.inputs + self.by_side + self.optional

    def settings(self, given: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return all parameters: the defaults, replaced by those given, each within its bounds."""
        chosen = dict(given or {})
        unknown = chosen.keys() - {param.name for param in self.params}
        if unknown:
            raise ValueError(f"{self.slug} has no parameter {sorted(unknown)[0]!r}")
        return {p.name: p.checked(chosen.get(p.name, p.default)) for p in self.params}

    def newest(
        self,
        time: int,
        inputs: Inputs,
        reasons: Mapping[str, int],
        settings: Settings,
    ) -> Evaluation:
        """Score the last of the rows given: to the bit what `evaluate` says of it.

        Parameters
        ----------
        time : int
            Of that row, ns UTC.
        inputs : mapping of str to (t,) float64
            The newest rows of every column that it reads, as many as there are up to `window`.
        reasons : mapping of str to int
            `Missing` codes of the last row.
        settings : mapping of str to float
            As `settings` gives them.
        """
        verdict = self.compute(inputs, settings)
        rows = next(iter(inputs.values())).size
        score = _last_weakest(verdict.conditions)
        code = self._last_reason(reasons, score, filling=rows < self.window)
        known = code == Missing.OK
        score = score if known else math.nan
        side = float(verdict.side[-1]) if known else 0.0
        side = side if math.isfinite(side) else 0.0
        about = self.volatility if verdict.volatility is None else float(verdict.volatility[-1])
        about = about if known and side == 0.0 and math.isfinite(about) else 0
        threshold = settings["threshold"]
        return Evaluation(
            tool_id=self.id,
            kind=self.kind,
            time=np.array([time], dtype=np.int64),
            score=np.array([score]),
            side=np.array([side], dtype=np.int8),
            volatility=np.array([about], dtype=np.int8),
            fires=np.array([known and score >= threshold]),
            missing=np.array([code], dtype=np.uint8),
            threshold=threshold,
            conditions=verdict.conditions,
        )

    def _last_reason(self, reasons: Mapping[str, int], score: float, *, filling: bool) -> int:
        code = _first_of([reasons[name] for name in self.inputs])
        if code != Missing.OK or math.isfinite(score):
            return code
        later = _first_of([reasons[name] for name in self.by_side])
        return Missing.WARMING_UP if filling or later == Missing.OK else later

    def evaluate(self, frame: Frame, params: Mapping[str, float] | None = None) -> Evaluation:
        """Score every row of a frame. A row with a needed input missing is NaN and never fires.

        Raises
        ------
        ValueError
            When the frame is of another kind or a parameter is unknown or out of bounds.
        """
        if frame.kind != self.kind:
            raise ValueError(f"{self.slug} reads {self.kind} frames, not {frame.kind}")
        settings = self.settings(params)
        verdict = self.compute(_inputs(frame, self.columns), settings)
        score = _weakest(verdict.conditions, frame.shape)
        missing = _why_missing(frame, self, score)
        known = missing == Missing.OK
        score = np.where(known, score, np.nan)
        side = np.where(known & np.isfinite(verdict.side), verdict.side, 0.0).astype(np.int8)
        about = self.volatility if verdict.volatility is None else verdict.volatility
        sideless = known & (side == 0) & np.isfinite(about)
        threshold = settings["threshold"]
        return Evaluation(
            tool_id=self.id,
            kind=self.kind,
            time=frame.time,
            score=score,
            side=side,
            volatility=np.where(sideless, about, 0).astype(np.int8),
            fires=known & (np.where(known, score, 0.0) >= threshold),
            missing=missing,
            threshold=threshold,
            conditions=verdict.conditions,
        )


def _last_weakest(conditions: tuple[Condition, ...]) -> float:
    """Return the least degree of the last row; NaN where one is NaN."""
    score = 1.0
    for condition in conditions:
        if condition.degree is not None:
            degree = float(condition.degree[-1])
            score = degree if degree < score or math.isnan(degree) else score
    return score


def _first_of(codes: list[int]) -> int:
    """Return the first code of what is missing for good, else of what is warming up."""
    lasting = (code for code in codes if code not in (Missing.OK, Missing.WARMING_UP))
    warming = Missing.WARMING_UP if Missing.WARMING_UP in codes else Missing.OK
    return next(lasting, warming)


def _inputs(frame: Frame, names: tuple[str, ...]) -> dict[str, FloatArray]:
    absent = np.full(frame.shape, np.nan)
    return {name: frame.columns.get(name, absent) for name in names}


def _weakest(conditions: tuple[Condition, ...], shape: tuple[int, ...]) -> FloatArray:
    """Return the least degree; NaN wherever one is NaN."""
    score = np.ones(shape)
    for condition in conditions:
        if condition.degree is not None:
            score = np.minimum(score, condition.degree)
    return score


def _why_missing(frame: Frame, tool: Tool, score: FloatArray) -> ByteArray:
    """Return why a row has no score: a needed input is missing, or a window behind it is.

    Among inputs, one that is missing for good is told before one that is warming up. Where all
    are there but the score is not, its own window is not full yet or has a hole, or the column of
    its side is missing.
    """
    codes = _first_reason(frame, tool.inputs)
    unknown = (codes == Missing.OK) & ~np.isfinite(score)
    if not unknown.any():
        return codes
    later = _first_reason(frame, tool.by_side)
    filling = np.arange(len(frame)) < tool.window - 1
    later = np.where(filling | (later == Missing.OK), np.uint8(Missing.WARMING_UP), later)
    return np.where(unknown, later, codes)


def _first_reason(frame: Frame, names: tuple[str, ...]) -> ByteArray:
    """Return the reason of the first column that is missing for good, else of one warming up."""
    codes = np.full(frame.shape, np.uint8(Missing.OK))
    absent = np.full(frame.shape, np.uint8(Missing.NO_COLUMN))
    for name in names:
        found = frame.reasons.get(name, absent)
        open_still = (codes == Missing.OK) | (codes == Missing.WARMING_UP)
        codes = np.where(open_still & (found != Missing.OK), found, codes)
    return codes
