"""Snapshots and layouts as bytes: exact, compact, each readable on its own.

A column is stored as scaled integers when that gives back every double bit for bit (prices in
1/10,000 or coarser, sizes), else as the doubles themselves. Calls come before puts and each
value as the difference to the one before, so that neighbours along the strikes are small numbers
of the same kind; bytes of equal weight stand together; zstd does the rest.

Layout of the packed bytes, little endian: version (1 byte), then a zstd frame of
scalars (count; name, double each), columns (count; name, codec byte, length, data each).
Codec: 0 all NaN; 1 to 5 integers in units of 1, 1/10, 1/100, 1/1,000, 1/10,000; 255 doubles.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import zstandard

from market.snapshot import FloatArray, IntArray, Layout

VERSION: Final = 1
_LEVEL: Final = 6
_SCALES: Final = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
_EMPTY, _DOUBLES = 0, 255
_LIMIT: Final = 2.0**52  # of a scaled value: still an exact double, and room for a difference


class PackingError(ValueError):
    """The bytes are not a packed snapshot or layout of a version that is known."""


def pack_columns(
    columns: Mapping[str, FloatArray], scalars: Mapping[str, float], is_call: npt.NDArray[np.bool_]
) -> bytes:
    """Return the packed bytes of a snapshot's columns and scalars."""
    order = _calls_first(is_call)
    out = [struct.pack("<H", len(scalars))]
    out += [_name(name) + struct.pack("<d", value) for name, value in sorted(scalars.items())]
    out.append(struct.pack("<H", len(columns)))
    for name, column in sorted(columns.items()):
        codec, data = _encode(np.asarray(column, dtype=np.float64)[order])
        out.append(_name(name) + struct.pack("<BI", codec, len(data)) + data)
    return _seal(b"".join(out))


def unpack_columns(
    payload: bytes | memoryview, is_call: npt.NDArray[np.bool_]
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """Return the columns and scalars of `pack_columns`, bit for bit."""
    reader = _Reader(_open(payload))
    order = _calls_first(is_call)
    scalars = {}
    for _ in range(reader.number("<H")):
        name = reader.name()
        scalars[name] = reader.double()
    columns = {}
    for _ in range(reader.number("<H")):
        name = reader.name()
        codec, length = reader.number("<B"), reader.number("<I")
        column = np.empty(len(order))
        column[order] = _decode(codec, reader.take(length), len(order))
        columns[name] = column
    return columns, scalars


def layout_digest(layout: Layout) -> str:
    """Return a layout's content address: SHA-256 of its plain bytes."""
    return hashlib.sha256(_plain_layout(layout)).hexdigest()


def pack_layout(layout: Layout) -> bytes:
    """Return a layout's packed bytes."""
    return _seal(_plain_layout(layout))


def _plain_layout(layout: Layout) -> bytes:
    return b"".join(
        [
            _name(layout.underlying),
            struct.pack("<IH", len(layout), len(layout.root_names)),
            *(_name(name) for name in layout.root_names),
            layout.roots.astype("<u1").tobytes(),
            layout.days.astype("<i4").tobytes(),
            layout.settles.astype("<i8").tobytes(),
            layout.strikes.astype("<f8").tobytes(),
            layout.is_call.astype("<u1").tobytes(),
            layout.american.astype("<u1").tobytes(),
            layout.multipliers.astype("<f8").tobytes(),
        ]
    )


def unpack_layout(payload: bytes | memoryview) -> Layout:
    """Return the layout of `pack_layout`."""
    reader = _Reader(_open(payload))
    underlying = reader.name()
    n, roots = reader.number("<I"), reader.number("<H")
    names = tuple(reader.name() for _ in range(roots))
    return Layout(
        underlying,
        names,
        np.frombuffer(reader.take(n), "<u1"),
        np.frombuffer(reader.take(4 * n), "<i4"),
        np.frombuffer(reader.take(8 * n), "<i8"),
        np.frombuffer(reader.take(8 * n), "<f8"),
        np.frombuffer(reader.take(n), "<u1").astype(np.bool_),
        np.frombuffer(reader.take(n), "<u1").astype(np.bool_),
        np.frombuffer(reader.take(8 * n), "<f8"),
    )


def _calls_first(is_call: npt.NDArray[np.bool_]) -> IntArray:
    return np.concatenate([np.flatnonzero(is_call), np.flatnonzero(~is_call)])


def _encode(values: FloatArray) -> tuple[int, bytes]:
    missing = np.isnan(values)
    if missing.all():
        return _EMPTY, b""
    whole = np.where(missing, 0.0, values)
    if np.all(np.abs(whole) < _LIMIT / _SCALES[-1]) and not np.any(
        np.signbit(whole) & (whole == 0)
    ):
        for position, scale in enumerate(_SCALES):
            scaled = np.rint(whole * scale)
            if np.array_equal(scaled / scale, whole):
                return position + 1, _differences(scaled.astype(np.int64), missing)
    return _DOUBLES, _planes(values.astype("<f8").view("<u8"))


def _decode(codec: int, data: bytes, n: int) -> FloatArray:
    if codec == _EMPTY:
        return np.full(n, np.nan)
    if codec == _DOUBLES:
        return _unplanes(data, n).view("<f8").astype(np.float64)
    if codec > len(_SCALES):
        raise PackingError(f"codec {codec} is not known")
    bits = (n + 7) // 8
    missing = np.unpackbits(np.frombuffer(data[:bits], np.uint8), count=n).astype(np.bool_)
    zigzag = _unplanes(data[bits:], n)
    steps = (zigzag >> np.uint64(1)).astype(np.int64) ^ -(zigzag & np.uint64(1)).astype(np.int64)
    values = np.cumsum(steps) / _SCALES[codec - 1]
    values[missing] = np.nan
    return values


def _differences(values: IntArray, missing: npt.NDArray[np.bool_]) -> bytes:
    """Return the mask of missing values and the zigzag differences; a gap repeats its neighbor."""
    seen = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))))
    filled = np.where(seen >= 0, values[np.maximum(seen, 0)], 0)
    steps = np.diff(filled, prepend=0)
    zigzag = ((steps << 1) ^ (steps >> 63)).astype("<u8")
    return np.packbits(missing).tobytes() + _planes(zigzag)


