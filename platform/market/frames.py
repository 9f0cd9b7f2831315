"""Frames: columns of features over time for one underlying, the input of every tool.

A frame never holds a guess. A value that is not known is NaN and carries a `Missing` code that
says why; a value that is known carries `Missing.OK`. The constructor makes both hold together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ByteArray = npt.NDArray[np.uint8]


class Kind(StrEnum):
    """What one row of a frame stands for."""

    INTRADAY = "intraday"
    """One row a minute of one session."""
    DAILY = "daily"
    """One row a session, known at the session's close."""


class Missing(IntEnum):
    """Why a value is not there. Stored with the rows: a code is never given a new meaning."""

    OK = 0
    NO_CHAIN = 1
    STALE_QUOTE = 2
    NO_OPEN_INTEREST = 3
    NO_TRADES = 4
    NO_EVENTS = 5
    WARMING_UP = 6
    NO_HISTORY = 7
    BAD_VALUE = 8
    NO_BASKET = 9
    NOT_0DTE = 10
    NO_BAR = 11
    NO_QUOTE = 12
    NO_LEVEL = 13
    NO_REPORT = 14
    NO_VOLUME = 15
    NO_COLUMN = 16
    NO_RELEASE = 17
    NO_DECISION = 18
    NO_PEER = 19
    NO_CRYPTO = 20
    NO_TAPE = 21
    NO_ACCOUNT = 22
    NO_MODEL = 23
    NO_PROXY = 24
    NO_FIT = 25

    @property
    def text(self) -> str:
        """Say in plain words what the code means."""
        return _TEXT[self]


_TEXT = {
    Missing.OK: "ok",
    Missing.NO_CHAIN: "no chain",
    Missing.STALE_QUOTE: "stale quote",
    Missing.NO_OPEN_INTEREST: "no open interest",
    Missing.NO_TRADES: "no signed option trades",
    Missing.NO_EVENTS: "no event calendar",
    Missing.WARMING_UP: "warming up",
    Missing.NO_HISTORY: "no history",
    Missing.BAD_VALUE: "not a finite number",
    Missing.NO_BASKET: "no basket",
    Missing.NOT_0DTE: "no expiry today",
    Missing.NO_BAR: "no price this period",
    Missing.NO_QUOTE: "no two-sided quote where it is needed",
    Missing.NO_LEVEL: "no such level in the book",
    Missing.NO_REPORT: "no report scheduled",
    Missing.NO_VOLUME: "no volume",
    Missing.NO_COLUMN: "column not in the frame",
    Missing.NO_RELEASE: "no scheduled release yet today",
    Missing.NO_DECISION: "no Fed decision ahead today",
    Missing.NO_PEER: "no paired index",
    Missing.NO_CRYPTO: "no overnight crypto prices",
    Missing.NO_TAPE: "no off-exchange prints",
    Missing.NO_ACCOUNT: "no short strike of an account",
    Missing.NO_MODEL: "no model yet",
    Missing.NO_PROXY: "no credit, bond and dollar prices",
    Missing.NO_FIT: "no surface fit of good quality",
}


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of a frame means.

    Attributes
    ----------
    name : str
        Unique within its kind of frame.
    unit : str
        As shown to people, "" for a pure number.
    source : str
        Where the number comes from, in a few words.
    lookback : int
        Rows that its value at one row depends on, that row included: 1 for an observation.
    description : str
    kind : Kind
    """

    name: str
    unit: str
    source: str
    lookback: int
    description: str
    kind: Kind

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"{self.name!r} is not a column name")
        if self.lookback < 1:
            raise ValueError(f"{self.name}: lookback is below one row")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Columns over T rows for one underlying, or for many simulated paths of it at once.

    Attributes
    ----------
    kind : Kind
    symbol : str
    time : (T,) int64
        Instant at which each row became known, ns since the epoch, UTC; strictly increasing.
    columns : mapping of str to (..., T) float64
        NaN where missing, never infinite; all of one shape; read-only.
    reasons : mapping of str to (..., T) uint8
        One `Missing` code per value, `OK` exactly where the value is not NaN.

    Raises
    ------
    ValueError
        Naming the field or the column, when shapes differ or the time does not increase.
    """

    kind: Kind
    symbol: str
    time: IntArray
    columns: Mapping[str, FloatArray]
    reasons: Mapping[str, ByteArray]

    def __post_init__(self) -> None:
        time = np.asarray(self.time, dtype=np.int64)
        if time.ndim != 1 or np.any(np.diff(time) <= 0):
            raise ValueError("time is not one strictly increasing axis")
        columns: dict[str, FloatArray] = {}
        reasons: dict[str, ByteArray] = {}
        shape: tuple[int, ...] | None = None
        for name, given in self.columns.items():
            values, codes = _cleaned(given, self.reasons.get(name))
            shape = values.shape if shape is None else shape
            if values.shape != shape or values.shape[-1:] != time.shape:
                raise ValueError(f"{name} has shape {values.shape}, time {time.shape}")
            columns[name], reasons[name] = values, codes
        object.__setattr__(self, "kind", Kind(self.kind))
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "reasons", reasons)

    def __len__(self) -> int:
        return int(self.time.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every column: paths first, time last."""
        return next((c.shape for c in self.columns.values()), self.time.shape)

    def rows(self, which: slice) -> Frame:
        """Return the rows of a slice of time."""
        return Frame(
            kind=self.kind,
            symbol=self.symbol,
            time=self.time[which],
            columns={name: values[..., which] for name, values in self.columns.items()},
            reasons={name: codes[..., which] for name, codes in self.reasons.items()},
        )

    def path(self, index: int) -> Frame:
        """Return one path of a frame of many."""
        return Frame(
            kind=self.kind,
            symbol=self.symbol,
            time=self.time,
            columns={name: values[index] for name, values in self.columns.items()},
            reasons={name: codes[index] for name, codes in self.reasons.items()},
        )


def _cleaned(given: npt.ArrayLike, why: npt.ArrayLike | None) -> tuple[FloatArray, ByteArray]:
    """Make NaN and a reason go together: whichever is given brings the other."""
    values = np.ascontiguousarray(given, dtype=np.float64)
    finite = np.isfinite(values)
    if why is None:
        codes = np.where(finite, np.uint8(Missing.OK), np.uint8(Missing.BAD_VALUE))
    else:
        codes = np.array(why, dtype=np.uint8)
        if codes.shape != values.shape:
            raise ValueError(f"reasons have shape {codes.shape}, values {values.shape}")
        codes[~finite & (codes == Missing.OK)] = Missing.BAD_VALUE
    known = codes == Missing.OK
    clean = values.view() if known.all() else np.where(known, values, np.nan)
    clean.flags.writeable = False
    codes.flags.writeable = False
    return clean, codes
