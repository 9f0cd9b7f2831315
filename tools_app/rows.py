"""Rows that a caller gives to a tool, checked: every fault is named with its place."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from market.clock import to_ns
from market.features.assembly import assemble
from market.features.registry import registry
from market.frames import FloatArray, Frame, IntArray, Kind
from tools_app.contract import Tool

MOST_ROWS = 5_000


class RowsError(ValueError):
    """The rows cannot be used; `faults` holds (path, what is wrong and what to do)."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {text}" for path, text in faults[:5]))
        self.faults = faults


def frames_from(tools: Sequence[Tool], data: Any) -> dict[Kind, Frame]:
    """Return the frames of rows given, one for each kind that the tools read.

    Tools of one kind take `{"time": [...], "columns": {...}}`; tools of both take one such object
    under each kind's name.

    Raises
    ------
    RowsError
        As `frame_from`; a kind that no tool reads is named, and one that is missing.
    """
    kinds = list(dict.fromkeys(tool.kind for tool in tools))
    if len(kinds) == 1 and isinstance(data, Mapping) and "columns" in data:
        return {kinds[0]: frame_from(tools, data)}
    names = [kind.value for kind in kinds]
    if not isinstance(data, Mapping) or set(data) != set(names):
        shape = ", ".join(f'"{name}": {{"time": [...], "columns": {{...}}}}' for name in names)
        raise RowsError([("/data", f"give {{{shape}}}, for the tools read these kinds of rows")])
    frames: dict[Kind, Frame] = {}
    faults: list[tuple[str, str]] = []
    for kind in kinds:
        same = [tool for tool in tools if tool.kind is kind]
        try:
            frames[kind] = frame_from(same, data[kind.value], f"/data/{kind.value}")
        except RowsError as error:
            faults += error.faults
    if faults:
        raise RowsError(faults)
    return frames


def frame_from(tools: Sequence[Tool], data: Any, path: str = "/data") -> Frame:
    """Return the frame of rows given as `{"time": [...], "columns": {name: [...]}}`.

    Times are ISO 8601 with an offset and increase; a column is one that the tools, all of one
    kind, read or that their inputs are computed from, one finite number a row. A column left out
    is missing, which a tool's answer says.

    Raises
    ------
    RowsError
        Naming every unknown column, wrong length, value that is not a finite number, and instant
        that goes back.
    """
    if not isinstance(data, Mapping) or not {"time", "columns"} <= data.keys():
        raise RowsError([(path, 'give {"time": [...], "columns": {name: [...]}}')])
    faults: list[tuple[str, str]] = []
    faults += [
        (f"{path}/{key}", "unknown; only time and columns are read")
        for key in data
        if key not in ("time", "columns")
    ]
    times = _times(data["time"], f"{path}/time", faults)
    columns = _columns(tools, data["columns"], len(times), f"{path}/columns", faults)
    if faults:
        raise RowsError(faults)
    return assemble(tools[0].kind, "given", times, columns, None, read_by(tools))


def read_by(tools: Sequence[Tool]) -> list[str]:
    """Return the columns that tools read, each once."""
    return list(dict.fromkeys(name for tool in tools for name in tool.columns))


def accepted(kind: Kind, tools: Sequence[Tool]) -> list[str]:
    """Return the columns that a caller may give for tools of a kind."""
    observed, _ = registry().plan(kind, read_by(tools))
    return observed


def _times(given: Any, path: str, faults: list[tuple[str, str]]) -> IntArray:
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        faults.append((path, "give a list of at least one instant"))
        return np.empty(0, dtype=np.int64)
    if len(given) > MOST_ROWS:
        faults.append((path, f"{len(given)} rows; at most {MOST_ROWS}"))
        return np.empty(0, dtype=np.int64)
    times = np.zeros(len(given), dtype=np.int64)
    for row, text in enumerate(given):
        try:
            times[row] = to_ns(dt.datetime.fromisoformat(text))
        except (TypeError, ValueError, OverflowError):
            faults.append((f"{path}/{row}", "not an ISO 8601 instant with an offset"))
            return times
        if row and times[row] <= times[row - 1]:
            faults.append((f"{path}/{row}", "time goes back or stands still; sort the rows"))
            return times
    return times


def _columns(
    tools: Sequence[Tool], given: Any, rows: int, place: str, faults: list[tuple[str, str]]
) -> dict[str, FloatArray]:
    if not isinstance(given, Mapping) or not given:
        faults.append((place, "give an object of column name and list of numbers"))
        return {}
    known = accepted(tools[0].kind, tools)
    reader = tools[0].slug if len(tools) == 1 else "the tools"
    columns: dict[str, FloatArray] = {}
    for told, values in given.items():
        name = str(told).encode("utf-8", "replace").decode()
        path = f"{place}/{name}"
        if name not in known:
            faults.append((path, f"unknown column; {reader} reads {', '.join(known)}"))
        elif not isinstance(values, Sequence) or isinstance(values, str):
            faults.append((path, "give a list of numbers"))
        elif rows and len(values) != rows:
            faults.append((path, f"{len(values)} values for {rows} rows"))
        else:
            columns[name] = _numbers(values, path, faults)
    return columns


def _numbers(values: Sequence[Any], path: str, faults: list[tuple[str, str]]) -> FloatArray:
    for row, value in enumerate(values):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not _finite(value):
            faults.append((f"{path}/{row}", "not a finite number; leave the column out if missing"))
            return np.empty(0)
    return np.array(values, dtype=np.float64)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
