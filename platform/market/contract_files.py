"""Files of contracts: read in parts, each row answered or named with its fault."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from market.contracts import TableError, compute, known_columns, need, read
from quant.status import Status

ROWS = 20_000
"""Rows that are in memory at once."""
REFUSED = "refused"
COMPUTED = {name: f"computed_{name}" for name in ("iv", "years", "price")}
"""Names of what may stand in the question as well."""
_DELIMITERS = ",;\t|"


class Fault(NamedTuple):
    """Why a row was not computed; lines count from 1, the header's."""

    line: int
    field: str
    message: str


class Part(NamedTuple):
    """Rows of the answer as text cells, and the faults among them."""

    rows: list[list[str]]
    faults: list[Fault]


class ContractFile:
    """A table of contracts in a text file, header first.

    Raises
    ------
    TableError
        When the header or the encoding cannot be read.
    """

    def __init__(self, file: IO[str], names: Sequence[str], *, raw: bool, now: dt.datetime) -> None:
        self._names, self._raw, self._now = list(names), raw, now
        first = _line(file)
        delimiter = max(_DELIMITERS, key=first.count)
        self._rows = csv.reader(itertools.chain([first], file), delimiter=delimiter)
        self._given = next(self._rows, [])
        self._columns = known_columns(self._given)
        need(self._columns)

    @property
    def header(self) -> list[str]:
        """The columns of the answer: those given, then what was computed."""
        names = [COMPUTED.get(name, name) for name in ("iv", "years", *self._names)]
        return [*self._given, *names, "status", "fault"]

    def parts(self) -> Iterator[Part]:
        """Yield the answer in parts."""
        lines = _numbered(self._rows)
        while batch := list(itertools.islice(lines, ROWS)):
            yield self._part(batch)

    def _part(self, batch: list[tuple[int, list[str]]]) -> Part:
        width = len(self._columns)
        ragged = {
            place: f"has {len(cells)} cells, the header {width}"
            for place, (_, cells) in enumerate(batch)
            if len(cells) != width
        }
        even = [cells if len(cells) == width else [""] * width for _, cells in batch]
        columns = dict(zip(self._columns, map(list, zip(*even, strict=True)), strict=True))
        given = read(columns, self._now)
        done = compute(given, self._names, raw=self._raw)
        told = {error.row: (error.field, error.message) for error in given.errors}
        told |= {place: ("row", why) for place, why in ragged.items()}
        faults = [Fault(batch[place][0], *told[place]) for place in sorted(told)]
        words = [Status(code).name.lower() for code in range(len(Status))]
        numbers = np.column_stack([done.iv, given.years, *(done.values[n] for n in self._names)])
        rows = []
        for place, (cells, values) in enumerate(zip(even, numbers.tolist(), strict=True)):
            shown = batch[place][1] if place in ragged else cells
            fault = told.get(place)
            status = words[done.status[place]] if fault is None else REFUSED
            says = "" if fault is None else " ".join(fault)
            rows.append([*_fit(shown, width), *map(_text, values), status, says])
        return Part(rows, faults)


def _line(file: IO[str]) -> str:
    try:
        return next(file, "")
    except UnicodeDecodeError as error:
        raise TableError("file", f"is not UTF-8: {error.reason}") from None


def _numbered(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows with their lines, those without any text left out."""
    line = getattr(rows, "line_num", 1)
    try:
        for cells in rows:
            line = getattr(rows, "line_num", line + 1)
            if any(cell.strip() for cell in cells):
                yield line, cells
    except UnicodeDecodeError as error:
        raise TableError(f"line {line + 1}", f"is not UTF-8: {error.reason}") from None
    except csv.Error as error:
        raise TableError(f"line {line + 1}", f"cannot be read: {error}") from None


def _fit(cells: list[str], width: int) -> list[str]:
    return (cells + [""] * width)[:width]


def _text(value: float) -> str:
    return repr(value) if math.isfinite(value) else ""


def opened(path: Path) -> IO[str]:
    """Open a file of contracts as text; a byte order mark is passed over."""
    return path.open(encoding="utf-8-sig", newline="")
