"""LEAN zips: bars of equities, indexes and crypto; quotes, trades, open interest of options.

A bar is marked with its start on the wall clock of the file's zone and is known at its end.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from market import calendars, occ
from market.clock import MINUTE, SECOND, midnight_ns, wall_ns
from market.importers import fields, lean_names
from market.importers.context import Context, RawBar, RefusedError, Tally
from market.importers.files import Row, member_rows, open_zip
from market.importers.lean_names import OPTIONS, LeanFile
from market.importers.minutes import Assembly, Underlying
from market.importers.order import in_order
from market.importers.spool import Kind, Spool, Values

LATE = 20 * MINUTE  # late-closing options trade 15 minutes past the close, prints lag a little
_SOURCES = {"minute": "lean", "hour": "lean-hour", "daily": "lean-daily"}


class Lean:
    """Importer of LEAN data folders."""

    name = "lean"
    suffixes: tuple[str, ...] = (".zip",)
    help = "QuantConnect LEAN zips: option days, equity, index and crypto bars"
    dated = True

    def jobs(self, paths: list[Path]) -> Iterator[list[Path]]:
        """Yield bar files one by one, then option files a day of a chain at a time."""
        groups: dict[object, list[Path]] = {}
        singles: dict[Path, None] = {}
        for path in paths:
            try:
                file = lean_names.understand(path)
            except RefusedError:
                singles[path] = None  # `run` says why
                continue
            together = [path, *lean_names.siblings(file)] if file.security in OPTIONS else [path]
            for other in together:
                found = lean_names.understand(other)
                if found.security in OPTIONS:
                    members = groups.setdefault(found.group, [])
                    members += [] if other in members else [other]
                else:
                    singles[other] = None
        yield from ([path] for path in singles)
        yield from groups.values()

    def subject(self, path: Path) -> str:
        """Return the folders that say type, symbol and day: bytes alone do not."""
        return "/".join(path.resolve().parts[-5:])

    def run(self, paths: list[Path], contexts: Mapping[Path, Context]) -> None:
        """Read one bar file, or the files of one chain and span."""
        files = []
        for path in paths:
            try:
                files.append(lean_names.understand(path))
            except RefusedError as error:
                contexts[path].reject(0, error)
        if files and files[0].security in OPTIONS:
            _options(files, contexts)
        elif files:
            _bars(files[0], contexts[files[0].path])


def _bars(file: LeanFile, context: Context) -> None:
    archive = open_zip(file.path, context)
    if archive is None:
        return
    member = _bar_member(archive, file, context)
    if member is None:
        return
    context.instrument(file.symbol, file.security)
    name, tally = member.filename, Tally()

    def refuse(row: Row, error: RefusedError) -> None:
        context.reject(row.line, error, file=name)

    def parsed() -> Iterator[RawBar]:
        for end, row in _timed(member_rows(archive, member, context), file, refuse):
            try:
                made = (
                    _quote_bars(row, end, file) if file.tick == "quote" else _trade(row, end, file)
                )
            except RefusedError as error:
                refuse(row, error)
                continue
            tally.rows += 1
            yield from made

    context.bars(file.symbol, parsed(), interval=file.interval)
    context.accept(tally.rows)


def _bar_member(
    archive: zipfile.ZipFile, file: LeanFile, context: Context
) -> zipfile.ZipInfo | None:
    """Return the one member of a bar zip; where there are more, the one of the zip's day."""
    members = [info for info in archive.infolist() if not info.is_dir()]
    if len(members) > 1 and file.day is not None:
        mine = [info for info in members if info.filename.startswith(f"{file.day:%Y%m%d}_")]
        for info in members:
            if info not in mine:
                error = RefusedError("member", "is of another day than its zip file")
                context.reject(0, error, file=info.filename)
        members = mine
    if len(members) == 1:
        return members[0]
    context.reject(0, RefusedError("file", f"holds {len(members)} members instead of one"))
    return None


def _timed(
    rows: Iterable[Row], file: LeanFile, refuse: Callable[[Row, RefusedError], None]
) -> Iterator[tuple[int, Row]]:
    """Yield rows that go forward in time with the instant at which their bar ended, ns UTC."""

    def read() -> Iterator[tuple[int, Row]]:
        for row in rows:
            try:
                yield _end(row.cells[0], file), row
            except RefusedError as error:
                refuse(row, error)

    return in_order(
        read(), time=lambda item: item[0], refuse=lambda item, error: refuse(item[1], error)
    )


def _end(text: str, file: LeanFile) -> int:
    if file.day is not None:
        return wall_ns(file.day, fields.milliseconds(text), file.zone) + MINUTE
    day, _, clock = text.strip().partition(" ")
    date = fields.date(day, "time")
    if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", clock, re.ASCII) is None:
        raise RefusedError("time", "is not a time of the day", text)
    if file.resolution == "daily" and file.market == "usa":
        return _session(date, "time").close_ns
    start = wall_ns(date, (int(clock[:2]) * 60 + int(clock[3:])) * 60_000, file.zone)
    return start + file.interval * SECOND


def _session(day: dt.date, field: str) -> calendars.Session:
    try:
        found = calendars.session(day)
    except calendars.CalendarError as error:
        raise RefusedError(field, str(error), day) from error
    if found is None:
        raise RefusedError(field, "is a day without a session", day)
    return found


