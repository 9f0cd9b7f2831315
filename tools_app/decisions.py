"""Decisions as the trading side takes them: whoever makes one, it reads the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from tools_app.contract import Evaluation


class Reading(StrEnum):
    """What a signal or a decision says about the market."""

    LONG = "long"
    SHORT = "short"
    LONG_VOLATILITY = "long volatility"
    SHORT_VOLATILITY = "short volatility"
    WARNING = "warning"

    @classmethod
    def of(cls, side: int, volatility: int) -> Reading:
        """Return how a side, or without one a volatility, reads."""
        if side:
            return cls.LONG if side > 0 else cls.SHORT
        return {1: cls.LONG_VOLATILITY, -1: cls.SHORT_VOLATILITY}.get(volatility, cls.WARNING)


@dataclass(frozen=True, slots=True)
class Entry:
    """Whether to enter now.

    Attributes
    ----------
    reading : Reading or None
        What to enter; None to stay out.
    confidence : float
        In [0, 1]; of the reading that leads, whether it was enough or not.
    reasons : tuple of str
        Sentences, the decisive one first.
    seen : mapping
        What it was decided on, as JSON.
    """

    reading: Reading | None
    confidence: float
    reasons: tuple[str, ...]
    seen: Mapping[str, Any] = field(default_factory=dict)


class EntryController(Protocol):
    """Decides on an entry from what the tools say of one and the same row."""

    def entry(self, evaluations: Sequence[Evaluation]) -> Entry:
        """Return the decision on the last row of the evaluations."""


@dataclass(frozen=True, slots=True)
class Risked:
    """One unit of a structure as its size is decided.

    Attributes
    ----------
    loss : float
        $ that a unit loses at most, above 0.
    win : float or None
        $ that it wins at most; None without a bound.
    delta : float
        Units of the underlying that it moves like.
    range : float or None
        Average true range of the underlying, $ a session; None when it is not known.
    room : int or None
        Units that the market has room for; None when it is not known.
    """

    loss: float
    win: float | None
    delta: float
    range: float | None = None
    room: int | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """How many units, 0 for none, and why: sentences, the decisive one first."""

    units: int
    reasons: tuple[str, ...]


class Sizer(Protocol):
    """Decides how many units of a structure an account opens."""

    def size(self, equity: float, unit: Risked) -> Size:
        """Return the size for an account with so much equity in $."""


@dataclass(frozen=True, slots=True)
class Course:
    """How an open trade goes; results are shares of what it can lose at most.

    Attributes
    ----------
    now : float or None
        Result at the middle of the quotes; None while one of them is missing.
    best : float
        The best that was seen since the entry, 0 at least.
    minutes : float
        Since the entry, on the market's clock.
    to_close : float
        Minutes until the last trade of what it holds, or the session's close if that is earlier.
    """

    now: float | None
    best: float
    minutes: float
    to_close: float


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether to leave now: `rule` names what says so, empty to stay."""

    rule: str
    reasons: tuple[str, ...]


class ExitPolicy(Protocol):
    """Decides when a trade is left."""

    def leave(self, course: Course) -> Leave:
        """Return the decision on a trade as it stands."""
