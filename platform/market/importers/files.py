"""Lines out of plain, gzip and zip files, with every kind of damage named.

A gzip file is read twice: its checksum stands at the end, and rows before a flipped bit look as
good as any. One that is cut short is trusted up to the cut; one whose contents do not match their
checksum is refused whole. Zip members are checked the same way, each on its own; a zip that is
cut has lost its directory and is refused whole.
"""

from __future__ import annotations

import csv
import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from market.importers.context import RefusedError, Reporter

_CHUNK = 1 << 20
_LINE_LIMIT = 1 << 20
_BOM = b"\xef\xbb\xbf"
_DAMAGE = (zlib.error, EOFError, OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


class Row(NamedTuple):
    """A line of a file, 1-based, split at its commas."""

    line: int
    cells: list[str]


def csv_rows(path: Path, context: Reporter) -> Iterator[Row]:
    """Yield the rows of a plain or gzip CSV file; a line that cannot be read is reported.

    RefusedError when the file as a whole cannot be trusted.
    """
    with path.open("rb") as raw:
        if path.suffix == ".gz":
            _check_gzip(path)
            stream: IO[bytes] = cast(IO[bytes], gzip.GzipFile(fileobj=raw))
        else:
            stream = raw
        yield from _rows(stream, context.reject, lambda: context.progress(raw.tell()))


def _check_gzip(path: Path) -> None:
    """Refuse a file whose contents are damaged; one that is cut short is good up to the cut."""
    try:
        with gzip.open(path) as stream:
            while stream.read(_CHUNK):
                pass
    except EOFError:
        return
    except (zlib.error, OSError) as error:
        raise RefusedError("file", "compressed data are damaged", error) from error


def _rows(
    stream: IO[bytes], reject: Callable[..., None], tick: Callable[[], None]
) -> Iterator[Row]:
    line = 0
    while True:
        try:
            raw = stream.readline(_LINE_LIMIT)
        except EOFError:
            reject(line + 1, RefusedError("file", "ends early: it was cut short"))
            return
        if not raw:
            return
        line += 1
        if line == 1 and raw.startswith(_BOM):
            raw = raw[len(_BOM) :]
        if line % 4096 == 0:
            tick()
        try:
            cells = split(raw)
        except RefusedError as error:
            reject(line, error)
            continue
        yield Row(line, cells)


def split(raw: bytes) -> list[str]:
    """Return the cells of a line; RefusedError when it is no line of text."""
    if len(raw) >= _LINE_LIMIT:
        raise RefusedError("row", "is longer than any row of this format")
    if b"\0" in raw:
        raise RefusedError("row", "holds a zero byte", raw[:80])
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise RefusedError("row", "is not UTF-8 text", raw[:80]) from error
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise RefusedError("row", f"cannot be split into fields: {error}", text[:80]) from error


def open_zip(path: Path, context: Reporter) -> zipfile.ZipFile | None:
    """Return the zip file, or report that it cannot be read and return None."""
    try:
        return zipfile.ZipFile(path)
    except _DAMAGE as error:
        context.reject(0, RefusedError("file", "is not a whole zip file", error))
        return None


def member_rows(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, context: Reporter
) -> Iterator[Row]:
    """Yield the rows of a member whose checksum holds; else report the member and yield none."""
    name = info.filename

    def reject(line: int, error: RefusedError) -> None:
        context.reject(line, error, file=name)

    try:
        with archive.open(info) as stream:
            while stream.read(_CHUNK):
                pass
    except _DAMAGE as error:
        reject(0, RefusedError("file", "member of the zip file is damaged", error))
        return
    with archive.open(info) as stream:
        yield from _rows(stream, reject, lambda: None)
    context.progress(info.header_offset + info.compress_size)
