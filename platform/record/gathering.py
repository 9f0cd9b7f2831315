"""Calls of several threads that come at the same time, done as one piece of work.

While one thread is at work the others wait in a queue; the first of them then takes all that has
gathered. So one transaction, with one wait for the disk, serves as many calls as came during the
one before, and a call that comes alone waits for nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

J = TypeVar("J")


class _Place(Generic[J]):
    """A call in the queue; its turn is released when it is done, or has to lead."""

    __slots__ = ("done", "job", "turn")

    def __init__(self, job: J) -> None:
        self.job, self.done = job, False
        self.turn = threading.Lock()
        self.turn.acquire()


class Gathering(Generic[J]):
    """Does jobs together; `run` leaves what came of each in the job itself.

    Parameters
    ----------
    run : callable
        Does the jobs of a list, which is never empty. When it raises, the thread that led gets the
        error, and the jobs of the others come back as `run` left them.
    most : int
        Jobs that are done at once.
    """

    def __init__(self, run: Callable[[list[J]], None], *, most: int = 32) -> None:
        self._run, self._most = run, most
        self._lock = threading.Lock()
        self._waiting: list[_Place[J]] = []
        self._led = False

    def do(self, job: J) -> None:
        """Return when a job was done, by this thread or by another."""
        mine = _Place(job)
        with self._lock:
            self._waiting.append(mine)
            lead = not self._led
            self._led = True
        if not lead:
            mine.turn.acquire()
        if not mine.done:
            self._lead(mine)

    def _lead(self, mine: _Place[J]) -> None:
        with self._lock:
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            self._run([place.job for place in taken])
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._led = following is not None
            if following is not None:
                following.turn.release()
            for place in taken:
                place.done = True
                if place is not mine:
                    place.turn.release()
