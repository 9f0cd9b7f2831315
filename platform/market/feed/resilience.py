"""Going on after the database was away, without losing the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")
log = structlog.get_logger("pulse.feed")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0


LOST = (OperationalError, InterfaceError)
"""What a lost or refused connection raises."""


def with_database(work: Callable[[], T], *, sleep: Callable[[float], None]) -> T:
    """Do `work`, again and again while the database is away; it must be safe to repeat.

    Only a lost or refused connection is waited out; any other error is the caller's.
    """
    pauses = _Pauses(sleep)
    while True:
        try:
            return work()
        except LOST as error:
            if connection.in_atomic_block:
                raise  # the outermost caller repeats the whole transaction
            pauses.wait_out(error)


def read_on(
    open_after: Callable[[int], Iterator[T]],
    place: Callable[[T], int],
    *,
    sleep: Callable[[float], None],
) -> Iterator[T]:
    """Yield a stream's items, opening it again after the last one when the database was away."""
    after = 0
    pauses = _Pauses(sleep)
    while True:
        stream = open_after(after)
        while True:
            try:
                item = next(stream, None)
            except LOST as error:
                pauses.wait_out(error)
                break
            if item is None:
                return
            pauses = _Pauses(sleep)
            after = place(item)
            yield item


class _Pauses:
    """Growing pauses between tries."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._next = FIRST_PAUSE

    def wait_out(self, error: Exception) -> None:
        """Drop the dead connection and pause."""
        log.warning("database_away", error=str(error).splitlines()[0], retry_in_s=self._next)
        connection.close()
        self._sleep(self._next)
        self._next = min(self._next * 2, LONGEST_PAUSE)