def _trade(row: Row, end: int, file: LeanFile) -> list[RawBar]:
    fields.width(row.cells, 6)
    opened, high, low, close = (
        fields.positive(text, name) / file.scale
        for text, name in zip(row.cells[1:5], ("open", "high", "low", "close"), strict=True)
    )
    fields.bar(opened, high, low, close)
    volume = fields.not_negative(row.cells[5], "volume")
    return [RawBar(end, end, opened, high, low, close, volume)]


def _quote_bars(row: Row, end: int, file: LeanFile) -> list[RawBar]:
    bid, ask = _sides(row, file)
    made = []
    for price, side in (("bid", bid), ("ask", ask)):
        if side is not None:
            made.append(RawBar(end, end, *side, price=price))
    return made


Side = tuple[float, float, float, float, float]


def _sides(row: Row, file: LeanFile) -> tuple[Side | None, Side | None]:
    """Return open, high, low, close and size of bid and ask; None for a side that is empty."""
    fields.width(row.cells, 11)
    bid, ask = (_side(row.cells[at : at + 5], name, file) for at, name in ((1, "bid"), (6, "ask")))
    if bid is not None and ask is not None:
        fields.quote(bid[3], ask[3])
    return bid, ask


def _side(cells: list[str], name: str, file: LeanFile) -> Side | None:
    size = fields.not_negative(cells[4], f"{name} size")
    if not any(cells[:4]):
        return None
    labels = [f"{name} {part}" for part in ("open", "high", "low", "close")]
    pairs = zip(cells, labels, strict=False)
    prices = [fields.not_negative(text, label) / file.scale for text, label in pairs]
    opened, high, low, close = prices
    fields.bar(opened, high, low, close, of=f"{name} ")
    return opened, high, low, close, size


def _options(files: list[LeanFile], contexts: Mapping[Path, Context]) -> None:
    first = files[0]
    try:
        window = _window(first)
    except RefusedError as error:
        for file in files:
            contexts[file.path].reject(0, error)
        return
    with Spool() as spool:
        assembly = Assembly(
            first.symbol,
            _SOURCES[first.resolution],
            spool,
            american=first.american,
            multiplier=first.multiplier,
            interval=first.interval * SECOND,
        )
        read = {file: _read_options(file, contexts[file.path], assembly, window) for file in files}
        if any(read.values()):
            context = contexts[first.path]
            context.instrument(first.symbol, OPTIONS[first.security])
            underlying = _underlying(first, context)
            context.snapshots(assembly.snapshots(_instants(assembly, window), underlying))
    for file, rows in read.items():
        contexts[file.path].accept(rows)


def _underlying(file: LeanFile, context: Context) -> Underlying:
    """Return the stored bars of the underlying on the file's day."""
    bars = [
        context.underlying_bars(file.symbol, file.day, price) if file.day else {}
        for price in ("trade", "bid", "ask")
    ]
    if not bars[0] and not (bars[1] and bars[2]):
        context.note("no bars of the underlying: its price comes from put-call parity")
    return Underlying(*bars)


Window = tuple[calendars.Session | None, int, int]


def _window(file: LeanFile) -> Window:
    """Return the session and the first and last instants at which a bar of the file may end."""
    if file.day is None:
        return None, -(2**63), 2**63 - 1
    if file.market != "usa":
        midnight = midnight_ns(file.day, file.zone)
        return None, midnight, midnight + 24 * 60 * MINUTE
    session = _session(file.day, "file")
    return session, session.open_ns + MINUTE, session.close_ns + LATE


def _instants(assembly: Assembly, window: Window) -> npt.NDArray[np.int64]:
    """Return the ends of the session's minutes and of the bars after it, or of all bars."""
    ends = set(assembly.instants())
    if window[0] is not None:
        ends |= set(window[0].minute_ends().tolist())
    return np.array(sorted(ends), dtype=np.int64)


def _read_options(file: LeanFile, context: Context, assembly: Assembly, window: Window) -> int:
    """Read one zip into the assembly; return how many rows were good."""
    archive = open_zip(file.path, context)
    if archive is None:
        return 0
    rows = 0
    with archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            try:
                contract = lean_names.contract_of(info.filename, file)
            except RefusedError as error:
                context.reject(0, error, file=info.filename)
                continue
            rows += _read_contract(archive, info, file, context, assembly, contract, window)
    return rows


def _read_contract(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    file: LeanFile,
    context: Context,
    assembly: Assembly,
    contract: occ.Contract,
    window: Window,
) -> int:
    def refuse(row: Row, error: RefusedError) -> None:
        context.reject(row.line, error, file=info.filename)

    count = 0
    for end, row in _timed(member_rows(archive, info, context), file, refuse):
        try:
            assembly.add(contract, *_said(row, end, file, window))
        except RefusedError as error:
            refuse(row, error)
        else:
            count += 1
    return count


def _said(row: Row, end: int, file: LeanFile, window: Window) -> tuple[Kind, int, Values]:
    """Return what a row says of its contract, and when it was known."""
    if file.tick == "openinterest":
        fields.width(row.cells, 2)
        known = end - MINUTE if file.day is not None else end
        contracts = fields.not_negative(row.cells[1], "open interest")
        return Kind.INTEREST, known, (contracts, math.nan, math.nan, math.nan)
    if not window[1] <= end <= window[2]:
        raise RefusedError("time", "is outside the session", row.cells[0])
    if file.tick == "trade":
        bar = _trade(row, end, file)[0]
        return Kind.TRADE, end, (bar.close, bar.volume or 0.0, math.nan, math.nan)
    none = (math.nan,) * 5
    bid, ask = (side or none for side in _sides(row, file))
    return Kind.QUOTE, end, (bid[3], bid[4], ask[3], ask[4])
