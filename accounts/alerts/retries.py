"""When a message is tried again and when a channel is paused: plain rules, no Django."""

from __future__ import annotations

import datetime as dt
import math
from email.utils import parsedate_to_datetime
from typing import Final

FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 600.0
GIVE_UP_S: Final = 86_400.0
"""Age at which a message is of no use; a longer `Retry-After` says the same as this one."""
SPREAD: Final = 0.2

PAUSE_AT: Final = 12
"""Failed tries in a row that pause a channel, when they lasted for PAUSE_AFTER_S."""
PAUSE_AFTER_S: Final = 3600.0
REFUSAL_WEIGHT: Final = 4
"""A refusal that no repetition cures counts as so many failed tries."""


def wait(tries: int, *, asked: float | None = None, chance: float = 0.5) -> float:
    """Return the seconds until the next try after `tries` tries.

    Doubles from 5 s to 10 min, spread by a fifth so that many do not return at once (`chance` is
    uniform on 0..1). What the other side asked for is never cut short.
    """
    own = min(FIRST_WAIT_S * 2.0 ** min(max(tries, 1) - 1, 20), LONGEST_WAIT_S)
    own *= 1.0 - SPREAD + 2.0 * SPREAD * chance
    return own if asked is None else max(own, min(asked, GIVE_UP_S))


def retry_after(text: str | None, now: dt.datetime) -> float | None:
    """Return the seconds that a `Retry-After` header asks for: seconds or an HTTP date."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or dt.UTC) - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def pauses(failures: int, *, lasting_s: float, refused: bool) -> bool:
    """Return whether a channel with so many failures in a row is paused.

    An outage must also have lasted an hour; refusals need no such patience.
    """
    return failures >= PAUSE_AT and (refused or lasting_s >= PAUSE_AFTER_S)
