"""Rows must go forward in time. A row out of place is refused, not everything after it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

from market.importers.context import RefusedError

T = TypeVar("T")
WINDOW = 2048


def in_order(
    rows: Iterable[T],
    *,
    time: Callable[[T], int],
    refuse: Callable[[T, RefusedError], None],
    repeats: bool = False,
) -> Iterator[T]:
    """Yield the rows that go forward in time; refuse the fewest others.

    Which of two rows is out of place shows only later, so rows are judged a window ahead: those
    on the longest forward run are kept. `repeats` allows equal times; else the first is kept.
    """
    buffer: list[T] = []
    last: int | None = None

    def judge(count: int) -> Iterator[T]:
        nonlocal last
        times = [time(row) for row in buffer]
        kept = _longest_run(times, last, repeats)
        for row, at, good in zip(buffer[:count], times, kept, strict=False):
            if good:
                last = at
                yield row
            else:
                refuse(row, RefusedError("time", _fault(at, last), at))

    for row in rows:
        buffer.append(row)
        if len(buffer) == 2 * WINDOW:
            yield from judge(WINDOW)
            del buffer[:WINDOW]
    yield from judge(len(buffer))


def _fault(at: int, last: int | None) -> str:
    if last is None or at > last:
        return "is later than the rows after it"
    return "repeats the row before" if at == last else "goes backwards"


def _longest_run(times: list[int], after: int | None, repeats: bool) -> list[bool]:
    """Return which times form the longest run that rises (strictly, unless `repeats`)."""
    chain = times if after is None else [after, *times]
    if all(a < b or (repeats and a == b) for a, b in pairwise(chain)):
        return [True] * len(times)
    find = bisect_right if repeats else bisect_left
    tails: list[int] = []  # smallest end of a run of each length, and where it stands
    places: list[int] = []
    before = [-1] * len(times)
    for place, at in enumerate(times):
        if after is not None and (at < after or (at == after and not repeats)):
            continue
        length = find(tails, at)
        before[place] = places[length - 1] if length else -1
        if length == len(tails):
            tails.append(at)
            places.append(place)
        elif at < tails[length]:
            tails[length], places[length] = at, place
    kept = [False] * len(times)
    place = places[-1] if places else -1
    while place >= 0:
        kept[place] = True
        place = before[place]
    return kept
