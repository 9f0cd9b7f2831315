"""Rows out of order of time, given back in order, in bounded memory: an external sort.

Files that hold a contract after the other must be read whole before the first instant is
complete. Rows wait here in a temporary file as runs, each sorted by time; reading merges the
runs a block at a time. Memory holds one run while writing, and as many rows again, shared out
among the runs, while reading, besides those of one instant.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

RUN_ROWS = 1 << 17
ROW = np.dtype([("time", "<i8"), ("contract", "<i4"), ("kind", "<i4"), ("values", "<f8", (4,))])
_PACK = struct.Struct("<qii4d")  # the same layout: packing beats assigning to an array tenfold
Rows = npt.NDArray[np.void]
Values = tuple[float, float, float, float]


class Kind(IntEnum):
    """What a row says of a contract."""

    QUOTE = 0
    TRADE = 1
    INTEREST = 2


@dataclass
class _Run:
    """Rows of the file from `at` up to `end`, and those of them that are in memory."""

    at: int
    end: int
    held: Rows


class Spool:
    """Takes rows in any order and gives them back by time; rows of one time as they came."""

    def __init__(self, *, run_rows: int = RUN_ROWS) -> None:
        self._run = bytearray(run_rows * ROW.itemsize)
        self._run_rows = run_rows
        self._filled = 0  # bytes
        self._spans: list[tuple[int, int]] = []
        self._file = tempfile.TemporaryFile(prefix="pulse-import-")  # noqa: SIM115 - see __exit__

    def __enter__(self) -> Self:
        """Use it until the end of the block; its file goes then."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Remove the temporary file."""
        self._file.close()

    def add(self, time: int, contract: int, kind: Kind, values: Values) -> None:
        """Take in a row; `contract` is the caller's number."""
        if self._filled == len(self._run):
            self._write_run()
        _PACK.pack_into(self._run, self._filled, time, contract, kind, *values)
        self._filled += ROW.itemsize

    def blocks(self) -> Iterator[Rows]:
        """Yield all rows in order of time, a block at a time; a time is in one block."""
        self._write_run()
        runs = [_Run(first, end, np.empty(0, dtype=ROW)) for first, end in self._spans]
        share = max(1, self._run_rows // max(1, len(runs)))
        while runs := [run for run in runs if self._refill(run, share)]:
            # Nothing that is still in the file can be earlier than this.
            safe = min(int(run.held["time"][-1]) for run in runs)
            parts = []
            for run in runs:
                # All rows of one time together, else a later run's would come before them.
                while int(run.held["time"][-1]) == safe and run.at < run.end:
                    run.held = np.concatenate([run.held, self._read(run, share)])
                count = int(np.searchsorted(run.held["time"], safe, side="right"))
                parts.append(run.held[:count])
                run.held = run.held[count:]
            block = np.concatenate(parts)
            yield block[np.argsort(block["time"], kind="stable")]

    def _refill(self, run: _Run, share: int) -> bool:
        """Read on when nothing of a run is in memory; return whether anything is left of it."""
        if len(run.held) == 0 and run.at < run.end:
            run.held = self._read(run, share)
        return len(run.held) > 0

    def _read(self, run: _Run, share: int) -> Rows:
        """Return the next rows of a run in the file."""
        count = min(share, run.end - run.at)
        self._file.seek(run.at * ROW.itemsize)
        run.at += count
        return np.frombuffer(self._file.read(count * ROW.itemsize), dtype=ROW)

    def _write_run(self) -> None:
        if not self._filled:
            return
        rows = np.frombuffer(self._run, dtype=ROW, count=self._filled // ROW.itemsize)
        first = self._spans[-1][1] if self._spans else 0
        self._file.seek(first * ROW.itemsize)
        self._file.write(rows[np.argsort(rows["time"], kind="stable")].tobytes())
        self._spans.append((first, first + len(rows)))
        self._filled = 0
