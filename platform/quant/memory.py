"""How kernels see memory: columns of any layout as addresses, and rows for large results.

Fresh memory costs the system as much time as computing what goes into it, so the last large block
is kept, and used again when no array refers to it any more.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from quant.arrays import FloatArray, IntArray

LINE = 8  # float64 in a cache line
_WORTH_KEEPING = 1 << 19  # float64: 4 MiB
_KEPT_MOST = 1 << 25  # float64: 256 MiB
_OURS_ALONE = 2  # references: the list's and that of the question itself

_kept: list[FloatArray] = []
_lock = Lock()


def row_length(count: int) -> int:
    """Return how far apart rows of `count` numbers lie: whole cache lines, an odd step apart.

    Rows a power of two apart would share the same few places of the cache and evict each other.
    """
    lines = -(-count // LINE)
    return LINE * (lines + (5 - lines) % 64)


def take(size: int) -> FloatArray:
    """Return a block of `size` float64 that begins on a cache line, contents unknown.

    Give it to `keep` once views of it are made.
    """
    raw = _kept_one(size + LINE)
    if raw is None:
        raw = np.empty(size + LINE)
    skipped = (-raw.ctypes.data // 8) % LINE
    return raw[skipped : skipped + size]


def _kept_one(size: int) -> FloatArray | None:
    with _lock:
        for place in range(len(_kept)):
            fits = size <= _kept[place].size <= 2 * size
            if fits and sys.getrefcount(_kept[place]) <= _OURS_ALONE:
                return _kept.pop(place)
    return None


def keep(block: FloatArray) -> None:
    """Let a block be used again when nothing refers to it; only the newest are kept."""
    raw = block.base  # what every view of the block refers to
    if not isinstance(raw, np.ndarray) or not _WORTH_KEEPING <= raw.size <= _KEPT_MOST:
        return
    with _lock:
        _kept.append(raw)
        while sum(one.size for one in _kept) > _KEPT_MOST:
            del _kept[0]


def flat(array: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return an array broadcast to `shape` as one dimension, without a copy where it can be.

    One number that stands for all stays alone.
    """
    if array.size == 1 and array.shape != shape:
        return array.reshape(1)
    if array.shape != shape:
        array = np.broadcast_to(array, shape)
    return array.reshape(-1)


def address(array: npt.NDArray[Any]) -> int:
    """Return where an array's first element lies."""
    found: int = array.__array_interface__["data"][0]
    return found


def places(columns: Sequence[npt.NDArray[Any]], count: int) -> IntArray:
    """Return address and stride in bytes of each column of `flat`, for `kernels.compile.load`.

    The columns must stay alive while a kernel uses the addresses.
    """
    pairs = ((address(one), one.strides[0] if one.size == count else 0) for one in columns)
    return np.array([part for pair in pairs for part in pair])