def _planes(values: npt.NDArray[np.uint64]) -> bytes:
    """Return the bytes by weight: first how many planes are not all zero, then those planes."""
    planes = values.view(np.uint8).reshape(-1, 8).T
    used = np.flatnonzero(planes.any(axis=1))
    count = int(used[-1]) + 1 if used.size else 0
    return bytes([count]) + np.ascontiguousarray(planes[:count]).tobytes()


def _unplanes(data: bytes, n: int) -> npt.NDArray[np.uint64]:
    count = data[0] if data else 0
    if len(data) != 1 + count * n:
        raise PackingError("a column is shorter than its length says")
    planes = np.zeros((8, n), np.uint8)
    planes[:count] = np.frombuffer(data, np.uint8, offset=1).reshape(count, n)
    return np.ascontiguousarray(planes.T).view("<u8").reshape(n)


def _name(name: str) -> bytes:
    raw = name.encode()
    return struct.pack("<B", len(raw)) + raw


def _seal(plain: bytes) -> bytes:
    return bytes([VERSION]) + zstandard.ZstdCompressor(level=_LEVEL).compress(plain)


def _open(payload: bytes | memoryview) -> bytes:
    raw = bytes(payload)
    if not raw or raw[0] != VERSION:
        raise PackingError("the version of the packed bytes is not known")
    try:
        return zstandard.ZstdDecompressor().decompress(raw[1:])
    except zstandard.ZstdError as error:
        raise PackingError(str(error)) from error


class _Reader:
    """Takes values off the front of plain bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, length: int) -> bytes:
        part = self._data[self._at : self._at + length]
        if len(part) != length:
            raise PackingError("the packed bytes end early")
        self._at += length
        return part

    def number(self, form: str) -> int:
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def double(self) -> float:
        value: float = struct.unpack("<d", self.take(8))[0]
        return value

    def name(self) -> str:
        return self.take(self.number("<B")).decode()
