"""The top of a book over time, as fills take it: columns that nobody writes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.arrays import FloatArray, FloatLike, IntArray

_COLUMNS: Final = ("bid", "ask", "bid_size", "ask_size", "last", "volume", "age")
_WIDTH: Final = 8  # numbers of a row, with one to spare: one line of the cache


def numbers(value: FloatLike, count: int) -> FloatArray:
    """Return a column that nobody writes to; nothing is copied that has its form already."""
    column = np.asarray(value, dtype=np.float64)
    column = np.ascontiguousarray(np.broadcast_to(column, (count,))).view()
    column.flags.writeable = False
    return column


def wholes(value: npt.ArrayLike, count: int) -> IntArray:
    """Return the same of whole numbers."""
    column = np.asarray(value, dtype=np.int64)
    column = np.ascontiguousarray(np.broadcast_to(column, (count,))).view()
    column.flags.writeable = False
    return column


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """Top of book over time, of one or more instruments, one after the other.

    Attributes
    ----------
    time : (rows,) int64
        When a row was known, rising within each book.
    table : (rows, 8) float64
        A row's bid, ask, their sizes, the last price with the volume since the row before, and the
        age of its quote in nanoseconds; together, as most orders look at few rows of many.
    offsets : (books + 1,) int64
        Where each book begins, and the end of the last.
    """

    time: IntArray
    table: FloatArray
    offsets: IntArray

    @classmethod
    def of(
        cls,
        time: npt.ArrayLike,
        bid: FloatLike,
        ask: FloatLike,
        bid_size: FloatLike = np.nan,
        ask_size: FloatLike = np.nan,
        last: FloatLike = np.nan,
        volume: FloatLike = 0.0,
        *,
        quoted: npt.ArrayLike | None = None,
        offsets: npt.ArrayLike | None = None,
    ) -> Books:
        """Return books of columns; one book without `offsets`.

        Parameters
        ----------
        time : (rows,) int64
        bid, ask, bid_size, ask_size : float64, broadcast to the rows
            A bid of 0 is no bid; NaN is not known.
        last, volume : float64
            What traded since the row before, and at which price; NaN is nothing.
        quoted : int64, optional
            When the quote was made; by default at the row's time.
        offsets : (books + 1,) int64, optional

        Raises
        ------
        ValueError
            When times do not rise within a book, or offsets do not cover the rows.
        """
        moments = np.atleast_1d(np.asarray(time, dtype=np.int64))
        count = moments.size
        begins = np.array([0, count]) if offsets is None else np.asarray(offsets, dtype=np.int64)
        if begins.ndim != 1 or begins[0] != 0 or begins[-1] != count or (np.diff(begins) < 0).any():
            raise ValueError(f"offsets do not rise from 0 to the {count} rows")
        rises = np.diff(moments) > 0
        rises[begins[(begins > 0) & (begins < count)] - 1] = True
        if not rises.all():
            raise ValueError("time does not rise within a book; give one row for each instant")
        table = np.empty((count, _WIDTH))
        for place, column in enumerate((bid, ask, bid_size, ask_size, last, volume)):
            table[:, place] = column
        table[:, len(_COLUMNS) - 1 :] = 0.0
        if quoted is not None:
            table[:, len(_COLUMNS) - 1] = moments - np.asarray(quoted, dtype=np.int64)
        table.flags.writeable = False
        return cls(wholes(moments, count), table, wholes(begins, begins.size))

    @classmethod
    def stack(cls, books: Sequence[Books]) -> Books:
        """Return several books as one; they are numbered in this order."""
        ends = np.cumsum([0, *(book.time.size for book in books)])
        inner = [book.offsets[:-1] + end for book, end in zip(books, ends[:-1], strict=True)]
        time = np.concatenate([book.time for book in books])
        table = np.concatenate([book.table for book in books])
        table.flags.writeable = False
        offsets = np.concatenate([*inner, ends[-1:]])
        return cls(wholes(time, time.size), table, wholes(offsets, offsets.size))

    def column(self, name: str) -> FloatArray:
        """Return a column of the table by its name: `bid` to `volume`, or `age`."""
        return self.table[:, _COLUMNS.index(name)]
