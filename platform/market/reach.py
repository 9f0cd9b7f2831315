"""How near to now and how far back a person may look: one pure rule, and a hook for the limits.

`accounts` stands above and says what a person's plan gives. Every read of market state takes the
`Reach` of who asks; without the hook nobody reads anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from record.access import CLOSED, NotEntitledError


@dataclass(frozen=True, slots=True)
class Reach:
    """The limits of a person: `delay_s` behind now, `history_days` back; None for all there is."""

    delay_s: int
    history_days: int | None


WHOLE: Final = Reach(delay_s=0, history_days=None)
"""What the platform's own work sees."""


class Opener(NamedTuple):
    """A plan that opens more of the past."""

    name: str
    title: str


class HistoryError(NotEntitledError):
    """An instant lies further back than a plan reaches; `opener` is the plan that opens it."""

    def __init__(self, earliest: dt.datetime, opener: Opener) -> None:
        day = earliest.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M")
        super().__init__(f"History before {day} UTC needs the {opener.title} plan.")
        self.earliest = earliest
        self.opener = opener


ReachOf = Callable[[Any], Reach]
OpenerOf = Callable[[float], Opener]
"""Given how many days back an instant lies: the smallest plan that reaches it."""


class Hook(NamedTuple):
    """Who names the limits."""

    reach_of: ReachOf
    opener_of: OpenerOf


_hooks: list[Hook] = []


def set_hook(hook: Hook | None) -> Hook | None:
    """Set who names the limits, and return who did; without a hook everything is refused."""
    before = _hooks.pop() if _hooks else None
    if hook is not None:
        _hooks.append(hook)
    return before


def reach_of(user: Any) -> Reach:
    """Return the limits of a person.

    Raises
    ------
    record.access.NotEntitledError
        When nobody names limits.
    """
    return _hook().reach_of(user)


def reach_of_id(user_id: int) -> Reach:
    """Return the limits of the person with an id, as they are now; nobody's are a visitor's."""
    from django.contrib.auth import get_user_model

    return reach_of(get_user_model()._default_manager.filter(pk=user_id).first())


def _hook() -> Hook:
    if not _hooks:
        raise NotEntitledError(CLOSED)
    return _hooks[0]


@dataclass(frozen=True, slots=True)
class Span:
    """The instants of one symbol that a person may see, both ends included; None leaves one open.

    `delay_s` is how far the newest that is shown stands behind what is known, 0 where nothing is
    held back. `newest` is the newest stored instant.
    """

    earliest: dt.datetime | None = None
    latest: dt.datetime | None = None
    newest: dt.datetime | None = None
    delay_s: int = 0

    def shown(self, at: dt.datetime | None) -> dt.datetime | None:
        """Return the instant to show when `at` is asked for; None stands for the newest.

        Raises
        ------
        HistoryError
            When `at` lies before the earliest.
        """
        if at is None:
            return None
        if self.earliest is not None and self.newest is not None and at < self.earliest:
            days = (self.newest - at) / dt.timedelta(days=1)
            raise HistoryError(self.earliest, _hook().opener_of(days))
        return None if self.latest is not None and at > self.latest else at

    def held(self, *asked: dt.datetime | None) -> int:
        """Return the delay of an answer: 0 when it was asked for up to an instant that is shown."""
        ends = [end for end in asked if end is not None]
        return 0 if ends and self.shown(min(ends)) is not None else self.delay_s

    def until(self, at: dt.datetime | None) -> dt.datetime | None:
        """Return the end of what may be read: `at`, or the latest where that is earlier."""
        ends = [end for end in (at, self.latest) if end is not None]
        return min(ends, default=None)


def span(
    reach: Reach,
    *,
    clock: dt.datetime,
    now: dt.datetime | None,
    newest: dt.datetime | None,
) -> Span:
    """Return what a reach leaves of a symbol.

    Parameters
    ----------
    clock
        The market's own time of the symbol: of a simulation or a replay the newest minute that it
        played, of recorded data ours. The delay counts from it.
    now
        What the symbol shows without a delay, None when nothing is stored of it.
    newest
        The newest instant that is stored of it. History counts from it, so that a recorded year
        does not grow old while nobody records, and no replay of an old day opens older ones.
    """
    latest = clock - dt.timedelta(seconds=reach.delay_s) if reach.delay_s else None
    held = latest is not None and now is not None and now > latest
    earliest = None
    if reach.history_days is not None and newest is not None:
        earliest = newest - dt.timedelta(days=reach.history_days)
    return Span(earliest, latest, newest, reach.delay_s if held else 0)
