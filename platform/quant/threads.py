"""Threads for large arrays: kernels let go of the interpreter's lock, small batches stay alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Lock

import numpy as np

from quant.arrays import IntArray

_pool: ThreadPoolExecutor | None = None
_owner = 0
_lock = Lock()


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def in_chunks(
    work: Callable[[IntArray], object],
    count: int,
    *,
    grain: int,
    tile: int = 1,
    threads: int | None = None,
) -> None:
    """Call `work` with spans [begin, end) that together cover 0..count, each once.

    Parameters
    ----------
    work
        Fills results of its own span alone, so the cut does not change them.
    count
        Elements.
    grain
        Fewest elements that are worth a thread.
    tile
        Spans begin at multiples of it.
    threads
        How many to use; by default as many as pay, up to `cores()`.

    Raises
    ------
    ValueError
        When `threads` is below 1.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; give at least 1, or None to let size decide")
    wanted = min(cores(), count // grain) if threads is None else threads
    if wanted <= 1 or count == 0:
        work(np.array([0, count]))
        return
    tiles = -(-count // tile)
    cuts = [min(count, tile * (tiles * part // wanted)) for part in range(wanted + 1)]
    spans = [np.array(pair) for pair in pairwise(cuts) if pair[0] < pair[1]]
    others = [_executor().submit(work, span) for span in spans[1:]]
    work(spans[0])
    for other in others:
        other.result()


def _executor() -> ThreadPoolExecutor:
    """Return the pool of this process; one that was inherited by a fork has no threads."""
    global _pool, _owner
    with _lock:
        if _pool is None or _owner != os.getpid():
            _pool, _owner = ThreadPoolExecutor(max(1, cores()), "quant"), os.getpid()
        return _pool
