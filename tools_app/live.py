"""Tools on the newest row as it arrives: only what the row adds is computed.

The columns of the rows before are kept, so that a derived column needs one window of its inputs
and a tool one window of its columns. The answers are, to the bit, those of the whole frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from market.features.registry import Derived, registry
from market.frames import ByteArray, FloatArray, Frame, Kind, Missing
from tools_app.contract import Evaluation, Tool

_FIRST_ROWS = 512


class LiveFrame:
    """The rows of one underlying so far, and the tools that watch them.

    Parameters
    ----------
    kind : Kind
    tools : sequence of Tool
        All of that kind.
    """

    def __init__(self, kind: Kind, tools: Sequence[Tool]) -> None:
        self.tools = tuple(tools)
        self._reads = {tool.id: (tool.columns, tool.settings()) for tool in tools}
        names = dict.fromkeys(name for tool in tools for name in tool.columns)
        self._observed, self._steps = registry().plan(kind, names)
        made = [column.name for step in self._steps for column in step.columns]
        self._rows = 0
        self._values = {name: np.empty(_FIRST_ROWS) for name in (*self._observed, *made)}
        self._codes: dict[str, int] = dict.fromkeys(self._values, int(Missing.NO_COLUMN))
        self.time = 0

    @classmethod
    def of(cls, frame: Frame, tools: Sequence[Tool]) -> LiveFrame:
        """Return one that goes on after a frame with all columns that the tools depend on."""
        made = cls(frame.kind, tools)
        made._rows, made.time = len(frame), int(frame.time[-1])
        for name in made._values:
            column = frame.columns[name]
            made._values[name] = np.concatenate([column, np.empty(_FIRST_ROWS)])
            made._codes[name] = int(frame.reasons[name][-1])
        return made

    def __len__(self) -> int:
        return self._rows

    def extend(
        self,
        times: Iterable[int],
        columns: Mapping[str, FloatArray],
        reasons: Mapping[str, ByteArray],
    ) -> None:
        """Take in rows, oldest first, as stored: (t,) values and `Missing` codes by column."""
        for row, time in enumerate(times):
            self.append(
                int(time),
                {name: float(column[row]) for name, column in columns.items()},
                {name: int(codes[row]) for name, codes in reasons.items()},
            )

    def append(
        self, time: int, values: Mapping[str, float], reasons: Mapping[str, int] | None = None
    ) -> None:
        """Take in the next row.

        Raises
        ------
        ValueError
            When it is not later than the row before.
        """
        if self._rows and time <= self.time:
            raise ValueError("time does not increase")
        if self._rows == next(iter(self._values.values())).size:
            self._grow()
        at, self._rows, self.time = self._rows, self._rows + 1, time
        told = reasons or {}
        for name in self._observed:
            value = values.get(name, math.nan)
            known = math.isfinite(value)
            why = told.get(name, Missing.BAD_VALUE if name in values else Missing.NO_COLUMN)
            code = why if not known or (name in told and why != Missing.OK) else Missing.OK
            self._codes[name] = int(code if code != Missing.OK or known else Missing.BAD_VALUE)
            self._values[name][at] = value if self._codes[name] == Missing.OK else np.nan
        for step in self._steps:
            self._derive(step, at)

    def answer(self, tool: Tool) -> Evaluation:
        """Return what one of the tools says of the newest row."""
        names, settings = self._reads[tool.id]
        inputs = {name: self._tail(name, tool.window) for name in names}
        return tool.newest(self.time, inputs, self._codes, settings)

    def _tail(self, name: str, rows: int) -> FloatArray:
        return self._values[name][max(0, self._rows - rows) : self._rows]

    def _derive(self, step: Derived, at: int) -> None:
        made = step.compute({name: self._tail(name, step.window) for name in step.inputs})
        for column, values in zip(step.columns, made, strict=True):
            value = float(values[-1])
            known = math.isfinite(value)
            self._values[column.name][at] = value if known else np.nan
            self._codes[column.name] = int(Missing.OK) if known else self._why(step)

    def _why(self, step: Derived) -> int:
        codes = (self._codes[name] for name in step.inputs)
        return next((code for code in codes if code != Missing.OK), int(Missing.WARMING_UP))

    def _grow(self) -> None:
        for name, values in self._values.items():
            self._values[name] = np.concatenate([values, np.empty_like(values)])
