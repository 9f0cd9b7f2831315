"""Going on after the database was away, without losing the place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")
log = structlog.get_logger("pulse.feed")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0


def with_database(work: Callable[[], T], *, sleep: Callable[[float], None]) -> T:
    """Do `work`, again and again while the database is away; it must be safe to repeat.

    Only a lost or refused connection is waited out; any other error is the caller's.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block:
                raise  # the outermost caller repeats the whole transaction
            log.warning("database_away", error=str(error).splitlines()[0], retry_in_s=pause)
            connection.close()
            sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
