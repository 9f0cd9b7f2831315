"""Chains in any other CSV layout: `--map FIELD=COLUMN` and `--set FIELD=VALUE` say what is what.

Fields of a row: `occ`, or `root`, `expiry`, `right`, `strike`; `time`; `bid`, `ask`, `bid_size`,
`ask_size`, `last`, `volume`, `open_interest`, `iv`; `spot`. A layout with the call and the put on
one line maps `call.bid`, `put.bid` and so on instead of `right`. A `time` that is only a date is
that session's close. `underlying` is set, or follows from the root.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

from market import calendars, occ
from market.clock import from_ns
from market.importers import fields
from market.importers.context import Context, RefusedError, Tally
from market.importers.parity import checked_spot
from market.importers.tables import (
    GREEKS,
    VENDOR,
    Named,
    Sheet,
    Table,
    contract_of,
    named_rows,
    two_sided,
    vendor,
    zero_is_missing,
)
from market.snapshot import SnapshotData

_VALUES = {
    "bid_size": "bid_sizes", "ask_size": "ask_sizes", "volume": "volume",
    "open_interest": "open_interest",
}  # fmt: skip
_COLUMNS = (
    "bids", "asks", "bid_sizes", "ask_sizes", "open_interest", "volume", "last", *VENDOR
)  # fmt: skip
FIELDS = frozenset(
    {"occ", "root", "expiry", "right", "strike", "time", "bid", "ask", "last", "iv", "spot",
     "underlying", *GREEKS, *_VALUES}
)  # fmt: skip
_SIDES = ("call", "put")


class Cell(Protocol):
    """Gives the text of a field, of one side where the layout has two."""

    def __call__(self, name: str, side: str = "") -> str:
        """Return the text of a field."""


@dataclass(frozen=True)
class _Quote:
    line: int
    time: int
    spot: float
    contract: occ.Contract
    values: Mapping[str, float]


class Generic(Table):
    """Importer of chains in layouts that the person describes."""

    name = "generic"
    help = "option chains in another CSV layout, described by --map and --set"

    def read(self, path: Path, context: Context) -> None:
        """Read one file; rows of one instant must stand together."""
        columns = {name: column.lower() for name, column in context.options.columns.items()}
        constants = context.options.constants
        _check(columns, constants)
        rows = named_rows(path, context, needs=sorted(set(columns.values())))
        tally = Tally()

        def quotes() -> Iterator[_Quote]:
            for row in rows:
                try:
                    made = list(_quotes(row, columns, constants))
                except RefusedError as error:
                    context.reject(row.line, error)
                    continue
                tally.rows += 1
                yield from made

        for (time, symbol), group in groupby(
            quotes(), key=lambda one: (one.time, _underlying(one.contract.root, constants))
        ):
            rule_kind = "index" if occ.rule(symbol).index else "equity"
            context.instrument(symbol, rule_kind)
            data, lost = self._snapshot(group, time, symbol, context)
            tally.rows -= lost
            data, remark = checked_spot(data)
            if remark:
                context.note(remark)
            context.snapshots([data])
        if not tally.rows:
            raise RefusedError("file", "has no row that can be used")
        context.accept(tally.rows)

    def _snapshot(
        self, group: Iterator[_Quote], time: int, symbol: str, context: Context
    ) -> tuple[SnapshotData, int]:
        sheet, spot, lost = Sheet(_COLUMNS), math.nan, set()
        for quote in group:
            try:
                sheet.add(quote.contract, **quote.values)
            except RefusedError as error:
                context.reject(quote.line, error)
                lost.add(quote.line)
                continue
            spot = quote.spot
        data = sheet.snapshot(symbol, self.name, time=time, known_at=time, last=spot)
        return data, len(lost)


def _check(columns: Mapping[str, str], constants: Mapping[str, str]) -> None:
    given = {name.removeprefix("call.").removeprefix("put.") for name in columns} | set(constants)
    unknown = sorted(given - FIELDS)
    if unknown:
        raise RefusedError("map", f"has no field {', '.join(unknown)}")
    wide = any(name.startswith(("call.", "put.")) for name in columns)
    needed = {"time"} | (set() if "occ" in given else {"root", "expiry", "strike"})
    if not wide and "occ" not in given:
        needed.add("right")
    if missing := sorted(needed - given):
        raise RefusedError("map", f"leaves out {', '.join(missing)}: give --map or --set")


def _underlying(root: str, constants: Mapping[str, str]) -> str:
    return constants.get("underlying", "").upper() or occ.rule(root).underlying


def _quotes(
    row: Named, columns: Mapping[str, str], constants: Mapping[str, str]
) -> Iterator[_Quote]:
    def cell(name: str, side: str = "") -> str:
        column = columns.get(f"{side}.{name}") or columns.get(name)
        return row[column] if column else constants.get(name, "")

    time = _time(cell("time"))
    spot = fields.optional(cell("spot"), "spot")
    wide = any(name.startswith("call.") for name in columns)
    for side in _SIDES if wide else ("",):
        contract = _contract(cell, side)
        if calendars.settlement(contract.root, contract.expiry) < from_ns(time):
            raise RefusedError("expiry", "is before the quote", contract.expiry)
        yield _Quote(row.line, time, zero_is_missing(spot), contract, _cells(cell, side))


def _contract(cell: Cell, side: str) -> occ.Contract:
    symbol = cell("occ", side).strip()
    if symbol:
        try:
            return occ.parse(symbol)
        except occ.OccError as error:
            raise RefusedError("occ", "is not an OCC symbol", symbol) from error
    call = fields.right(side or cell("right"), "right")
    expiry = fields.date(cell("expiry", side), "expiry")
    strike = fields.positive(cell("strike", side), "strike")
    return contract_of(cell("root", side).strip().upper(), expiry, call, strike)


def _cells(cell: Cell, side: str) -> dict[str, float]:
    bid, ask = two_sided(
        fields.optional(cell("bid", side), "bid"), fields.optional(cell("ask", side), "ask")
    )
    values = {"bids": bid, "asks": ask}
    for name, column in _VALUES.items():
        values[column] = fields.optional(cell(name, side), name)
    values["last"] = zero_is_missing(fields.optional(cell("last", side), "last"))
    return values | vendor(cell("iv", side), **{name: cell(name, side) for name in GREEKS})


def _time(text: str) -> int:
    if len(text.strip()) > 10:
        return fields.instant(text, "time")
    day = fields.date(text, "time")
    session = calendars.session(day)
    if session is None:
        raise RefusedError("time", "is a day without a session", text)
    return session.close_ns
