"""Requests with an end: given up after a while, and told apart by whether they had left.

A request runs in a thread of its own. One that had not left when it was given up is kept from
leaving, so it was certainly not taken; what became of one that had left is not known.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from trading.brokers.protocol import NotTakenError, OutcomeUnknownError

CONNECT_S: Final = 3.0
READ_S: Final = 7.0
WHOLE_S: Final = 9.0
TRIES: Final = 3
AGAIN_S: Final = 1.0
"""After this long a question that failed is not asked again: each call ends within ten seconds."""


class Attempt:
    """One request on its way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link: socket.socket | None = None
        self._given_up = False
        self.left = False
        self.done = threading.Event()
        self.answer: Any = None
        self.error: Exception | None = None

    def leave(self, link: Any) -> None:
        """Note that the request leaves now; OSError when nobody waits for it any more."""
        with self._lock:
            if self._given_up:
                raise OSError("given up before it was sent")
            self._link, self.left = link, True

    def give_up(self) -> None:
        """Keep it from leaving, and cut it off when it has left."""
        with self._lock:
            self._given_up = True
            if self._link is not None:
                with suppress(OSError):
                    self._link.shutdown(socket.SHUT_RDWR)


_current = threading.local()


def leaving(link: Any = None) -> None:
    """Note that the current request leaves now, by a socket; OSError when it was given up."""
    attempt: Attempt = _current.attempt
    attempt.leave(link)


def carried_out(ask: Callable[[], Any], refusal: type[Exception], whole_s: float) -> Any:
    """Return what `ask` returns within `whole_s`, or raise what it means that it did not.

    An exception of the type `refusal` is an answer, and raised as it is.
    """
    attempt = Attempt()
    threading.Thread(target=_carry_out, args=(attempt, ask), daemon=True).start()
    if not attempt.done.wait(whole_s):
        attempt.give_up()
        raise _lost(attempt, "no answer in time")
    if attempt.error is None:
        return attempt.answer
    if isinstance(attempt.error, refusal):
        raise attempt.error
    raise _lost(attempt, type(attempt.error).__name__) from None


def _carry_out(attempt: Attempt, ask: Callable[[], Any]) -> None:
    _current.attempt = attempt
    try:
        attempt.answer = ask()
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller classifies it
        attempt.error = error
    attempt.done.set()


def _lost(attempt: Attempt, why: str) -> Exception:
    if attempt.left:
        return OutcomeUnknownError(f"Sent, and then: {why}.")
    return NotTakenError(f"The broker was not reached: {why}.")


def asked_again(read: Callable[[], Any]) -> Any:
    """Return what a question brings, which may be asked again: it changes nothing.

    One that failed at once is asked twice more, for a list of many pages would never be read to
    its end else. One that took long is not, nor one for which the rate has no room.
    """
    until = time.monotonic() + AGAIN_S
    for _ in range(TRIES - 1):
        try:
            return read()
        except (NotTakenError, OutcomeUnknownError) as error:
            if getattr(error, "after", None) is not None or time.monotonic() > until:
                raise
    return read()


def whole(text: str | None) -> int | None:
    """Return a number of a header; None for none."""
    try:
        return int(float(text)) if text else None
    except ValueError:
        return None
