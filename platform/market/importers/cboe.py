"""Cboe delayed-quote tables: a few header lines, then calls and puts of a strike on one line.

The header's date may be in English, Spanish or Russian. The options' quotes are at least 15
minutes older than the header's stamp, so the snapshot's time is 15 minutes before it and it is
known at the stamp. The header's price may be of the evening while the options' are of the close:
the chain's own parity decides. Contracts that had settled are still listed and are left out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from market import calendars, occ
from market.clock import MINUTE, from_ns, new_york, to_ns
from market.importers import fields
from market.importers.context import Context, RefusedError
from market.importers.files import Row, csv_rows
from market.importers.parity import checked_spot
from market.importers.tables import VENDOR, Sheet, Table, two_sided, vendor, zero_is_missing

DELAY = 15 * MINUTE
_WIDTH = 22
_MONTHS = {
    name: number
    for number, names in enumerate(
        [("jan", "ene", "янв"), ("feb", "фев"), ("mar", "мар"), ("apr", "abr", "апр"),
         ("may", "мая", "май"), ("jun", "июн"), ("jul", "июл"), ("aug", "ago", "авг"),
         ("sep", "сен"), ("oct", "окт"), ("nov", "ноя"), ("dec", "dic", "дек")], start=1,
    )
    for name in names
}  # fmt: skip
_COLUMNS = ("bids", "asks", "open_interest", "volume", "last", *VENDOR)


@dataclass(frozen=True)
class Header:
    """What stands above the table."""

    stamp: int
    last: float
    bid: float
    ask: float


class Cboe(Table):
    """Importer of Cboe delayed-quote tables."""

    name = "cboe"
    help = "Cboe delayed-quote CSV (calls and puts side by side)"
    suffixes: tuple[str, ...] = (".csv",)

    def read(self, path: Path, context: Context) -> None:
        """Read one table."""
        rows = csv_rows(path, context)
        header = _header(rows)
        time, sheet = header.stamp - DELAY, Sheet(_COLUMNS)
        roots: set[str] = set()
        accepted = expired = 0
        for row in rows:
            if row.cells == [""]:
                continue
            try:
                live = _line(row, time, sheet, roots)
            except RefusedError as error:
                context.reject(row.line, error)
                continue
            accepted, expired = accepted + live, expired + (not live)
        if expired:
            context.skip(expired, "rows of contracts that had settled")
        if not len(sheet):
            raise RefusedError("file", "has no contract that can be used")
        rule = occ.rule(min(roots))
        context.instrument(rule.underlying, "index" if rule.index else "equity")
        data = sheet.snapshot(
            rule.underlying, self.name, time=time, known_at=header.stamp,
            bid=header.bid, ask=header.ask, last=header.last,
        )  # fmt: skip
        data, remark = checked_spot(data)
        if remark:
            context.note(remark)
        context.snapshots([data])
        context.accept(accepted)


def _header(rows: Iterator[Row]) -> Header:
    lines: list[str] = []
    for row in rows:
        if row.cells and row.cells[0].strip() == "Expiration Date":
            break
        lines.append(",".join(row.cells))
        if len(lines) > 10:
            raise RefusedError("header", "has no line that begins with 'Expiration Date'")
    else:
        raise RefusedError("header", "has no line that begins with 'Expiration Date'")
    text = " | ".join(lines)
    return Header(
        to_ns(stamp(text)), _price(text, "Last"), _price(text, "Bid"), _price(text, "Ask")
    )


def _price(text: str, label: str) -> float:
    match = re.search(rf"\b{label}:\s*([\d.,]*\d)", text)
    if match is None:
        raise RefusedError("header", f"has no '{label}:' price")
    return fields.positive(match[1], label.lower())


def stamp(text: str) -> dt.datetime:
    """Return the header's date and New York time; RefusedError when they are not understood."""
    match = re.search(r"Date:\s*(.*?)(?:,Bid|\||$)", text)
    words = match[1].lower() if match else ""
    year = re.search(r"\b(20\d\d)\b", words)
    clock = re.search(r"(\d{1,2}):(\d\d)\s*([ap])?", words)
    found = [w[:3] for w in re.findall(r"[a-zа-я]{3,}", words) if w[:3] in _MONTHS]
    rest = re.sub(r"\d{1,2}:\d\d|20\d\d|gmt-\d", " ", words)
    day = re.search(r"\b(\d{1,2})\b", rest)
    if not (year and clock and found and day):
        raise RefusedError("header", "has a date that is not understood", words)
    hour = int(clock[1])
    if clock[3]:
        hour = hour % 12 + (12 if clock[3] == "p" else 0)
    try:
        date = dt.date(int(year[1]), _MONTHS[found[0]], int(day[1]))
        return new_york(date, dt.time(hour, int(clock[2])))
    except ValueError as error:
        raise RefusedError("header", "has a date that does not exist", words) from error


def _line(row: Row, time: int, sheet: Sheet, roots: set[str]) -> bool:
    """Add the call and the put of a line; return False when they had settled."""
    fields.width(row.cells, _WIDTH)
    expiry = _expiry(row.cells[0])
    strike = fields.positive(row.cells[11], "strike")
    made = []
    for right, at in (("C", 1), ("P", 12)):
        contract = _contract(row.cells[at], expiry, right, strike)
        made.append((contract, _values(row.cells, at)))
    if calendars.settlement(made[0][0].root, expiry) <= from_ns(time):
        return False
    for contract, values in made:
        sheet.add(contract, **values)
        roots.add(contract.root)
    return True


def _expiry(text: str) -> dt.date:
    try:
        return dt.datetime.strptime(text.strip(), "%a %b %d %Y").replace(tzinfo=dt.UTC).date()
    except ValueError as error:
        raise RefusedError("expiration", "is not a date", text) from error


def _contract(symbol: str, expiry: dt.date, right: str, strike: float) -> occ.Contract:
    try:
        contract = occ.parse(symbol.strip())
    except occ.OccError as error:
        raise RefusedError("symbol", "is not an OCC symbol", symbol) from error
    if (contract.expiry, contract.right, float(contract.strike)) != (expiry, right, strike):
        raise RefusedError("symbol", "does not agree with the row", symbol)
    return contract


def _values(cells: list[str], at: int) -> dict[str, float]:
    bid, ask = two_sided(
        fields.not_negative(cells[at + 3], "bid"), fields.not_negative(cells[at + 4], "ask")
    )
    return {
        "last": zero_is_missing(fields.not_negative(cells[at + 1], "last")),
        "bids": bid,
        "asks": ask,
        "volume": fields.not_negative(cells[at + 5], "volume"),
        **vendor(cells[at + 6], delta=cells[at + 7], gamma=cells[at + 8]),
        "open_interest": fields.not_negative(cells[at + 9], "open interest"),
    }
