"""What the CSV formats share: one file to a job, a header that is checked, rows by name."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from market import occ
from market.importers import fields
from market.importers.context import Context, RefusedError, Reporter
from market.importers.files import Row, csv_rows
from market.snapshot import FloatArray, SnapshotData, make_layout


class Table:
    """Base of importers that read one CSV file at a time."""

    suffixes: tuple[str, ...] = (".csv", ".csv.gz")
    dated = False

    def jobs(self, paths: list[Path]) -> Iterator[list[Path]]:
        """Yield the files one by one."""
        yield from ([path] for path in paths)

    def subject(self, path: Path) -> str:
        """Return the file's name in its folder."""
        return "/".join(path.resolve().parts[-2:])

    def run(self, paths: list[Path], contexts: Mapping[Path, Context]) -> None:
        """Read one file."""
        for path in paths:
            try:
                self.read(path, contexts[path])
            except RefusedError as error:
                contexts[path].reject(0, error)

    def read(self, path: Path, context: Context) -> None:
        """Read a file; a RefusedError that gets here refuses all of it."""
        raise NotImplementedError


class Named:
    """A row whose cells are asked for by column name."""

    def __init__(self, row: Row, places: Mapping[str, int]) -> None:
        self.line, self._cells, self._places = row.line, row.cells, places

    def __getitem__(self, name: str) -> str:
        return self._cells[self._places[name]]

    def names(self) -> list[str]:
        """Return the table's columns, in lower case."""
        return list(self._places)

    def get(self, name: str) -> str:
        """Return a cell, empty when the table has no such column."""
        place = self._places.get(name)
        return "" if place is None else self._cells[place]


def named_rows(
    path: Path, context: Reporter, *, needs: Sequence[str], header: Sequence[str] | None = None
) -> Iterator[Named]:
    """Yield the rows after the header; RefusedError when the header lacks a column of `needs`."""
    rows = csv_rows(path, context)
    names = header
    if names is None:
        first = next(rows, None)
        if first is None:
            raise RefusedError("file", "is empty")
        names = [cell.strip().lstrip("#").strip().lower() for cell in first.cells]
    places = {name: place for place, name in enumerate(names)}
    missing = [name for name in needs if name not in places]
    if missing:
        raise RefusedError("header", f"has no column {', '.join(missing)}", ",".join(names))
    for row in rows:
        if row.cells == [""]:
            continue
        if len(row.cells) != len(names):
            expected = f"has {len(row.cells)} fields instead of {len(names)}"
            context.reject(row.line, RefusedError("row", expected, ",".join(row.cells)))
            continue
        yield Named(row, places)


COLUMNS: Final = ("bids", "asks", "bid_sizes", "ask_sizes", "open_interest", "volume", "last")


def two_sided(bid: float, ask: float) -> tuple[float, float]:
    """Return a quote as it is kept: an ask of zero is no quote, a bid of zero says nobody bids."""
    if ask == 0:
        return (math.nan if bid == 0 else bid), math.nan
    if bid > ask:
        raise RefusedError("bid", "is above the ask (crossed quote)", f"{bid} > {ask}")
    return bid, ask


class Sheet:
    """The contracts of one instant, gathered row by row."""

    def __init__(self, columns: Iterable[str] = COLUMNS) -> None:
        self._columns: dict[str, list[float]] = {name: [] for name in columns}
        self._contracts: dict[occ.Contract, int] = {}

    def __len__(self) -> int:
        return len(self._contracts)

    def add(self, contract: occ.Contract, **values: float) -> None:
        """Add a contract; RefusedError when it is there already."""
        if contract in self._contracts:
            raise RefusedError("contract", "is given twice at one instant", contract.symbol)
        self._contracts[contract] = len(self._contracts)
        for name, column in self._columns.items():
            column.append(values.get(name, math.nan))

    def snapshot(
        self,
        symbol: str,
        source: str,
        *,
        time: int,
        known_at: int,
        bid: float = math.nan,
        ask: float = math.nan,
        last: float = math.nan,
        scalars: Mapping[str, float] | None = None,
        settles: Mapping[occ.Contract, int] | None = None,
    ) -> SnapshotData:
        """Return the gathered contracts as a snapshot; columns that nobody gave are left out."""
        contracts = list(self._contracts)
        layout, order = make_layout(
            symbol,
            roots=[contract.root for contract in contracts],
            expiries=[contract.expiry for contract in contracts],
            is_call=[contract.right == "C" for contract in contracts],
            strikes=[contract.strike_thousandths / 1000 for contract in contracts],
            settles=None if settles is None else [settles[contract] for contract in contracts],
        )
        columns: dict[str, FloatArray] = {}
        for name, values in self._columns.items():
            column = np.array(values, dtype=np.float64)[order]
            if not np.isnan(column).all():
                columns[name] = column
        return SnapshotData(
            symbol, source, time, known_at, bid, ask, last, layout, columns, dict(scalars or {})
        )


GREEKS: Final = ("delta", "gamma", "theta", "vega", "rho")
"""Greeks that vendors give, in units of their own; kept as `vendor_delta` and so on."""
VENDOR: Final = ("vendor_iv", *(f"vendor_{name}" for name in GREEKS))


def vendor(iv: str, **greeks: str) -> dict[str, float]:
    """Return a vendor's volatility and Greeks under the names of `VENDOR`.

    Where it writes no volatility, or 0, it computed none, and its Greeks mean nothing.
    """
    found = {"vendor_iv": zero_is_missing(fields.optional(iv, "iv"))}
    known = not math.isnan(found["vendor_iv"])
    for name, text in greeks.items():
        value = fields.number(text, name) if text.strip() else math.nan
        found[f"vendor_{name}"] = value if known else math.nan
    return found


def zero_is_missing(value: float) -> float:
    """Return NaN for zero: vendors write 0 for an implied volatility that they did not compute."""
    return math.nan if value == 0 else value


def contract_of(root: str, expiry: dt.date, call: bool, strike: float) -> occ.Contract:
    """Return the contract of parsed fields; RefusedError when no OCC symbol can hold it."""
    try:
        return occ.from_parts(root, expiry, "C" if call else "P", strike)
    except occ.OccError as error:
        raise RefusedError("strike", str(error), strike) from error
