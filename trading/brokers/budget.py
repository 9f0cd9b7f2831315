"""How many requests a broker may be sent: a window of our own, and what its headers say.

Who can wait leaves a share to what must not: orders to reading, both to cancels. What a process
before this one used is told by the headers of the first answer.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from trading.brokers.protocol import NotTakenError

WINDOW_S: Final = 60.0
_LONGEST_S: Final = 60.0


class Budget:
    """Counts requests of one account; safe between threads.

    Parameters
    ----------
    most : int
        Requests in any 60 seconds that are used: others of the owner may use the key too.
    hard : int
        What the broker allows, for what must not wait; `most` when it is 0.
    clock : callable
        Seconds since the epoch.
    """

    def __init__(self, most: int, *, hard: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._hard = max(most, hard)
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._left: int | None = None
        self._reset = 0.0
        self._shut_until = 0.0
        self._refusals = 0

    def take(self, spare: int = 0, *, urgent: bool = False) -> None:
        """Count a request that is about to be sent and leaves `spare` to others.

        What is urgent may use all that the broker allows.

        Raises
        ------
        NotTakenError
            When the rate is used up; `after` says when there is room again.
        """
        with self._lock:
            now = self._clock()
            while self._sent and self._sent[0] <= now - WINDOW_S:
                self._sent.popleft()
            until = self._until(now, spare, self._hard if urgent else self._most)
            if until > now:
                raise NotTakenError("The broker's rate is used up.", _instant(until))
            self._sent.append(now)
            if self._left is not None:
                self._left -= 1

    def _until(self, now: float, spare: int, most: int) -> float:
        """Return when there is room; now or earlier when there is."""
        if now < self._shut_until:
            return self._shut_until
        if self._left is not None and now < self._reset and self._left <= spare:
            return self._reset
        room = most - spare
        if room <= 0:
            return now + WINDOW_S
        if len(self._sent) >= room:
            return self._sent[len(self._sent) - room] + WINDOW_S
        return now

    def learn(self, left: int | None, reset: float | None) -> None:
        """Take over what an answer says: how many are left until when (seconds since the epoch)."""
        with self._lock:
            self._refusals = 0
            if left is not None and reset is not None:
                self._left, self._reset = left, reset

    def refused(self, until: float | None) -> dt.datetime:
        """Stop after a refusal for too many requests; return until when.

        Without a word from the broker the wait doubles with each refusal, from 1 s to 60 s.
        """
        with self._lock:
            now = self._clock()
            self._refusals += 1
            wait = min(2.0 ** (self._refusals - 1), _LONGEST_S)
            given = until if until is not None and until > now else now + wait
            self._shut_until = min(given, now + 2 * _LONGEST_S)
            return _instant(self._shut_until)


def _instant(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
